// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <moxie/backend/kv_view.hpp>
#include <moxie/core/checked.hpp>
#include <moxie/core/views.hpp>

namespace moxie::inline abi1 {

/// What a page costs in a context's table: the reference to it, and its tokens.
inline constexpr std::size_t kTableBytesPerPage = sizeof(std::byte*) + kKvPagePositions * sizeof(TokenId);

constexpr std::size_t pages_for(std::size_t positions) noexcept {
  return positions / kKvPagePositions + (positions % kKvPagePositions != 0 ? 1 : 0);
}

/// The memory of a context as plain numbers, for whoever plans what runs.
struct KvRoom {
  std::size_t held = 0;         ///< positions whose keys and values are there; rows go on behind them
  std::size_t pages = 0;        ///< it has room up to the end of these, counted from its beginning
  std::size_t released = 0;     ///< of these, gone behind a window
  std::size_t table_pages = 0;  ///< its table has room for so many
  bool copies_tail = false;     ///< the page that the next row goes into is shared
  std::uint64_t page_bytes = 0;

  /// What so many rows more take, no byte less and, but for a table that grows ahead, no byte more; the greatest number
  /// where that does not fit. It never falls as `rows` grow.
  [[nodiscard]] constexpr std::uint64_t bytes_for(std::size_t rows) const noexcept {
    if (rows == 0) return 0;
    const std::size_t wanted = std::max(pages_for(held + rows), pages);
    const std::uint64_t taken = wanted - pages + (copies_tail ? 1 : 0);
    const auto in_pages = checked::multiply(taken, page_bytes);
    const std::uint64_t in_table = wanted > table_pages ? std::uint64_t{wanted} * kTableBytesPerPage : 0;
    const auto all = in_pages ? checked::add(*in_pages, in_table) : std::nullopt;
    return all.value_or(std::numeric_limits<std::uint64_t>::max());
  }
  [[nodiscard]] constexpr std::uint64_t bytes_of_pages() const noexcept { return (pages - released) * page_bytes; }
  /// The most rows, up to `most`, that take no more than `bytes`.
  [[nodiscard]] constexpr std::size_t rows_within(std::uint64_t bytes, std::size_t most) const noexcept {
    std::size_t fit = 0;
    std::size_t too_many = most + 1;
    while (too_many - fit > 1) {
      const std::size_t middle = fit + (too_many - fit) / 2;
      (bytes_for(middle) <= bytes ? fit : too_many) = middle;
    }
    return fit;
  }
};

}  // namespace moxie
