// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <moxie/kernel/kernel.hpp>
#include <moxie/model/pathway.hpp>

#include "kernel/plan.hpp"
#include "kernel/ready_model.hpp"

namespace moxie::inline abi1::kernel {

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

  Result<Context> open(const Pathway& pathway, const ContextOptions& options);
  /// The model that the context was opened for; nothing for another kernel's.
  [[nodiscard]] std::optional<Model> model_of(const Context& context) const noexcept;

  /// One batch of each model that the requests have contexts of; see Kernel::step. Every failure but a lack of memory
  /// for the plan is told in Request::status.
  Result<StepReport> step(std::span<Request> requests);

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

  Result<ReadyModel*> make_ready(const Model& model, bool& made);
  Result<std::shared_ptr<AlignedBuffer>> step_tables();
  [[nodiscard]] const Entry* entry_of(const Context& context) const noexcept;
  void check(std::span<Request> requests, std::size_t index) const noexcept;
  [[nodiscard]] Status problem(std::span<Request> requests, std::size_t index) const noexcept;

  KernelOptions options_;
  std::shared_ptr<Executor> executor_;
  std::shared_ptr<Budget> budget_;
  std::vector<Entry> entries_;
  std::vector<AlignedBuffer> sampling_memory_;  // of each worker
  std::weak_ptr<AlignedBuffer> step_tables_;    // of all models that are ready: one steps at a time

  // Of one step; kept so that a warm step allocates nothing.
  std::vector<Demand> demands_;
  std::vector<std::size_t> rows_;
};

}  // namespace moxie
