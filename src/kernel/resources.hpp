// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <moxie/kernel/kernel.hpp>
#include <moxie/model/pathway.hpp>

#include "core/phase_clock.hpp"
#include "kernel/idle_contexts.hpp"
#include "kernel/plan.hpp"
#include "kernel/ready_model.hpp"

namespace moxie::inline abi1::kernel {

class Resources;

/// What an answer takes beside pages: at once where there is room, else with its first rows.
struct AnswerMemory {
  std::size_t bytes = 0;
  AlignedBuffer buffer = {};  // logits first

  [[nodiscard]] std::size_t missing() const noexcept { return bytes - buffer.size(); }
  [[nodiscard]] float* logits() const noexcept { return buffer.as<float>().data(); }
  Status take(Resources& resources);
};

/// What all contexts and answers of a kernel share: its executor, its budget, the models that are ready on it, and
/// memory for choosing tokens.
///
/// Functions let std::bad_alloc through unless they are noexcept.
class Resources {
 public:
  Resources(const KernelOptions& options, std::shared_ptr<Executor> executor);
  ~Resources();
  Resources(const Resources&) = delete;
  Resources& operator=(const Resources&) = delete;

  [[nodiscard]] const KernelOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::shared_ptr<Executor>& executor() const noexcept { return executor_; }
  [[nodiscard]] const std::shared_ptr<Budget>& budget() const noexcept { return budget_; }

  /// Takes pages of idle contexts where there is too little for what the first context of a model needs.
  Result<Context> open(const Pathway& pathway, const ContextOptions& options);
  /// The model that the context was opened for; nothing for another kernel's.
  [[nodiscard]] std::optional<Model> model_of(const Context& context) const noexcept;

  /// One batch of each model that the requests have contexts of; see Kernel::step. Requests come by age, the oldest
  /// first; rows are given out beginning with first_turn. Of answers, each with its memory here, the pages may be taken
  /// where there is too little; of others they are the host's. Every failure but a lack of memory for the plan is told
  /// in Request::status.
  Result<StepReport> step(std::span<Request> requests, std::size_t first_turn, std::span<AnswerMemory* const> answers);

  [[nodiscard]] PhaseClock& phases() noexcept { return phases_; }
  [[nodiscard]] IdleContexts& idle() noexcept { return idle_; }
  /// Of the kernel's budget; takes pages of idle contexts where there is too little.
  Result<AlignedBuffer> allocate(std::size_t bytes);
  /// So that every worker can choose tokens with that much memory. After a failure all have what they had.
  Status reserve_sampling(std::size_t bytes);
  [[nodiscard]] Workspace sampling_workspace(std::size_t worker) noexcept {
    return Workspace(sampling_memory_[worker].bytes());
  }

 private:
  struct Entry {
    std::weak_ptr<const void> model;
    ReadyModel* ready;  // the model's: there while the model is
  };

  /// Bytes that can be charged now: of the kernel's budget, and of the host's that it lies within.
  [[nodiscard]] std::uint64_t bytes_left() const noexcept;
  /// What `take` gives, where it gives kBudget again each time that an idle context's pages were taken.
  template <class Take>
  auto take_with_reclaim(Take take) -> decltype(take());
  Result<Context> open_once(const Pathway& pathway, const ContextOptions& options);
  Result<ReadyModel*> make_ready(const Model& model, bool& made);
  Result<std::shared_ptr<AlignedBuffer>> step_tables();
  [[nodiscard]] const Entry* entry_of(const Context& context) const noexcept;
  [[nodiscard]] Result<ReadyModel*> check(std::span<Request> requests, std::size_t index) const noexcept;
  void make_plan(std::span<const Request> requests, std::size_t first_turn, std::span<AnswerMemory* const> answers);
  void take_memory(std::span<Request> requests, std::span<AnswerMemory* const> answers);
  [[nodiscard]] Status shortage(std::size_t index) const noexcept;

  KernelOptions options_;
  std::shared_ptr<Executor> executor_;
  std::shared_ptr<Budget> budget_;
  PhaseClock phases_;
  std::vector<Entry> entries_;
  IdleContexts idle_;
  std::vector<AlignedBuffer> sampling_memory_;  // of each worker
  std::weak_ptr<AlignedBuffer> step_tables_;    // of all models that are ready: one steps at a time

  // Of one step; kept so that a warm step allocates nothing.
  std::vector<ReadyModel*> models_;  // null: nothing is wanted
  std::vector<Demand> demands_;
  std::vector<Planned> planned_;
};

}  // namespace moxie
