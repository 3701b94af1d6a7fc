// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <moxie/context/kv_pool.hpp>
#include <moxie/core/team.hpp>
#include <moxie/model/pathway.hpp>

#include "core/large_memory.hpp"

namespace moxie {
struct KernelOptions;
}

namespace moxie::kernel {

/// A pathway made ready on one kernel: its pool of pages, and a workspace with a warm worker for each thread.
class Program {
 public:
  static Result<std::unique_ptr<Program>> create(const Pathway& pathway, Executor& executor,
                                                 const KernelOptions& options, std::shared_ptr<Budget> budget);

  [[nodiscard]] const Pathway& pathway() const noexcept { return pathway_; }
  [[nodiscard]] const std::shared_ptr<KvPool>& pool() const noexcept { return pool_; }
  [[nodiscard]] Team& team() noexcept { return team_; }
  [[nodiscard]] std::size_t vocab_size() const noexcept { return pathway_.model().config().vocab_size; }

 private:
  Program(const Pathway& pathway, Executor& executor, std::vector<Workspace> workspaces) noexcept
      : pathway_(pathway), workspaces_(std::move(workspaces)), team_(executor, workspaces_) {}

  Pathway pathway_;
  std::shared_ptr<KvPool> pool_;
  std::vector<Charge> charges_;
  std::vector<LargeMemory> memory_;
  std::vector<backend::WorkerPtr> workers_;
  std::vector<Workspace> workspaces_;
  Team team_;
};

/// What a step itself takes from the calling thread's workspace for that many rows and feeds.
[[nodiscard]] std::size_t step_scratch_bytes(std::size_t rows) noexcept;

}  // namespace moxie::kernel
