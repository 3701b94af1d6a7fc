// SPDX-License-Identifier: Apache-2.0
#include <moxie/backend/kv_view.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <moxie/core/element_type.hpp>

#include "backend/quant/formats/half.hpp"

namespace moxie::inline abi1 {
namespace {

using backend::quant::is_finite_f16;
using backend::quant::narrow_bf16;
using backend::quant::narrow_f16;

// Each type reads and writes `width` elements, `stride` apart, from the first of a position on. Writing gives false
// where a number is none of the type.

struct F32 {
  static bool write(const float* from, std::size_t width, float* to, std::size_t stride) noexcept {
    for (std::size_t c = 0; c < width; ++c) to[c * stride] = from[c];
    return true;
  }
  static float widen(float x) noexcept { return x; }
};

struct F16 {
  static bool write(const float* from, std::size_t width, std::uint16_t* to, std::size_t stride) noexcept {
    bool finite = true;
    for (std::size_t c = 0; c < width; ++c) {
      to[c * stride] = narrow_f16(from[c]);
      finite = finite && is_finite_f16(to[c * stride]);
    }
    return finite;
  }
  static float widen(std::uint16_t x) noexcept { return widen_f16(x); }
};

struct BF16 {
  static bool write(const float* from, std::size_t width, std::uint16_t* to, std::size_t stride) noexcept {
    bool finite = true;
    for (std::size_t c = 0; c < width; ++c) {
      to[c * stride] = narrow_bf16(from[c]);
      finite = finite && (to[c * stride] & 0x7f80u) != 0x7f80u;
    }
    return finite;
  }
  static float widen(std::uint16_t x) noexcept { return widen_bf16(x); }
};

/// The nearest whole number, even where two are as near; |x| below 2^22.
std::int8_t nearest(float x) noexcept {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: its neighbours are whole numbers
  return static_cast<std::int8_t>((x + kRound) - kRound);
}

/// One span of q8_0; false where its scale is none.
bool write_span(const float* from, std::size_t width, std::int8_t* to, std::size_t stride,
                std::uint16_t& scale) noexcept {
  float largest = 0.0f;
  bool finite = true;
  for (std::size_t c = 0; c < width; ++c) {
    finite = finite && std::isfinite(from[c]);
    largest = std::max(largest, std::fabs(from[c]));
  }
  scale = narrow_f16(largest / 127.0f);
  // Upwards: 127 steps reach the largest, also where f16 has few bits left or none.
  if (widen_f16(scale) < largest / 127.0f) ++scale;
  if (!finite || !is_finite_f16(scale)) return false;
  const float step = widen_f16(scale);
  for (std::size_t c = 0; c < width; ++c) to[c * stride] = step > 0.0f ? nearest(from[c] / step) : std::int8_t{0};
  return true;
}

template <class Type, class Element>
bool write_both(const KvLayers& kind, const KvBlock& block, std::byte* page, std::size_t slot, const float* key,
                const float* value) noexcept {
  auto* keys = reinterpret_cast<Element*>(page + block.keys) + slot;
  auto* values = reinterpret_cast<Element*>(page + block.values) + slot * kind.value_width;
  const bool fits = Type::write(key, kind.key_width, keys, kKvPagePositions);
  return Type::write(value, kind.value_width, values, 1) && fits;
}

template <class Type, class Element>
void read_both(const KvLayers& kind, const KvBlock& block, const std::byte* page, std::size_t slot, float* key,
               float* value) noexcept {
  const auto* keys = reinterpret_cast<const Element*>(page + block.keys) + slot;
  const auto* values = reinterpret_cast<const Element*>(page + block.values) + slot * kind.value_width;
  for (std::size_t c = 0; c < kind.key_width; ++c) key[c] = Type::widen(keys[c * kKvPagePositions]);
  for (std::size_t c = 0; c < kind.value_width; ++c) value[c] = Type::widen(values[c]);
}

struct Q8Position {
  std::int8_t* keys;
  std::uint16_t* key_scales;
  std::int8_t* values;
  std::uint16_t* value_scales;

