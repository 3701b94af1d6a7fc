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

inline constexpr KvType kEveryType[] = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0};

inline KvShape with_type(KvShape shape, KvType type) {
  shape.type = type;
  return shape;
}
inline KvShape with_window(KvShape shape, std::size_t window) {
  shape.window = window;
  return shape;
}

/// A poisoned pool of small pages and its budget.
struct Bench {
  explicit Bench(std::uint64_t limit = Budget::kUnlimited, const KvShape& shape = kShape)
      : budget(Budget::create("kv", limit)), pool(KvPool::create(shape, budget, {.poison_freed = true}).value()) {}

  Context context(const ContextOptions& options = {}) const { return Context::create(pool, options).value(); }

  std::shared_ptr<Budget> budget;
  std::shared_ptr<KvPool> pool;
};

}  // namespace moxie::testing
