// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <moxie/core/budget.hpp>
#include <moxie/core/result.hpp>

#include "core/large_memory.hpp"

namespace moxie::inline abi1::backend {

/// A piece of an arena, or memory by itself. It keeps what it lies in.
class WeightMemory {
 public:
  [[nodiscard]] std::byte* data() const noexcept { return bytes_.data(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  template <class T>
  [[nodiscard]] std::span<T> as() const noexcept {
    return {reinterpret_cast<T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }

 private:
  friend class WeightArena;
  Charge charge_;
  std::shared_ptr<const LargeMemory> block_;
  std::span<std::byte> bytes_;
};

/// Memory for the packed weights of one model. An expert's matrix is smaller than a huge page, so matrices lie one
/// behind the other in large blocks. A block goes with the last piece of it.
///
/// Errors   kBudget, kNoMemory: nothing is taken.
/// Threads  one at a time.
class WeightArena {
 public:
  WeightArena() noexcept = default;
  WeightArena(const WeightArena&) = delete;
  WeightArena& operator=(const WeightArena&) = delete;
  ~WeightArena() {
    if (block_ != nullptr) block_->release_behind(used_);
  }

  /// 64-byte aligned. `budget`, which may be null, is charged with the piece's bytes, whatever its block has.
  Result<WeightMemory> take(std::size_t bytes, Budget* budget);

 private:
  std::shared_ptr<const LargeMemory> block_;
  std::size_t used_ = 0;   ///< of the block
  std::size_t taken_ = 0;  ///< in all
};

}  // namespace moxie::backend
