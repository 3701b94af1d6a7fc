// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backend/cpu/ops.hpp"

// How stored numbers become a Vec: those of packed panels, and the keys and values in a page of each type. Widening is
// exact on every ISA path.

namespace {

using moxie::backend::AttendArgs;
using moxie::backend::kVectorWidth;

constexpr std::size_t kPage = 32;  // kKvPagePositions: two vectors of scores

/// Lines that are read soon, asked for one at a time between other work: all at once, that work would wait for them.
struct Fetch {
  const char* at = nullptr;
  std::size_t left = 0;

  Fetch() = default;
  Fetch(const void* begin, std::size_t bytes) : at(static_cast<const char*>(begin)), left((bytes + 63) / 64) {}
  void line() {
    if (left == 0) return;
    __builtin_prefetch(at, 0, 2);
    at += 64;
    --left;
  }
  /// The first lines of it, which it then no longer has.
  Fetch part(std::size_t lines) {
    Fetch taken = *this;
    taken.left = lines < left ? lines : left;
    at += taken.left * 64;
    left -= taken.left;
    return taken;
  }
};

/// The block of a page that is read next: pages lie anywhere, and no hardware knows which follows. The last of it are
/// the scales of values, or nothing.
inline Fetch lines_of(const AttendArgs& a, const std::byte* page) {
  const std::size_t scales = a.type == moxie::KvType::kQ8_0 ? (a.value_width + 31) / 32 * kPage * 2 : 0;
  return {page + a.block.keys, a.block.value_scales + scales - a.block.keys};
}

/// Elements of up to 16 lanes that are narrower than a lane, the others zero: nothing is read behind them.
template <class Element>
inline Vec first_elements(Vec (*load)(const Element*), const Element* p, std::size_t n) {
  Element lanes[kVectorWidth] = {};
  for (std::size_t i = 0; i < kVectorWidth && i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}

struct F32Panel {
  using Element = float;
  static Vec load(const Element* p) { return Vec::load(p); }
  static Vec load_first(const Element* p, std::size_t n) { return Vec::load_first(p, n); }
};
struct BF16Panel {
  using Element = std::uint16_t;
  static Vec load(const Element* p) { return Vec::load_bf16(p); }
  static Vec load_first(const Element* p, std::size_t n) { return first_elements(Vec::load_bf16, p, n); }
};
struct F16Panel {
  using Element = std::uint16_t;
  static Vec load(const Element* p) { return Vec::load_f16(p); }
  static Vec load_first(const Element* p, std::size_t n) { return first_elements(Vec::load_f16, p, n); }
};

/// Keys and values of one layer and head in a page, widened to f32 as they are loaded. `kSpan` channels of a key share
/// its scales, which come from key_scales().
template <class Panel>
class PlainPage {
 public:
  using Element = typename Panel::Element;
  static constexpr std::size_t kSpan = ~std::size_t{0};
  struct Scales {};

  PlainPage(const AttendArgs& a, const std::byte* page)
      : keys_(reinterpret_cast<const Element*>(page + a.block.keys)),
        values_(reinterpret_cast<const Element*>(page + a.block.values)),
        value_width_(a.value_width) {}

  Scales key_scales(std::size_t) const { return {}; }
  /// Channel c of positions [16 half, 16 half + 16).
  Vec key(std::size_t c, std::size_t half, const Scales&) const {
    return Panel::load(keys_ + c * kPage + half * kVectorWidth);
  }

  /// Columns [column, column + 16 N) of all values.
  template <std::size_t N>
  class Columns {
   public:
    Columns(const PlainPage& page, std::size_t column) : at_(page.values_ + column), stride_(page.value_width_) {}
    Vec load(std::size_t position, std::size_t n) const {
      return Panel::load(at_ + position * stride_ + n * kVectorWidth);
    }
    Vec load_first(std::size_t position, std::size_t n, std::size_t width) const {
      return Panel::load_first(at_ + position * stride_ + n * kVectorWidth, width);
    }

   private:
    const Element* at_;
    std::size_t stride_;
  };

 private:
  const Element* keys_;
  const Element* values_;
  std::size_t value_width_;
};

/// Whole numbers and their scales. A product of the two is an f32: 7 bits by 11.
class Q8Page {
 public:
  static constexpr std::size_t kSpan = 32;  // kKvSpan
  struct Scales {
    Vec half[2];
  };

  Q8Page(const AttendArgs& a, const std::byte* page)
      : keys_(reinterpret_cast<const std::int8_t*>(page + a.block.keys)),
        key_scales_(reinterpret_cast<const std::uint16_t*>(page + a.block.key_scales)),
        values_(reinterpret_cast<const std::int8_t*>(page + a.block.values)),
        value_scales_(reinterpret_cast<const std::uint16_t*>(page + a.block.value_scales)),
        value_width_(a.value_width) {}

  Scales key_scales(std::size_t c) const {
    const std::uint16_t* scales = key_scales_ + c / kSpan * kPage;
    return {{Vec::load_f16(scales), Vec::load_f16(scales + kVectorWidth)}};
  }
  Vec key(std::size_t c, std::size_t half, const Scales& scales) const {
    return Vec::load_i8(keys_ + c * kPage + half * kVectorWidth) * scales.half[half];
  }

  template <std::size_t N>
  class Columns {
   public:
    static_assert(N * kVectorWidth <= kSpan);  // and columns begin at multiples of 16 N: one scale for all of them
    Columns(const Q8Page& page, std::size_t column) : at_(page.values_ + column), stride_(page.value_width_) {
      const std::uint16_t* scales = page.value_scales_ + column / kSpan * kPage;
      Vec::load_f16(scales).store(scales_);
      Vec::load_f16(scales + kVectorWidth).store(scales_ + kVectorWidth);
    }
    Vec load(std::size_t position, std::size_t n) const {
      return Vec::load_i8(at_ + position * stride_ + n * kVectorWidth) * Vec::broadcast(scales_[position]);
    }
    Vec load_first(std::size_t position, std::size_t n, std::size_t width) const {
      return first_elements(Vec::load_i8, at_ + position * stride_ + n * kVectorWidth, width) *
             Vec::broadcast(scales_[position]);
    }

   private:
    const std::int8_t* at_;
    std::size_t stride_;
    float scales_[kPage];
  };

 private:
  const std::int8_t* keys_;
  const std::uint16_t* key_scales_;
  const std::int8_t* values_;
  const std::uint16_t* value_scales_;
  std::size_t value_width_;
};

}  // namespace
