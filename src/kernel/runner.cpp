// SPDX-License-Identifier: Apache-2.0
#include "kernel/runner.hpp"

#include <moxie/kernel/kernel.hpp>

#include "backend/worker.hpp"
#include "model/model_access.hpp"

namespace moxie::inline abi1::kernel {

Runner::Runner(const Model& model, Executor& executor, std::vector<Workspace> workspaces) noexcept
    : decoder_(model::ModelAccess::decoder(model)),
      vocab_size_(model.config().vocab_size),
      workspaces_(std::move(workspaces)),
      workers_(executor, workspaces_) {}

Result<std::unique_ptr<Runner>> Runner::create(const Model& model, Executor& executor, const KernelOptions& options,
                                               std::shared_ptr<Budget> budget) {
  const model::Decoder& decoder = model::ModelAccess::decoder(model);
  const std::size_t max_rows = options.max_step_rows;
  const model::DecoderScratch scratch = decoder.scratch_bytes(max_rows);
  std::vector<Charge> charges;
  std::vector<LargeMemory> memory;
  MOXIE_TRY_LET(std::vector<backend::WorkerPtr> backend_workers, model.backend().make_workers(executor.width()));
  std::vector<Workspace> workspaces;
  for (std::size_t i = 0; i < executor.width(); ++i) {
    const std::size_t bytes = i == 0 ? scratch.own + step_scratch_bytes(max_rows) : scratch.worker;
    MOXIE_TRY_LET(Charge charge, budget->charge(bytes));
    charges.push_back(std::move(charge));
    MOXIE_TRY_LET(LargeMemory workspace, LargeMemory::create(bytes, "the workspace of a thread"));
    workspaces.emplace_back(workspace.bytes());
    workspaces.back().set_worker(backend_workers[i].get());
    memory.push_back(std::move(workspace));
  }
  Status warm;  // now, so that the first steps make nothing
  decoder.each_linear([&](const Linear& linear) {
    for (const backend::WorkerPtr& worker : backend_workers) {
      if (warm.ok()) warm = linear.warm_up(*worker);
    }
  });
  MOXIE_TRY(warm);
  std::unique_ptr<Runner> runner(new Runner(model, executor, std::move(workspaces)));
  runner->charges_ = std::move(charges);
  runner->memory_ = std::move(memory);
  runner->backend_workers_ = std::move(backend_workers);
  return runner;
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
