// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <moxie/context/kv_pool.hpp>
#include <moxie/core/workers.hpp>
#include <moxie/model/pathway.hpp>

#include "core/large_memory.hpp"

namespace moxie::inline abi1 {
struct KernelOptions;
}

namespace moxie::inline abi1::kernel {

/// A pathway made ready on one kernel: its pool of pages, and a workspace with a warm worker for each thread.
class Runner {
 public:
  static Result<std::unique_ptr<Runner>> create(const Pathway& pathway, Executor& executor,
                                                const KernelOptions& options, std::shared_ptr<Budget> budget);

  [[nodiscard]] const Pathway& pathway() const noexcept { return pathway_; }
  [[nodiscard]] const std::shared_ptr<KvPool>& pool() const noexcept { return pool_; }
  [[nodiscard]] Workers& workers() noexcept { return workers_; }
  [[nodiscard]] std::size_t vocab_size() const noexcept { return pathway_.model().config().vocab_size; }

 private:
  Runner(const Pathway& pathway, Executor& executor, std::vector<Workspace> workspaces) noexcept
      : pathway_(pathway), workspaces_(std::move(workspaces)), workers_(executor, workspaces_) {}

  Pathway pathway_;
  std::shared_ptr<KvPool> pool_;
  std::vector<Charge> charges_;
  std::vector<LargeMemory> memory_;
  std::vector<backend::WorkerPtr> backend_workers_;
  std::vector<Workspace> workspaces_;
  Workers workers_;
};

/// What a step itself takes from the calling thread's workspace for that many rows and requests.
[[nodiscard]] std::size_t step_scratch_bytes(std::size_t rows) noexcept;

}  // namespace moxie::kernel
