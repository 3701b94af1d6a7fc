// SPDX-License-Identifier: Apache-2.0
#include "kernel/kernel_state.hpp"

#include <algorithm>
#include <utility>

namespace moxie::inline abi1::kernel {

/// Claims the kernel for one call.
class KernelState::Running {
 public:
  Running(std::atomic<bool>& flag, PhaseClock& phases) noexcept
      : flag_(flag), phases_(phases), alone_(!flag.exchange(true)) {
    if (alone_) phases_.begin_step();
  }
  ~Running() {
    if (!alone_) return;
    phases_.end_step();
    flag_.store(false);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  [[nodiscard]] Status status() const noexcept {
    return alone_ ? Status() : Status(Code::kPrecondition, "Kernel::step", "one step at a time", "a second one");
  }

 private:
  std::atomic<bool>& flag_;
  PhaseClock& phases_;
  bool alone_;
};

Result<StepReport> KernelState::step(std::span<Request> requests) noexcept {
  const Running running(running_, resources_.phases());
  MOXIE_TRY(running.status());
  StepReport report;
  MOXIE_TRY(guarded("Kernel::step", [&]() -> Status {
    MOXIE_TRY_LET(report, resources_.step(requests, 0, {}));
    return {};
  }));
  return report;
}

template <class Collect>
Result<StepReport> KernelState::step_generations(Collect&& collect) noexcept {
  const Running running(running_, resources_.phases());
  MOXIE_TRY(running.status());
  StepReport report;
  Status status = guarded("Kernel::step", [&]() -> Status {
    collect();
    MOXIE_TRY_LET(report, step_batch());
    return {};
  });
  due_.clear();
  asked_.clear();
  MOXIE_TRY(std::move(status));
  return report;
}

Result<StepReport> KernelState::step(std::span<Generation* const> generations) noexcept {
  return step_generations([&] {
    for (const Generation* generation : generations) {
      if (generation != nullptr && generation->state_ != nullptr) asked_.push_back(generation->state_);
    }
  });
}

Result<StepReport> KernelState::step(std::span<Generation> generations) noexcept {
  return step_generations([&] {
    for (const Generation& generation : generations) {
      if (generation.state_ != nullptr) asked_.push_back(generation.state_);
    }
  });
}

Result<StepReport> KernelState::step(std::shared_ptr<GenerationState> generation) noexcept {
  return step_generations([&] { asked_.push_back(std::move(generation)); });
}

/// One step of `asked_`.
Result<StepReport> KernelState::step_batch() {
  std::erase_if(asked_, [](const auto& g) { return g->finished(); });
  // By age, as memory is given out; addresses are only for another kernel's, which are refused below.
  std::ranges::sort(asked_, {}, [](const auto& g) { return std::pair(g->number(), g.get()); });
  asked_.erase(std::unique(asked_.begin(), asked_.end()), asked_.end());
  due_.reserve(asked_.size());
  requests_.clear();
  memories_.clear();
  for (const auto& generation : asked_) {
    requests_.push_back(generation->begin_step());
    memories_.push_back(&generation->memory());
  }
  const std::size_t first_turn = asked_.empty() ? 0 : turn_++ % asked_.size();
  MOXIE_TRY_LET(StepReport report, resources_.step(requests_, first_turn, memories_));
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    if (asked_[i]->end_step(requests_[i])) due_.push_back(asked_[i]);
  }
  PhaseClock& phases = resources_.phases();
  phases.enter(Phase::kSampling, due_.size());
  for (const auto& generation : due_) generation->ask_constraint();
  report.sampled = sample_due();
  phases.enter(Phase::kText, due_.size());
  for (const auto& generation : due_) generation->accept();
  report.unfinished =
      static_cast<std::size_t>(std::ranges::count_if(asked_, [](const auto& g) { return !g->finished(); }));
  return report;
}

/// Says how many tokens are chosen.
std::size_t KernelState::sample_due() noexcept {
  const auto sample = [this](std::size_t i, std::size_t worker) noexcept {
    Workspace workspace = resources_.sampling_workspace(worker);
    if (due_[i]->chooses()) due_[i]->sample(workspace);
  };
  const auto n = static_cast<std::size_t>(std::ranges::count_if(due_, [](const auto& g) { return g->chooses(); }));
  if (n == 0) return 0;
  if (due_.size() == 1) {
    sample(0, 0);
    return n;
  }
  const Status ran = resources_.executor()->run(due_.size(), sample);
  if (!ran.ok()) {
    for (const auto& generation : due_) generation->cannot_sample(ran);
  }
  return n;
}

}  // namespace moxie