  Q8Position(const KvLayers& kind, const KvBlock& block, std::byte* page, std::size_t slot) noexcept
      : keys(reinterpret_cast<std::int8_t*>(page + block.keys) + slot),
        key_scales(reinterpret_cast<std::uint16_t*>(page + block.key_scales) + slot),
        values(reinterpret_cast<std::int8_t*>(page + block.values) + slot * kind.value_width),
        value_scales(reinterpret_cast<std::uint16_t*>(page + block.value_scales) + slot) {}
};

/// Scales of consecutive spans lie 32 apart, of keys as of values.
bool write_spans(const float* from, std::size_t width, std::int8_t* to, std::size_t stride,
                 std::uint16_t* scales) noexcept {
  bool fits = true;
  for (std::size_t c = 0; c < width; c += kKvSpan, scales += kKvPagePositions) {
    fits = write_span(from + c, std::min(kKvSpan, width - c), to + c * stride, stride, *scales) && fits;
  }
  return fits;
}

void read_spans(const std::int8_t* from, std::size_t width, std::size_t stride, const std::uint16_t* scales,
                float* to) noexcept {
  for (std::size_t c = 0; c < width; ++c) {
    to[c] = static_cast<float>(from[c * stride]) * widen_f16(scales[c / kKvSpan * kKvPagePositions]);
  }
}

/// The first number that is not finite, or else the largest: what does not fit.
float misfit(const KvLayers& kind, const float* key, const float* value) noexcept {
  float worst = 0.0f;
  const auto look = [&worst](float x) {
    if (std::isfinite(worst) && (!std::isfinite(x) || std::fabs(x) > std::fabs(worst))) worst = x;
  };
  std::for_each_n(key, kind.key_width, look);
  std::for_each_n(value, kind.value_width, look);
  return worst;
}

}  // namespace

Status KvView::store(std::size_t layer, std::size_t head, std::size_t position, const float* key,
                     const float* value) const noexcept {
  std::byte* page = pages[position / kKvPagePositions];
  const std::size_t slot = position % kKvPagePositions;
  const KvBlock block = shape.block(layer, head);
  const KvLayers kind = shape.kind_of(layer);
  bool fits = true;
  switch (shape.type) {
    case KvType::kF32: fits = write_both<F32, float>(kind, block, page, slot, key, value); break;
    case KvType::kF16: fits = write_both<F16, std::uint16_t>(kind, block, page, slot, key, value); break;
    case KvType::kBF16: fits = write_both<BF16, std::uint16_t>(kind, block, page, slot, key, value); break;
    case KvType::kQ8_0: {
      const Q8Position at(kind, block, page, slot);
      fits = write_spans(key, kind.key_width, at.keys, kKvPagePositions, at.key_scales);
      fits = write_spans(value, kind.value_width, at.values, 1, at.value_scales) && fits;
      break;
    }
  }
  if (fits) return {};
  return Status(Code::kUnsupported, "KvView::store",
                Text("keys and values that ", name(shape.type), " pages can hold (f32 pages hold all)"),
                Text(misfit(kind, key, value), " at position ", position, ", layer ", layer, ", head ", head));
}

void KvView::load(std::size_t layer, std::size_t head, std::size_t position, float* key, float* value) const noexcept {
  std::byte* page = pages[position / kKvPagePositions];
  const std::size_t slot = position % kKvPagePositions;
  const KvBlock block = shape.block(layer, head);
  const KvLayers kind = shape.kind_of(layer);
  switch (shape.type) {
    case KvType::kF32: return read_both<F32, float>(kind, block, page, slot, key, value);
    case KvType::kF16: return read_both<F16, std::uint16_t>(kind, block, page, slot, key, value);
    case KvType::kBF16: return read_both<BF16, std::uint16_t>(kind, block, page, slot, key, value);
    case KvType::kQ8_0: {
      const Q8Position at(kind, block, page, slot);
      read_spans(at.keys, kind.key_width, kKvPagePositions, at.key_scales, key);
      return read_spans(at.values, kind.value_width, 1, at.value_scales, value);
    }
  }
}

}  // namespace moxie
