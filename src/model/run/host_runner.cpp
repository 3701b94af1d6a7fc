// SPDX-License-Identifier: Apache-2.0
#include "model/run/host_runner.hpp"

#include "backend/worker.hpp"

namespace moxie::inline abi1::model {

HostRunner::HostRunner(const DecoderStack& decoder, std::size_t max_rows, Executor& executor,
                       std::shared_ptr<Budget> budget)
    : decoder_(decoder),
      max_rows_(max_rows),
      budget_(std::move(budget)),
      charges_(executor.width()),
      memory_(executor.width()),
      workspaces_(executor.width()),
      workers_(executor, workspaces_) {}

Result<std::unique_ptr<Runner>> HostRunner::create(const DecoderStack& decoder, std::size_t max_rows,
                                                   Executor& executor, std::shared_ptr<Budget> budget) {
  std::unique_ptr<HostRunner> runner(new HostRunner(decoder, max_rows, executor, std::move(budget)));
  MOXIE_TRY_LET(runner->backend_workers_, decoder.backend().make_workers(executor.width()));
  MOXIE_TRY(runner->grow({}));
  Status warm;  // now, so that the first steps make nothing
  decoder.each_linear([&](const Linear& linear) {
    for (const backend::WorkerPtr& worker : runner->backend_workers_) {
      if (warm.ok()) warm = linear.warm_up(*worker);
    }
  });
  MOXIE_TRY(warm);
  return std::unique_ptr<Runner>(std::move(runner));
}

Status HostRunner::reserve(const Edits& edits) {
  EditNeeds needs = needs_;
  needs.add(edits, max_rows_);
  return grow(needs);
}

Status HostRunner::grow(const EditNeeds& needs) {
  const DecoderScratch scratch = decoder_.scratch_bytes(max_rows_, needs);
  std::vector<Charge> charges(workspaces_.size());
  std::vector<LargeMemory> memory(workspaces_.size());
  for (std::size_t i = 0; i < workspaces_.size(); ++i) {
    const std::size_t bytes = i == 0 ? scratch.own : scratch.worker;
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
  needs_ = needs;
  return {};
}

}  // namespace moxie
