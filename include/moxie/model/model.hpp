// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/backend/backend.hpp>
#include <moxie/backend/kv_view.hpp>
#include <moxie/core/executor.hpp>
#include <moxie/core/result.hpp>
#include <moxie/expert/any_expert.hpp>
#include <moxie/format/load_options.hpp>
#include <moxie/model/model_config.hpp>
#include <moxie/model/recommended_sampling.hpp>
#include <moxie/router/any_router.hpp>
#include <moxie/text/chat_template.hpp>
#include <moxie/text/tokenizer.hpp>

namespace moxie::inline abi1 {

namespace model {
struct ModelAccess;
}

/// An expert of a model, by its layer and its number there.
struct ExpertSlot {
  std::size_t layer = 0;
  std::size_t expert = 0;
};

struct ModelOptions {
  BackendOptions backend = {};
  LoadOptions files = {};  ///< its budget pays for the packed weights as well
  /// Carries the packing of weights; null: the calling thread does. Needed while load() runs, and not afterwards.
  Executor* executor = nullptr;
};

/// Weights of one kind and what carries them: for reports.
struct WeightPath {
  std::string path;       ///< "onednn brg:avx512_core f32", "native avx512 bf16", ...
  std::size_t count = 0;  ///< matrices
  std::uint64_t bytes = 0;
};

/// Tensors of a checkpoint that its model does not use: towers for pictures or sound, layers that predict further
/// tokens.
struct UnreadTensors {
  std::string group;      ///< what their names begin with: "vision_tower", "model.layers.61", "mtp"
  std::size_t count = 0;  ///< tensors
  std::uint64_t bytes = 0;
};

/// A checkpoint, checked and packed for this machine: immutable, shared, the same for everyone who
/// runs it. Changing it means making a Pathway over it.
///
///     MOXIE_TRY_LET(Model model, Model::load("qwen3-30b-a3b"));
///
/// Errors   load: those of Checkpoint::open. kFormat: config.json or the metadata lacks a field or
///          contradicts itself or the tensors; kUnsupported: another family, rope, activation or element type than the
///          message lists; kNotFound: a tensor is missing. Nothing stays behind.
/// Threads  a cheap handle; may be used from any thread.
class MOXIE_API Model {
 public:
  /// `path`: a folder with config.json and safetensors, as on Hugging Face, or a .gguf file.
  static Result<Model> load(const std::filesystem::path& path, const ModelOptions& options = {}) noexcept;

  [[nodiscard]] const ModelConfig& config() const noexcept;
  [[nodiscard]] const Backend& backend() const noexcept;
  /// What one position of a context keeps, in f32; a kernel chooses the type (KernelOptions::kv_type).
  [[nodiscard]] KvShape kv_shape() const noexcept;
  /// Names this checkpoint: a hash of its configuration or metadata, of every tensor's name, type and shape, and
  /// of samples of their bytes. Equal checkpoints have equal fingerprints on every machine.
  /// It is quick and reads samples, so a small change may escape it: checkpoint_root() reads everything.
  [[nodiscard]] std::uint64_t fingerprint() const noexcept;
  /// Everything besides the checkpoint that can change a bit of its logits, as one line: the versions of all orders of
  /// sums, the library that carries products and its instructions, libm, the device. numerics() of
  /// kernel/numerics.hpp adds how keys and values are kept, and sampling.
  [[nodiscard]] std::string_view numerics() const noexcept;
  /// A hash of fingerprint() and numerics(): models with one identity give the same bits.
  [[nodiscard]] std::uint64_t identity() const noexcept;
  /// How the checkpoint reads and writes text, from its own files or metadata. A checkpoint without, or with one that
  /// moxie does not run, is a model all the same; then this is the error that says so.
  [[nodiscard]] const Result<Tokenizer>& tokenizer() const noexcept;
  [[nodiscard]] const Result<CheckpointTemplate>& chat_template() const noexcept;
  /// The tokens that end an answer, ascending: those that the configuration names (config.json,
  /// generation_config.json, or the metadata), the tokenizer's, and what the template writes behind an answer.
  [[nodiscard]] const Result<std::vector<TokenId>>& end_tokens() const noexcept;
  /// How the checkpoint's makers would have tokens chosen: generation_config.json, or the metadata. Nothing is done
  /// with it unless the host does. An error (kFormat) names the value that is none.
  [[nodiscard]] const Result<RecommendedSampling>& recommended_sampling() const noexcept;
  /// One of its own experts, sharing its weights: what a host's expert may wrap or be compared with. It keeps the
  /// model.
  ///
  /// Errors   kNotFound: the layer has no experts, or not so many.
  [[nodiscard]] Result<AnyExpert> expert(ExpertSlot slot) const noexcept;
  /// A layer's own router, likewise.
  ///
  /// Errors   kNotFound: the layer has no experts.
  [[nodiscard]] Result<AnyRouter> router(std::size_t layer) const noexcept;
  /// Which implementations carry its weights.
  [[nodiscard]] Result<std::vector<WeightPath>> weight_paths() const noexcept;
  /// What the checkpoint has beside it, in the order of the checkpoint.
  [[nodiscard]] std::span<const UnreadTensors> unread() const noexcept;

 private:
  friend struct model::ModelAccess;
  struct State;
  explicit Model(std::shared_ptr<const State> state) noexcept : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace moxie
