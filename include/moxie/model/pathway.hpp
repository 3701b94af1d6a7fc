// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

#include <moxie/model/model.hpp>

namespace moxie::inline abi1 {

/// A model with edits laid over it; the model itself never changes. A context belongs to one pathway,
/// and its pages carry the pathway's hash.
///
/// This is the pathway without edits: it runs the model as its checkpoint has it.
///
/// Threads  a cheap value; may be used from any thread.
class Pathway {
 public:
  explicit Pathway(Model model) noexcept : model_(std::move(model)) {}

  [[nodiscard]] const Model& model() const noexcept { return model_; }
  /// Of the model and every edit in order; without edits, the model's own.
  [[nodiscard]] std::uint64_t hash() const noexcept { return model_.fingerprint(); }

 private:
  Model model_;
};

}  // namespace moxie
