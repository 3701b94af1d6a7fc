// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>

#include "backend/linear_body.hpp"
#include "backend/worker.hpp"

namespace moxie::inline abi1::backend {

/// oneDNN behind a face without its types. A build without it has a twin whose create() says so.
class Engine {
 public:
  /// kUnsupported where this build has no oneDNN, or where oneDNN may use more than `isa` in this
  /// process: its limit is the process's, and forcing one here would change the host's.
  static Result<std::shared_ptr<const Engine>> create(Isa isa);
  virtual ~Engine() = default;

  /// Packs weights of F32 or BF16, or says why rows would not be independent (kUnsupported).
  [[nodiscard]] virtual BodyResult make_linear(const Weights& weights, std::span<const float> bias,
                                               const Packing& packing) const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<EngineWorker>> make_worker() const = 0;

  /// "2.6.3", or why there is none; and the instructions that it allows itself.
  static std::string version();
  static std::string isa_in_force();

 protected:
  Engine() = default;
};

}  // namespace moxie::backend
