// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace moxie::inline abi1 {

/// Where memory lies. Part of a view's type: a device view never slips into a host function.
enum class Space : std::uint8_t { kHost, kDevice };

/// A view of `rows` rows of `width` elements, row-major, `stride` elements from row to row.
///
/// Shapes   stride >= width. rows or width may be 0; then data may be null.
/// Threads  a plain value; it owns nothing and outlives nothing.
template <class T, Space S = Space::kHost>
struct RowsOf {
  using Element = T;
  static constexpr Space space = S;

  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t width = 0;
  std::size_t stride = 0;

  constexpr RowsOf() noexcept = default;
  constexpr RowsOf(T* data_in, std::size_t rows_in, std::size_t width_in) noexcept
      : RowsOf(data_in, rows_in, width_in, width_in) {}
  constexpr RowsOf(T* data_in, std::size_t rows_in, std::size_t width_in, std::size_t stride_in) noexcept
      : data(data_in), rows(rows_in), width(width_in), stride(stride_in) {}

  /// A view of mutable rows serves where const rows are wanted.
  template <class U>
  requires(std::is_same_v<const U, T> &&
           !std::is_same_v<U, T>) constexpr RowsOf(RowsOf<U, S> other) noexcept  // NOLINT(google-explicit-constructor)
      : RowsOf(other.data, other.rows, other.width, other.stride) {}

  [[nodiscard]] constexpr T* row(std::size_t i) const noexcept { return data + i * stride; }
  [[nodiscard]] constexpr std::span<T> operator[](std::size_t i) const noexcept { return {row(i), width}; }
  /// Rows [begin, begin + count).
  [[nodiscard]] constexpr RowsOf slice(std::size_t begin, std::size_t count) const noexcept {
    return {count == 0 ? data : row(begin), count, width, stride};
  }
  [[nodiscard]] constexpr bool is_dense() const noexcept { return stride == width || rows <= 1; }
};

using Rows = RowsOf<float>;
using ConstRows = RowsOf<const float>;
/// Expert ids, token ids.
using IdRows = RowsOf<std::int32_t>;
using ConstIdRows = RowsOf<const std::int32_t>;

/// A token's number in the vocabulary.
using TokenId = std::int32_t;
/// A token's place in its context, from 0.
using Position = std::int32_t;

}  // namespace moxie
