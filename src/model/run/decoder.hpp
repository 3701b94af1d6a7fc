// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include <moxie/backend/linear.hpp>
#include <moxie/core/budget.hpp>
#include <moxie/core/executor.hpp>
#include <moxie/core/result.hpp>
#include <moxie/router/top_k.hpp>

#include "model/run/matrix.hpp"
#include "model/run/runner.hpp"
#include "moe/fused_bank.hpp"

namespace moxie::inline abi1::model {

/// A router and its experts in one layer.
struct MixtureBlock {
  std::size_t layer = 0;
  const Linear* gate = nullptr;  ///< [logits, D]
  const TopK* router = nullptr;
  const moe::FusedBank* bank = nullptr;
};

/// A model as the kernel sees it: its runners take batches, keys and values go to the pages, logits come out.
///
/// Errors   make_runner: kBudget, kNoMemory; it lets std::bad_alloc through.
/// Threads  immutable; a runner for each kernel.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// With the type left as it is: whoever makes the pool chooses.
  [[nodiscard]] virtual KvShape kv_shape() const noexcept = 0;
  /// Where experts are chosen, in order: what edits are numbered by.
  [[nodiscard]] virtual std::span<const MixtureBlock> mixture_blocks() const noexcept = 0;
  /// For batches of at most `max_rows` rows, in memory charged to the budget.
  virtual Result<std::unique_ptr<Runner>> make_runner(std::size_t max_rows, Executor& executor,
                                                      std::shared_ptr<Budget> budget) const = 0;
  /// A matrix that all rows of the layer pass; null where it has none, or one that is not used as it lies.
  [[nodiscard]] virtual const Linear* matrix(std::size_t layer, Matrix matrix) const noexcept = 0;
  /// Every matrix, for reports.
  virtual void each_linear(const std::function<void(const Linear&)>& visit) const = 0;
};

}  // namespace moxie::model
