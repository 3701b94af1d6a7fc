// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <moxie/backend/backend.hpp>
#include <moxie/core/workspace.hpp>

namespace moxie::inline abi1::backend {

struct Ops;

/// Warm objects of a library that one thread uses again and again.
class EngineWorker {
 public:
  virtual ~EngineWorker() = default;
};

/// What a worker thread carries in its workspace.
class Worker {
 public:
  explicit Worker(const Ops& ops, std::unique_ptr<EngineWorker> engine) : ops_(ops), engine_(std::move(engine)) {}
  [[nodiscard]] const Ops& ops() const noexcept { return ops_; }
  [[nodiscard]] EngineWorker* engine() const noexcept { return engine_.get(); }

 private:
  const Ops& ops_;
  std::unique_ptr<EngineWorker> engine_;
};

/// The best ISA path of this CPU.
[[nodiscard]] const Ops& best_ops() noexcept;

/// The path in force for a workspace: its worker's, or the best.
[[nodiscard]] inline const Ops& ops_of(const Workspace& workspace) noexcept {
  return workspace.worker() == nullptr ? best_ops() : workspace.worker()->ops();
}

}  // namespace moxie::backend
