// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <span>

#include <moxie/core/executor.hpp>
#include <moxie/core/guard.hpp>
#include <moxie/core/workspace.hpp>

namespace moxie::inline abi1 {

/// An executor with one workspace for each of its workers: what a layer needs to run in parallel.
///
///     MOXIE_TRY(workers.each(n_rows, [&](std::size_t i, Workspace& ws) -> Status { ... }));
///
/// Shapes   workspaces.size() >= executor.width().
/// Errors   each() runs every task whatever the others return, then gives the error of the lowest
///          index: the same error at any number of threads. A task that throws counts as guarded() says.
/// Threads  as Executor::run.
class Workers {
 public:
  Workers(Executor& executor, std::span<Workspace> workspaces) noexcept
      : executor_(executor), workspaces_(workspaces) {}

  template <class F>
  MOXIE_OPTION_TAG Status each(std::size_t n, F&& body) noexcept {
    if (workspaces_.size() < executor_.width()) {
      return Status(Code::kPrecondition, "Workers::each", Text("workspaces for ", executor_.width(), " workers"),
                    workspaces_.empty() ? Text("none") : Text(workspaces_.size()));
    }
    if (n == 0) return {};
    FirstError first;
    const auto task = [&](std::size_t index, std::size_t worker) noexcept {
      Workspace& ws = workspaces_[worker];
      const Workspace::Frame frame(ws);
      first.keep(index, guarded("Workers::each", [&]() -> Status { return body(index, ws); }));
    };
    if (n == 1) {  // not worth waking anybody
      task(0, 0);
    } else {
      MOXIE_TRY(executor_.run(n, TaskRef(task)));
    }
    return first.status();
  }

  [[nodiscard]] std::size_t width() const noexcept { return executor_.width(); }
  [[nodiscard]] Executor& executor() const noexcept { return executor_; }
  /// The workspace of the calling thread, for work outside each().
  [[nodiscard]] Workspace& own() const noexcept { return workspaces_[0]; }

 private:
  class FirstError {
   public:
    void keep(std::size_t index, Status status) noexcept {
      if (status.ok()) return;
      const std::lock_guard lock(mutex_);  // errors only: a warm step takes no lock
      if (status_.ok() || index < index_) {
        index_ = index;
        status_ = std::move(status);
      }
    }
    [[nodiscard]] Status status() noexcept { return std::move(status_); }

   private:
    std::mutex mutex_;
    std::size_t index_ = 0;
    Status status_;
  };

  Executor& executor_;
  std::span<Workspace> workspaces_;
};

}  // namespace moxie
