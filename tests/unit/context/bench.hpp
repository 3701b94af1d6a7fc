// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <moxie/context/context.hpp>

namespace moxie::testing {

inline constexpr KvShape kShape{.layers = 2, .kv_heads = 2, .key_width = 3, .value_width = 5};
inline constexpr std::size_t kValuesOfPosition = 2 * 2 * (3 + 5);
inline constexpr std::size_t kTableBytesOfPage = 8 + 32 * 4;

/// A poisoned pool of small pages and its budget.
struct Bench {
  explicit Bench(std::uint64_t limit = Budget::kUnlimited)
      : budget(Budget::create("kv", limit)), pool(KvPool::create(kShape, budget, {.poison_freed = true}).value()) {}

  Context context(const ContextOptions& options = {}) const { return Context::create(pool, options).value(); }

  std::shared_ptr<Budget> budget;
  std::shared_ptr<KvPool> pool;
};

}  // namespace moxie::testing
