// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <moxie/backend/backend.hpp>
#include <moxie/backend/linear.hpp>

namespace moxie::inline abi1 {

namespace backend {
struct Ops;
struct Packing;
class Engine;
}  // namespace backend

/// What moxie's own layers need of the public classes and hosts do not. Exported for tests alone.
struct MOXIE_API BackendAccess {
  static const backend::Ops& ops(const Backend& backend) noexcept;
  static const backend::Engine* engine(const Backend& backend) noexcept;  ///< oneDNN, or null
  static const backend::LinearBody& body(const Linear& linear) noexcept { return *linear.body_; }
  /// Linear::create() into memory of the caller's choice.
  static Result<Linear> create_linear(const Backend& backend, const Weights& weights, std::span<const float> bias,
                                      const backend::Packing& packing);
};

}  // namespace moxie
