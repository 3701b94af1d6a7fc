// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <moxie/backend/kv_view.hpp>
#include <moxie/core/budget.hpp>
#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

struct KvPoolOptions {
  /// For tests: memory that holds no position of a context holds NaN, so that whoever reads it shows
  /// in the result. Costs a pass over each page that is taken or goes.
  bool poison_freed = false;
  /// Lives as long as the pool: what its keys and values belong to. A kernel puts the model here.
  std::shared_ptr<const void> owner = {};
};

/// What a pool holds now, and the most it has held.
struct KvPoolUsage {
  std::size_t pages = 0;       ///< shared ones counted once
  std::uint64_t bytes = 0;     ///< pages * page_bytes()
  std::size_t peak_pages = 0;  ///< since the pool was made
  std::uint64_t peak_bytes = 0;
};

/// Where contexts get the pages of their keys and values from: one shape, one budget.
///
///     auto budget = Budget::create("kv", 1 << 30);
///     MOXIE_TRY_LET(auto pool, KvPool::create({.layers = 48, ...}, budget));
///     MOXIE_TRY_LET(Context context, Context::create(pool));
///
/// A page is charged before it is allocated and given back, to the budget and to the system, when its
/// last reference goes; the pool keeps none for later. Contexts and pages keep their pool alive.
///
/// Shapes   pages as KvView documents them, of the type that the shape names.
/// Units    page_bytes() is what the system lends for one page: its values, 64 bytes of bookkeeping
///          and what rounding to the system's own pages adds. Exactly that is charged. A block that
///          the C++ heap serves (page_bytes() below 256 KiB) costs the heap's few bytes besides.
/// Errors   create: kInvalidArgument (a zero in the shape, no budget), kShape (a page that no address
///          space holds), kNoMemory.
/// Threads  every member may be called from any thread.
class MOXIE_API KvPool : public std::enable_shared_from_this<KvPool> {
  struct Private {};

 public:
  [[nodiscard]] static Result<std::shared_ptr<KvPool>> create(const KvShape& shape, std::shared_ptr<Budget> budget,
                                                              KvPoolOptions options = {}) noexcept;
  KvPool(Private, const KvShape& shape, std::size_t page_bytes, bool mapped, std::shared_ptr<Budget> budget,
         KvPoolOptions options) noexcept;
  KvPool(const KvPool&) = delete;
  KvPool& operator=(const KvPool&) = delete;

  [[nodiscard]] const KvShape& shape() const noexcept { return shape_; }
  [[nodiscard]] const KvPoolOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::shared_ptr<Budget>& budget() const noexcept { return budget_; }
  [[nodiscard]] std::size_t page_bytes() const noexcept { return page_bytes_; }
  [[nodiscard]] KvPoolUsage usage() const noexcept;

 private:
  friend class PageRef;

  // What PageRef stands on. A page is known by the address of its values, 64-byte aligned, as in KvView::pages.
  struct PageHeader;
  Result<std::byte*> take(Budget& account, std::uint64_t identity) noexcept;
  static void give(PageHeader* header) noexcept;

  KvShape shape_;
  KvPoolOptions options_;
  bool mapped_;
  std::size_t page_bytes_;
  std::shared_ptr<Budget> budget_;
  std::atomic<std::size_t> pages_{0};
  std::atomic<std::size_t> peak_pages_{0};
};

}  // namespace moxie
