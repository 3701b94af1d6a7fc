// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <moxie/context/kv_pool.hpp>
#include <moxie/core/workers.hpp>
#include <moxie/model/model.hpp>

#include "core/large_memory.hpp"

namespace moxie::inline abi1 {
struct KernelOptions;
}

namespace moxie::inline abi1::model {
class Decoder;
struct Edits;
}

namespace moxie::inline abi1::kernel {

/// A model made ready on one kernel: a workspace with a warm worker for each thread, and a pool of pages while there
/// are contexts. The model owns it (model::Attachments), and the pool keeps the model: so all of it is there as long
/// as a context or a handle of the model is, and goes with the last of them.
class Runner {
 public:
  static Result<std::unique_ptr<Runner>> create(const Model& model, Executor& executor, const KernelOptions& options,
                                                std::shared_ptr<Budget> budget);

  /// So that a step has room for contexts with these edits; null: with none. After a failure there is the room that
  /// there was.
  Status reserve(const model::Edits* edits);
  /// The pool of its contexts, made where there is none.
  Result<std::shared_ptr<KvPool>> pool(const Model& model, const KernelOptions& options,
                                       const std::shared_ptr<Budget>& budget);
  /// Whether these are pages of its contexts.
  [[nodiscard]] bool owns(const std::shared_ptr<KvPool>& pool) const noexcept {
    return pool != nullptr && !pool_.owner_before(pool) && !pool.owner_before(pool_);
  }
  [[nodiscard]] const model::Decoder& decoder() const noexcept { return decoder_; }
  [[nodiscard]] Workers& workers() noexcept { return workers_; }
  [[nodiscard]] std::size_t vocab_size() const noexcept { return vocab_size_; }

 private:
  Runner(const Model& model, Executor& executor, const KernelOptions& options, std::shared_ptr<Budget> budget);

  const model::Decoder& decoder_;
  std::size_t vocab_size_;
  std::size_t max_rows_;
  std::shared_ptr<Budget> budget_;
  std::weak_ptr<KvPool> pool_;
  std::vector<Charge> charges_;
  std::vector<LargeMemory> memory_;
  std::vector<backend::WorkerPtr> backend_workers_;
  std::vector<Workspace> workspaces_;
  Workers workers_;
};

/// What a step itself takes from the calling thread's workspace for that many rows and requests.
[[nodiscard]] std::size_t step_scratch_bytes(std::size_t rows) noexcept;

}  // namespace moxie
