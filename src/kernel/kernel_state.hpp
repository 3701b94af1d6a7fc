// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include <moxie/kernel/kernel.hpp>

#include "kernel/runner.hpp"

namespace moxie::inline abi1::kernel {

/// What a Kernel is a handle to. Functions let std::bad_alloc through unless they are noexcept.
class KernelState {
 public:
  KernelState(const KernelOptions& options, std::unique_ptr<Executor> executor);

  [[nodiscard]] const KernelOptions& options() const noexcept { return options_; }
  [[nodiscard]] Executor& executor() const noexcept { return executor_; }
  [[nodiscard]] Budget& budget() const noexcept { return *budget_; }

  Result<Context> open(const Pathway& pathway, const ContextOptions& options);
  /// The runner that the context was opened for; null for a stranger.
  [[nodiscard]] const Runner* runner_of(const Context& context) const noexcept;
  /// Generations are numbered by age.
  [[nodiscard]] std::uint64_t next_number() noexcept { return n_generations_++; }
  /// So that every worker can choose tokens with that much memory.
  Status reserve_sampling(std::size_t bytes);

  Result<StepReport> step(std::span<Request> requests) noexcept;
  Result<StepReport> step(std::span<Generation* const> generations);
  Result<StepReport> step(std::span<Generation> generations);
  Result<StepReport> step(GenerationState& generation);

 private:
  class Running;

  Result<Runner*> runner_for(const Pathway& pathway);
  Result<StepReport> step_requests(std::span<Request> requests) noexcept;
  Result<StepReport> step_batch();
  void check(std::span<Request> requests, std::size_t index) const noexcept;
  [[nodiscard]] Status problem(std::span<Request> requests, std::size_t index) const noexcept;
  void sample_due() noexcept;

  KernelOptions options_;
  std::unique_ptr<Executor> made_executor_;
  Executor& executor_;
  std::shared_ptr<Budget> budget_;
  std::vector<std::unique_ptr<Runner>> runners_;
  std::vector<AlignedBuffer> sampling_memory_;  // of each worker
  std::atomic<bool> running_{false};

  // Of one step over generations; kept so that a warm step allocates nothing.
  std::vector<GenerationState*> asked_;
  std::vector<GenerationState*> batch_;
  std::vector<Request> requests_;
  std::vector<GenerationState*> due_;  // those whose logits have come
  std::uint64_t n_generations_ = 0;
  std::size_t turn_ = 0;  // whose turn it is to be first
};

}  // namespace moxie::kernel
