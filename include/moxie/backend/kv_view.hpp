// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include <moxie/backend/kv_type.hpp>
#include <moxie/core/config.hpp>
#include <moxie/core/status.hpp>

namespace moxie::inline abi1 {

/// Positions in one KV page. Pages begin at absolute positions 0, 32, 64, ...: attention works page
/// by page, so where a prompt was cut never changes the order of a sum.
/// 32: two vectors of 16 scores; an f32 page of Qwen3-30B-A3B is 6.3 MB, what a fork copies at most.
inline constexpr std::size_t kKvPagePositions = 32;

/// Channels of a head that share one scale in q8_0; the last ones of a width may be fewer.
inline constexpr std::size_t kKvSpan = 32;

/// "f32", "f16", "bf16", "q8_0".
constexpr std::string_view name(KvType type) noexcept {
  switch (type) {
    case KvType::kF32: return "f32";
    case KvType::kF16: return "f16";
    case KvType::kBF16: return "bf16";
    case KvType::kQ8_0: return "q8_0";
  }
  return "unknown";
}

/// Bytes of one key or value, or of its whole number in q8_0.
constexpr std::size_t element_bytes(KvType type) noexcept {
  return type == KvType::kF32 ? 4 : type == KvType::kQ8_0 ? 1 : 2;
}

/// Scales of one position over `width` channels; 0 where the type has none.
constexpr std::size_t scales_for(KvType type, std::size_t width) noexcept {
  return type == KvType::kQ8_0 ? width / kKvSpan + (width % kKvSpan != 0 ? 1 : 0) : 0;
}

/// Layers that keep alike: so many of them, with these heads.
struct KvLayers {
  std::size_t layers = 0;
  std::size_t kv_heads = 0;     ///< G
  std::size_t key_width = 0;    ///< C of a key
  std::size_t value_width = 0;  ///< C of a value

  friend bool operator==(const KvLayers&, const KvLayers&) = default;
};

/// What one position of a context keeps, in every layer, and how.
struct KvShape {
  std::size_t layers = 0;       ///< L, without those of `others`
  std::size_t kv_heads = 0;     ///< G
  std::size_t key_width = 0;    ///< C of a key
  std::size_t value_width = 0;  ///< C of a value
  KvType type = KvType::kF32;
  /// No row reads further back than this many positions, its own included; 0: a row may read all.
  std::size_t window = 0;
  /// Layers with other heads, which are numbered on behind those above; the first without layers ends the list.
  std::array<KvLayers, 3> others = {};

  friend bool operator==(const KvShape&, const KvShape&) = default;

  /// Bytes of one layer and head in a page: whole lines of 64.
  [[nodiscard]] constexpr std::size_t block_bytes() const noexcept { return block_bytes(first()); }
  /// Bytes of a page; the caller has checked that they fit (KvPool::create does).
  [[nodiscard]] constexpr std::size_t page_bytes() const noexcept {
    std::size_t bytes = bytes_of(first());
    for (const KvLayers& other : others) bytes += bytes_of(other);
    return bytes;
  }
  [[nodiscard]] constexpr std::size_t all_layers() const noexcept {
    std::size_t count = layers;
    for (const KvLayers& other : others) count += other.layers;
    return count;
  }
  /// What the layer keeps, `layers` being how many keep alike; layer < all_layers().
  [[nodiscard]] constexpr KvLayers kind_of(std::size_t layer) const noexcept { return place_of(layer).kind; }
  [[nodiscard]] constexpr KvBlock block(std::size_t layer, std::size_t head) const noexcept {
    const Place place = place_of(layer);
    const KvLayers& kind = place.kind;
    KvBlock block;
    block.keys = place.begin + (place.layer * kind.kv_heads + head) * block_bytes(kind);
    block.key_scales = block.keys + kind.key_width * kKvPagePositions * element_bytes(type);
    block.values = block.keys + plane_bytes(kind.key_width);
    block.value_scales = block.values + kind.value_width * kKvPagePositions * element_bytes(type);
    return block;
  }

 private:
  /// A layer among those of its kind, which begin at `begin`.
  struct Place {
    KvLayers kind;
    std::size_t layer = 0;
    std::size_t begin = 0;
  };
  [[nodiscard]] constexpr KvLayers first() const noexcept { return {layers, kv_heads, key_width, value_width}; }
  [[nodiscard]] constexpr Place place_of(std::size_t layer) const noexcept {
    Place place{first(), layer, 0};
    for (const KvLayers& other : others) {
      if (place.layer < place.kind.layers || other.layers == 0) break;
      place = {other, place.layer - place.kind.layers, place.begin + bytes_of(place.kind)};
    }
    return place;
  }
  // The elements of 32 positions, and their scales of 2 bytes.
  [[nodiscard]] constexpr std::size_t plane_bytes(std::size_t width) const noexcept {
    return kKvPagePositions * (width * element_bytes(type) + 2 * scales_for(type, width));
  }
  [[nodiscard]] constexpr std::size_t block_bytes(const KvLayers& kind) const noexcept {
    return (plane_bytes(kind.key_width) + plane_bytes(kind.value_width) + 63) / 64 * 64;
  }
  [[nodiscard]] constexpr std::size_t bytes_of(const KvLayers& kind) const noexcept {
    return kind.layers * kind.kv_heads * block_bytes(kind);
  }
};

/// The pages of one context as a device reads and writes them; it owns nothing.
///
/// Blocks follow each other by layer, then by head, with the widths that their layer has.
///
///     block (layer, head)   keys          [key_width][32]            elements of the type
///                           key scales    [ceil(key_width / 32)][32] f16, in q8_0 alone
///                           values        [32][value_width]          elements of the type
///                           value scales  [ceil(value_width / 32)][32] f16, in q8_0 alone
///
/// Keys lie transposed, so that 16 scores are one vector. What belongs to a position is bytes of its own, scales
/// included: writing one position never changes what another one holds.
///
/// Shapes   pages[p] holds positions [32 p, 32 p + 32), 64-byte aligned; pages before `first_page` were given back and
///          are null.
/// Threads  a plain value. Different positions may be written at once.
struct KvView {
  KvShape shape;
  std::span<std::byte* const> pages;
  std::size_t first_page = 0;

  /// Stores what a position keeps of one layer and head, rounded to the type.
  ///
  /// f16, bf16: to nearest even. q8_0: of each 32 channels the scale is the largest magnitude / 127, rounded up to an
  /// f16, and a number is stored as the nearest whole multiple of it, the even one where two are as near: it is off by
  /// half a scale at most.
  ///
  /// Shapes   key: [key_width], value: [value_width].
  /// Errors   kUnsupported: a number that is not finite, or is not in the type: beyond 65504 in f16, 3.39e38 in bf16,
  ///          8.3e6 in q8_0. f32 takes every number. What the position holds is unspecified then.
  MOXIE_API Status store(std::size_t layer, std::size_t head, std::size_t position, const float* key,
                         const float* value) const noexcept;
  /// What store() stored, as attention reads it: exact.
  MOXIE_API void load(std::size_t layer, std::size_t head, std::size_t position, float* key,
                      float* value) const noexcept;
};

}  // namespace moxie
