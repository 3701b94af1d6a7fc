// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include <moxie/backend/linear.hpp>
#include <moxie/expert/gated_mlp.hpp>
#include <moxie/moe/moe_layer.hpp>
#include <moxie/router/top_k.hpp>

#include "model/run/decoder.hpp"
#include "model/run/edits.hpp"
#include "model/run/parts.hpp"
#include "moe/fused_bank.hpp"

namespace moxie::inline abi1::model {

/// What a feed-forward computes: rows [T, D] of a batch, and where each comes from.
struct FeedForwardIn {
  std::size_t layer = 0;
  ConstRows x;
  ConstRows stream;                     ///< [T, D] the rows as they come to the block, before its norm
  ConstRows layer_inputs;               ///< of all rows of the batch, what all layers get; width 0: nothing
  std::span<const Position> positions;  ///< [T]
  std::span<const std::size_t> rows;    ///< [T] of the batch, ascending
  const Batch& batch;
};

/// What follows attention in a layer: experts, or one dense MLP.
///
/// Errors   run: kNoSpace; what a router or an expert says.
class FeedForward {
 public:
  virtual ~FeedForward() = default;
  /// y: [T, D].
  virtual Status run(const FeedForwardIn& in, Rows y, Workers& workers) const noexcept = 0;
  [[nodiscard]] virtual DecoderScratch scratch_bytes(std::size_t rows, const EditNeeds& needs) const noexcept = 0;
  /// Nothing where it has no experts.
  [[nodiscard]] virtual std::optional<MixtureBlock> mixture_block() const noexcept { return std::nullopt; }
  /// Null where it has none.
  [[nodiscard]] virtual const Linear* matrix(Matrix /*matrix*/) const noexcept { return nullptr; }
  virtual void each_linear(const std::function<void(const Linear&)>& visit) const = 0;
};

/// One gated MLP, its products spread over the workers. `shared`: it is the expert that every row passes.
std::unique_ptr<const FeedForward> make_dense(GatedMlp<Linear> mlp, bool shared = false);

using ExpertLayer = MoeLayer<TopK, moe::FusedBank>;
/// Router scores by `gate` ([N, D]), then the experts. `block`: its number among the model's mixture blocks.
/// `router_norm`: the router reads the stream through it, in place of x.
std::unique_ptr<const FeedForward> make_experts(std::size_t layer, std::size_t block, Linear gate, ExpertLayer experts,
                                                std::optional<Norm> router_norm = {});

/// Norms of experts and of what is beside them, within one block.
struct BranchNorms {
  Norm before_experts;  ///< of the stream, in place of x
  Norm behind_experts;
  Norm behind_shared;
};

/// y = experts(x) + sigmoid(scale(x)) * shared(x); scale: [1, D], or none and no factor. With norms,
/// y = behind(experts(before(stream))) + behind(shared(x)). Last of all y *= sum_scale. The shared one is spread over
/// the workers as a dense MLP is.
///
/// Source   "shared_expert" and "shared_expert_gate" of Qwen2-MoE; "shared_experts" of DeepSeek-V2; norms: Gemma 4
std::unique_ptr<const FeedForward> make_shared_beside(std::unique_ptr<const FeedForward> experts,
                                                      GatedMlp<Linear> shared, std::optional<Linear> scale,
                                                      std::optional<BranchNorms> norms = {}, float sum_scale = 1);

/// y = up(activation(gate(x)) * i), i being what the layer gets of the token: [T, P] of the batch's layer inputs, from
/// column `first` on. gate: [P, D], up: [D, P].
std::unique_ptr<const FeedForward> make_layer_input(Linear gate, Linear up, GatedActivation activation,
                                                    std::size_t first);

}  // namespace moxie::model
