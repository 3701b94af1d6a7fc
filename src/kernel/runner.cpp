// SPDX-License-Identifier: Apache-2.0
#include "kernel/runner.hpp"

#include <moxie/kernel/kernel.hpp>

#include "backend/worker.hpp"
#include "model/model_access.hpp"

namespace moxie::inline abi1::kernel {

Runner::Runner(const Model& model, Executor& executor, const KernelOptions& options, std::shared_ptr<Budget> budget)
    : decoder_(model::ModelAccess::decoder(model)),
      vocab_size_(model.config().vocab_size),
      max_rows_(options.max_step_rows),
      budget_(std::move(budget)),
      charges_(executor.width()),
      memory_(executor.width()),
      workspaces_(executor.width()),
      workers_(executor, workspaces_) {}

Result<std::unique_ptr<Runner>> Runner::create(const Model& model, Executor& executor, const KernelOptions& options,
                                               std::shared_ptr<Budget> budget) {
  std::unique_ptr<Runner> runner(new Runner(model, executor, options, std::move(budget)));
  MOXIE_TRY_LET(runner->backend_workers_, model.backend().make_workers(executor.width()));
  MOXIE_TRY(runner->reserve(nullptr));
  Status warm;  // now, so that the first steps make nothing
  runner->decoder_.each_linear([&](const Linear& linear) {
    for (const backend::WorkerPtr& worker : runner->backend_workers_) {
      if (warm.ok()) warm = linear.warm_up(*worker);
    }
  });
  MOXIE_TRY(warm);
  return runner;
}

Status Runner::reserve(const model::Edits* edits) {
  const model::DecoderScratch scratch = decoder_.scratch_bytes(max_rows_, edits);
  std::vector<Charge> charges(workspaces_.size());
  std::vector<LargeMemory> memory(workspaces_.size());
  for (std::size_t i = 0; i < workspaces_.size(); ++i) {
    const std::size_t bytes = i == 0 ? scratch.own + step_scratch_bytes(max_rows_) : scratch.worker;
    if (workspaces_[i].free_bytes() >= bytes) continue;
    MOXIE_TRY_LET(charges[i], budget_->charge(bytes));
    MOXIE_TRY_LET(memory[i], LargeMemory::create(bytes, "the workspace of a thread"));
  }
  for (std::size_t i = 0; i < workspaces_.size(); ++i) {
    if (memory[i].bytes().empty()) continue;
    workspaces_[i] = Workspace(memory[i].bytes());
    workspaces_[i].set_worker(backend_workers_[i].get());
    charges_[i] = std::move(charges[i]);
    memory_[i] = std::move(memory[i]);
  }
  return {};
}

Result<std::shared_ptr<KvPool>> Runner::pool(const Model& model, const KernelOptions& options,
                                             const std::shared_ptr<Budget>& budget) {
  if (auto pool = pool_.lock()) return pool;
  KvShape shape = model.kv_shape();
  shape.type = options.kv_type;
  KvPoolOptions pool_options = options.kv_pool;
  pool_options.owner = model::ModelAccess::owner(model);
  MOXIE_TRY_LET(auto pool, KvPool::create(shape, budget, std::move(pool_options)));
  pool_ = pool;
  return pool;
}

}  // namespace moxie
