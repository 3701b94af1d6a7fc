// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace moxie {

/// Positions in one KV page. Pages begin at absolute positions 0, 32, 64, ...: attention works page
/// by page, so where a prompt was cut never changes the order of a sum.
/// 32: two vectors of 16 scores; a page of Qwen3-30B-A3B is 6.3 MB, what a fork copies at most.
inline constexpr std::size_t kKvPagePositions = 32;

/// What one position of a context keeps, in every layer.
struct KvShape {
  std::size_t layers = 0;       ///< L
  std::size_t kv_heads = 0;     ///< G
  std::size_t key_width = 0;    ///< C of a key
  std::size_t value_width = 0;  ///< C of a value

  friend bool operator==(const KvShape&, const KvShape&) = default;

  /// f32 values of one layer and head in a page: the keys, then the values.
  [[nodiscard]] constexpr std::size_t block_floats() const noexcept {
    return (key_width + value_width) * kKvPagePositions;
  }
  /// f32 values of a page; the caller has checked that it fits (KvPool::create does).
  [[nodiscard]] constexpr std::size_t page_floats() const noexcept { return layers * kv_heads * block_floats(); }
};

/// The pages of one context as a device reads and writes them; it owns nothing.
///
/// Shapes   pages[p] holds positions [32 p, 32 p + 32). Within a page, block (layer, head) holds the
///          keys transposed, [key_width][32], so that 16 scores are one vector, then the values,
///          [32][value_width].
/// Threads  a plain value. Rows of different positions may be written at once.
struct KvView {
  KvShape shape;
  std::span<float* const> pages;

  [[nodiscard]] float* keys(std::size_t page, std::size_t layer, std::size_t head) const noexcept {
    return pages[page] + (layer * shape.kv_heads + head) * shape.block_floats();
  }
  [[nodiscard]] float* values(std::size_t page, std::size_t layer, std::size_t head) const noexcept {
    return keys(page, layer, head) + shape.key_width * kKvPagePositions;
  }
};

}  // namespace moxie
