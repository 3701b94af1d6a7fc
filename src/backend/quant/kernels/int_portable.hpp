// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include "backend/cpu/vec_portable.hpp"

namespace {

/// Sixteen 32-bit integers.
struct Ints {
  std::int32_t v[16];

  template <class F>
  static Ints each(F f) {
    Ints r;
    for (std::size_t i = 0; i < 16; ++i) r.v[i] = f(i);
    return r;
  }
  static Ints broadcast(std::int32_t x) {
    return each([x](std::size_t) { return x; });
  }
  static Ints load_u8(const std::uint8_t* p) {
    return each([p](std::size_t i) { return std::int32_t{p[i]}; });
  }
  static Ints load_i8(const std::uint8_t* p) {
    return each([p](std::size_t i) { return std::int32_t{static_cast<std::int8_t>(p[i])}; });
  }
  /// Nearest integers, halves to even.
  static Ints rounded(const Vec& x) {
    return each([&](std::size_t i) { return static_cast<std::int32_t>(std::nearbyint(x.v[i])); });
  }
  void store_i8(std::int8_t* p) const {
    for (std::size_t i = 0; i < 16; ++i) p[i] = static_cast<std::int8_t>(v[i]);
  }
  Vec to_float() const {
    return Vec::each([this](std::size_t i) { return static_cast<float>(v[i]); });
  }
  /// The floats that have these bits.
  Vec as_float() const {
    Vec r;
    std::memcpy(r.v, v, sizeof(v));
    return r;
  }
  Ints masked(int bits) const {
    return each([&](std::size_t i) { return v[i] & bits; });
  }
  template <int N>
  Ints shifted_right() const {
    return each([this](std::size_t i) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(v[i]) >> N); });
  }
  template <int N>
  Ints shifted_left() const {
    return each([this](std::size_t i) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(v[i]) << N); });
  }
  friend Ints operator|(const Ints& a, const Ints& b) {
    return each([&](std::size_t i) { return a.v[i] | b.v[i]; });
  }
  friend Ints operator-(const Ints& a, const Ints& b) {
    return each([&](std::size_t i) { return a.v[i] - b.v[i]; });
  }
};

/// Four codes of 8 bits for each of sixteen rows.
struct Codes {
  std::uint8_t v[64];

  template <class F>
  static Codes each(F f) {
    Codes r;
    for (std::size_t i = 0; i < 64; ++i) r.v[i] = static_cast<std::uint8_t>(f(i));
    return r;
  }
  static Codes load(const std::uint8_t* p) {
    return each([p](std::size_t i) { return p[i]; });
  }
  Codes masked(int bits) const {
    return each([&](std::size_t i) { return v[i] & bits; });
  }
  template <int N>
  Codes shifted_right() const {
    return each([this](std::size_t i) { return v[i] >> N; });
  }
  template <int N>
  Codes shifted_left() const {
    return each([this](std::size_t i) { return v[i] << N; });
  }
  friend Codes operator|(const Codes& a, const Codes& b) {
    return each([&](std::size_t i) { return a.v[i] | b.v[i]; });
  }
  /// Stored with 128 added: taken off.
  Codes as_signed() const {
    return each([this](std::size_t i) { return v[i] ^ 0x80; });
  }
  /// The values of IQ4.
  Codes looked_up() const {
    static constexpr std::int8_t kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                1,    13,   25,  38,  53,  69,  89,  113};
    return each([this](std::size_t i) { return kValues[v[i] & 15]; });
  }
  /// The values of MXFP4, doubled.
  Codes looked_up_fp4() const {
    static constexpr std::int8_t kValues[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    return each([this](std::size_t i) { return kValues[v[i] & 15]; });
  }
};

inline Ints dot_unsigned(const Ints& sum, const Codes& codes, const std::int8_t* four) {
  return Ints::each([&](std::size_t i) {
    std::int32_t total = sum.v[i];
    for (std::size_t k = 0; k < 4; ++k) total += std::int32_t{codes.v[4 * i + k]} * four[k];
    return total;
  });
}
inline Ints dot_signed(const Ints& sum, const Codes& codes, const std::int8_t* four) {
  return Ints::each([&](std::size_t i) {
    std::int32_t total = sum.v[i];
    for (std::size_t k = 0; k < 4; ++k) total += std::int32_t{static_cast<std::int8_t>(codes.v[4 * i + k])} * four[k];
    return total;
  });
}
inline Ints dot_pairs(const Ints& sum, const Ints& pairs, const std::int16_t* two) {
  return Ints::each([&](std::size_t i) {
    const auto bits = static_cast<std::uint32_t>(pairs.v[i]);
    return sum.v[i] + std::int32_t{static_cast<std::int16_t>(bits & 0xffff)} * two[0] +
           std::int32_t{static_cast<std::int16_t>(bits >> 16)} * two[1];
  });
}
/// A scale as add_scaled() takes it.
template <class F>
inline Ints multiplier(const Ints& n) {
  return n;
}
template <class F>
inline Ints add_scaled(const Ints& sum, const Ints& dot, const Ints& scale) {
  return Ints::each([&](std::size_t i) { return sum.v[i] + dot.v[i] * scale.v[i]; });
}
/// What the kernels must know of this path's integers.
struct IntBody {
  static constexpr std::size_t kRowsAtOnce = 1;   ///< rows whose products go side by side over one tile
  static constexpr std::int32_t kSignedBias = 0;  ///< QuantOps::signed_bias
  static constexpr bool kStartsWithBias = true;   ///< sums of products begin with Activations::start
  static constexpr bool kHasWideForm = false;     ///< its arrays lie in no registers to begin with
};

}  // namespace
