// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <moxie/context/kv_pool.hpp>
#include <moxie/core/workspace.hpp>
#include <moxie/model/model.hpp>

#include "model/run/runner.hpp"

namespace moxie::inline abi1 {
struct KernelOptions;
}

namespace moxie::inline abi1::kernel {

/// A model made ready on one kernel: its runner, and a pool of pages while there are contexts. The model owns it
/// (model::Attachments), and the pool keeps the model: so all of it is there as long as a context or a handle of the
/// model is, and goes with the last of them.
class ReadyModel {
 public:
  ReadyModel(std::unique_ptr<model::Runner> runner, std::shared_ptr<AlignedBuffer> step_tables,
             std::size_t vocab_size) noexcept
      : runner_(std::move(runner)), step_tables_(std::move(step_tables)), vocab_size_(vocab_size) {}

  /// The pool of its contexts, made where there is none.
  Result<std::shared_ptr<KvPool>> pool(const Model& model, const KernelOptions& options,
                                       const std::shared_ptr<Budget>& budget);
  /// Whether these are pages of its contexts.
  [[nodiscard]] bool owns(const std::shared_ptr<KvPool>& pool) const noexcept {
    return pool != nullptr && !pool_.owner_before(pool) && !pool.owner_before(pool_);
  }
  [[nodiscard]] model::Runner& runner() noexcept { return *runner_; }
  /// The kernel's, for the tables of one step at a time.
  [[nodiscard]] Workspace step_tables() const noexcept { return Workspace(step_tables_->bytes()); }
  [[nodiscard]] std::size_t vocab_size() const noexcept { return vocab_size_; }

 private:
  std::unique_ptr<model::Runner> runner_;
  std::shared_ptr<AlignedBuffer> step_tables_;
  std::size_t vocab_size_;
  std::weak_ptr<KvPool> pool_;
};

}  // namespace moxie
