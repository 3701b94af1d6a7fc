// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

namespace model {
struct AdapterParts;
struct AdapterAccess;
}  // namespace model

/// A low-rank adapter (LoRA) as PEFT writes it: what a fine-tune adds to matrices of attention, dense blocks, shared
/// and single experts. Pathway::add_adapter() lays it over a model.
///
///     MOXIE_TRY_LET(const Adapter legal, Adapter::load("legal-lora"));
///     MOXIE_TRY_LET(Pathway pathway, Pathway(model).add_adapter(legal));
///
/// A matrix W becomes W + s B A, s = alpha / rank, or alpha / sqrt(rank) where use_rslora says so; rank_pattern and
/// alpha_pattern name modules that have others.
///
/// Errors   load: kNotFound, kIo, kFormat as Checkpoint::open; kFormat: configuration and tensors that contradict each
///          other, numbers that are not finite; kUnsupported: another kind of adapter (DoRA, trained biases, whole
///          modules), a module that is none of attention's and the feed-forward's matrices, and the element types that
///          are not F32, F16 and BF16.
/// Threads  a cheap handle; may be used from any thread.
/// Source   PEFT's adapter_config.json and adapter_model.safetensors.
class MOXIE_API Adapter {
 public:
  /// A folder with adapter_config.json and adapter_model.safetensors.
  static Result<Adapter> load(const std::filesystem::path& folder) noexcept;

  /// Matrices that it changes.
  [[nodiscard]] std::size_t matrices() const noexcept;
  /// The largest of their ranks.
  [[nodiscard]] std::size_t rank() const noexcept;
  /// Of every name, number and scale: names the adapter in a pathway's hash.
  [[nodiscard]] std::uint64_t hash() const noexcept;

 private:
  friend struct model::AdapterAccess;
  explicit Adapter(std::shared_ptr<const model::AdapterParts> parts) noexcept : parts_(std::move(parts)) {}
  std::shared_ptr<const model::AdapterParts> parts_;
};

}  // namespace moxie
