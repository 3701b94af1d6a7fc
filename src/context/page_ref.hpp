// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <moxie/context/kv_pool.hpp>

namespace moxie::inline abi1 {

/// A reference to a page of keys and values, or to none. The last one gives the page back, and each keeps the page's
/// pool alive.
///
/// A page is written only by a holder who is alone with it, so what others share never changes.
///
/// Threads  references to one page may be on many threads; one reference, on one at a time.
class PageRef {
 public:
  /// A new page. Its values are zero, or NaN under poison_freed. `account` pays until the page goes: the pool's budget,
  /// or one that lies within it. `identity` says whose keys and values it will hold: ContextOptions::pathway_hash.
  static Result<PageRef> acquire(KvPool& pool, Budget& account, std::uint64_t identity) noexcept;

  PageRef() noexcept = default;
  PageRef(PageRef&& other) noexcept : values_(std::exchange(other.values_, nullptr)) {}
  PageRef& operator=(PageRef&& other) noexcept {
    PageRef incoming(std::move(other));
    std::swap(values_, incoming.values_);
    return *this;
  }
  ~PageRef() {
    if (values_ != nullptr) release();
  }

  explicit operator bool() const noexcept { return values_ != nullptr; }
  /// One reference more.
  [[nodiscard]] PageRef share() const noexcept;
  /// Whether somebody else holds a reference too. "No" stays true until this one is shared, and everything that former
  /// holders did has then happened before.
  [[nodiscard]] bool is_shared() const noexcept;
  /// 64-byte aligned; null where there is no page.
  [[nodiscard]] std::byte* values() const noexcept { return values_; }
  [[nodiscard]] const KvPool& pool() const noexcept;
  [[nodiscard]] std::uint64_t identity() const noexcept;

 private:
  explicit PageRef(std::byte* values) noexcept : values_(values) {}
  void release() noexcept;

  std::byte* values_ = nullptr;
};

/// The pages as KvView has them.
inline std::span<std::byte* const> values_of(std::span<const PageRef> pages) noexcept {
  // A reference is its pointer and nothing else, so that a list of them serves a step as it is.
  static_assert(std::is_standard_layout_v<PageRef> && sizeof(PageRef) == sizeof(std::byte*));
  return {reinterpret_cast<std::byte* const*>(pages.data()), pages.size()};
}

}  // namespace moxie
