// SPDX-License-Identifier: Apache-2.0
#include "context/page_positions.hpp"

#include <cstring>

namespace moxie::inline abi1 {
namespace {

/// All bits set: a NaN in f32, f16 and bf16, and so are the scales of q8_0.
constexpr int kPoison = 0xff;

/// Calls run(begin, bytes) for the bytes that positions [first, end) hold, in every layer and head.
template <class F>
void each_run(const KvShape& shape, std::size_t first, std::size_t end, F run) noexcept {
  // Rows of 32 lanes, a position in each.
  const auto lanes = [&](std::size_t begin, std::size_t rows, std::size_t bytes) {
    for (std::size_t row = 0; row < rows; ++row) {
      run(begin + (row * kKvPagePositions + first) * bytes, (end - first) * bytes);
    }
  };
  const std::size_t bytes = element_bytes(shape.type);
  for (std::size_t layer = 0; layer < shape.all_layers(); ++layer) {
    const KvLayers kind = shape.kind_of(layer);
    for (std::size_t head = 0; head < kind.kv_heads; ++head) {
      const KvBlock block = shape.block(layer, head);
      lanes(block.keys, kind.key_width, bytes);
      lanes(block.key_scales, scales_for(shape.type, kind.key_width), 2);
      run(block.values + first * kind.value_width * bytes, (end - first) * kind.value_width * bytes);
      lanes(block.value_scales, scales_for(shape.type, kind.value_width), 2);
    }
  }
}

}  // namespace

Text describe(const KvShape& shape) noexcept {
  Text text(shape.layers, " layers, ", shape.kv_heads, " kv heads, key width ", shape.key_width, ", value width ",
            shape.value_width);
  for (const KvLayers& other : shape.others) {
    if (other.layers == 0) break;
    text = Text(text, "; ", other.layers, " of ", other.kv_heads, ", ", other.key_width, ", ", other.value_width);
  }
  return Text(text, ", ", name(shape.type));
}

void copy_positions(const KvShape& shape, const std::byte* from, std::byte* to, std::size_t count) noexcept {
  each_run(shape, 0, count,
           [&](std::size_t begin, std::size_t bytes) { std::memcpy(to + begin, from + begin, bytes); });
}

void poison_positions(const KvShape& shape, std::byte* page, std::size_t begin) noexcept {
  each_run(shape, begin, kKvPagePositions,
           [&](std::size_t at, std::size_t bytes) { std::memset(page + at, kPoison, bytes); });
}

void poison_page(std::byte* page, std::size_t bytes) noexcept {
  // volatile: the compiler knows that a block which is given back next is dead, and would drop the stores.
  volatile std::byte* out = page;
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(kPoison);
}

}  // namespace moxie
