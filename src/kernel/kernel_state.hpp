// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <moxie/core/guard.hpp>
#include <moxie/kernel/kernel.hpp>

#include "kernel/generation_state.hpp"
#include "kernel/resources.hpp"

namespace moxie::inline abi1::kernel {

/// What a Kernel is a handle to. Functions let std::bad_alloc through unless they are noexcept.
class KernelState : public std::enable_shared_from_this<KernelState> {
 public:
  KernelState(const KernelOptions& options, std::shared_ptr<Executor> executor)
      : resources_(options, std::move(executor)) {}

  [[nodiscard]] Resources& resources() noexcept { return resources_; }

  /// An answer that `start(state)` begins, or that has failed already.
  template <class Start>
  Generation make(const GenerationOptions& options, Start&& start) noexcept {
    std::shared_ptr<GenerationState> state;
    const Status made = guarded("generation", [&]() -> Status {
      state = std::make_shared<GenerationState>(shared_from_this(), resources_, n_generations_++, options);
      return {};
    });
    if (!made.ok()) return Generation(Code::kNoMemory);
    Status started = guarded("generation", [&]() -> Status { return start(*state); });
    if (!started.ok()) state->fail(std::move(started));
    return Generation(std::move(state));
  }

  Result<StepReport> step(std::span<Request> requests) noexcept;
  Result<StepReport> step(std::span<Generation* const> generations) noexcept;
  Result<StepReport> step(std::span<Generation> generations) noexcept;
  Result<StepReport> step(std::shared_ptr<GenerationState> generation) noexcept;

 private:
  class Running;

  template <class Collect>
  Result<StepReport> step_generations(Collect&& collect) noexcept;
  Result<StepReport> step_batch();
  std::size_t sample_due() noexcept;

  Resources resources_;
  std::atomic<bool> running_{false};

  // Of one step over generations; kept so that a warm step allocates nothing. The step owns what it works on, since
  // callbacks may drop every handle of it.
  using Generations = std::vector<std::shared_ptr<GenerationState>>;
  Generations asked_;
  std::vector<Request> requests_;  // of each asked
  std::vector<AnswerMemory*> memories_;
  Generations due_;  // those whose logits have come
  std::uint64_t n_generations_ = 0;
  std::size_t turn_ = 0;  // which of them is the first
};

}  // namespace moxie
