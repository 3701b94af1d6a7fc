// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <moxie/format/checkpoint.hpp>

namespace moxie::inline abi1::model {

/// What a weight is for, whatever a file calls it.
enum class Part : std::uint8_t {
  kEmbedding,
  kFinalNorm,
  kHead,
  kRopeFactors,
  kAttentionNorm,
  kQuery,
  kKey,
  kValue,
  kAttentionOutput,
  kAttentionGate,
  kAttentionPostNorm,
  kQueryDown,
  kQueryDownNorm,
  kQueryUp,
  kLatentDown,
  kLatentNorm,
  kLatentUp,
  kQueryNorm,
  kKeyNorm,
  kAttentionSinks,
  kFeedForwardNorm,
  kFeedForwardPostNorm,
  kGate,
  kUp,
  kDown,
  kRouter,
  kSelectionBias,
  kSharedGate,
  kSharedUp,
  kSharedDown,
  kSharedScale,
  kExpertsNorm,      ///< before experts, where those and what is beside them have norms of their own
  kExpertsPostNorm,  ///< behind them
  kSharedPostNorm,   ///< behind what is beside them
  kRouterScale,      ///< of the norm that the router reads through
  kExpertScale,
  kLayerScale,
  kLayerInputs,  ///< the embedding of what layers get of a token
  kLayerInputsProjection,
  kLayerInputsNorm,
  kLayerInputGate,
  kLayerInputUp,
  kLayerInputPostNorm,
  kExpertGateUp,  ///< of all experts: each one's gate rows, then its up rows
  kExpertGate,
  kExpertUp,
  kExpertDown,
  kLatentKey,    ///< of each head, in the place of an expert
  kLatentValue,  ///< likewise
};
inline constexpr std::size_t kParts = static_cast<std::size_t>(Part::kLatentValue) + 1;

/// One weight of a model: the layer and the expert (or head) mean something where the part has them.
struct Place {
  Part part;
  std::size_t layer = 0;
  std::size_t expert = 0;
  std::size_t n_experts = 0;
};

/// Where a folder of Hugging Face has its text model: what stands in place of "model.", and before names that do not
/// begin so. Beside towers for pictures or sound it lies below another name.
struct TextPrefix {
  std::string_view model = "model.";
  std::string_view other;
};

/// What a family's tensors are called in one kind of file, without ".weight" and ".bias": `{l}` stands for the layer,
/// `{e}` for the expert; `{}` at the end means that the name is whole, and nothing follows it. A part of experts (or
/// heads) whose name has no `{e}` holds those of all, [N, out, in].
class TensorNames {
 public:
  struct Entry {
    Part part;
    std::string_view pattern;
  };
  template <std::size_t N>
  constexpr explicit TensorNames(const Entry (&entries)[N]) noexcept {
    for (const Entry& entry : entries) patterns_[static_cast<std::size_t>(entry.part)] = entry.pattern;
  }
  /// The same with other names for some parts.
  template <std::size_t N>
  [[nodiscard]] constexpr TensorNames with(const Entry (&entries)[N]) const noexcept {
    TensorNames names = *this;
    for (const Entry& entry : entries) names.patterns_[static_cast<std::size_t>(entry.part)] = entry.pattern;
    return names;
  }

  /// The same as the checkpoint has them, with the prefix under which its embedding is.
  [[nodiscard]] TensorNames in(const Checkpoint& checkpoint) const;

  /// Empty where the family has no such part.
  [[nodiscard]] constexpr std::string_view pattern(Part part) const noexcept {
    return patterns_[static_cast<std::size_t>(part)];
  }
  /// Whether one tensor holds the part of all experts.
  [[nodiscard]] constexpr bool is_fused(Part part) const noexcept {
    return part >= Part::kExpertGate && pattern(part).find("{e}") == std::string_view::npos;
  }
  /// Whether one tensor has the rows of all experts' gates and ups, which take turns: stacked_experts.hpp.
  [[nodiscard]] constexpr bool take_turns() const noexcept {
    return !pattern(Part::kExpertGate).empty() && pattern(Part::kExpertGate) == pattern(Part::kExpertUp);
  }
  [[nodiscard]] std::string name(const Place& place) const;
  /// The same with what follows, ".weight" or ".bias".
  [[nodiscard]] std::string tensor(const Place& place, std::string_view kind) const;

 private:
  std::array<std::string_view, kParts> patterns_{};
  TextPrefix prefix_;
};

}  // namespace moxie::model
