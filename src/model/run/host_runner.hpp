// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <moxie/core/budget.hpp>
#include <moxie/core/workers.hpp>

#include "core/large_memory.hpp"
#include "model/run/decoder_stack.hpp"
#include "model/run/runner.hpp"

namespace moxie::inline abi1::model {

/// Runs a DecoderStack on the host: a workspace with a warm backend worker for each thread of the executor.
class HostRunner final : public Runner {
 public:
  /// For batches of at most `max_rows` rows. Lets std::bad_alloc through.
  static Result<std::unique_ptr<Runner>> create(const DecoderStack& decoder, std::size_t max_rows, Executor& executor,
                                                std::shared_ptr<Budget> budget);

  Status reserve(const Edits& edits) override;
  Status forward(const Batch& batch) noexcept override { return decoder_.forward(batch, workers_); }

 private:
  HostRunner(const DecoderStack& decoder, std::size_t max_rows, Executor& executor, std::shared_ptr<Budget> budget);
  Status grow(const EditNeeds& needs);

  const DecoderStack& decoder_;
  std::size_t max_rows_;
  EditNeeds needs_;  // of all edits that were reserved for: a step may hold any of them
  std::shared_ptr<Budget> budget_;
  std::vector<Charge> charges_;
  std::vector<LargeMemory> memory_;
  std::vector<backend::WorkerPtr> backend_workers_;
  std::vector<Workspace> workspaces_;
  Workers workers_;
};

}  // namespace moxie
