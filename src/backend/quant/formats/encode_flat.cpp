// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>

#include "encode.hpp"

namespace moxie::inline abi1::backend::quant {
namespace {

constexpr std::size_t kWidth = 32;

constexpr std::uint32_t magnitude_bits(float value) noexcept {
  return std::bit_cast<std::uint32_t>(value) & 0x7fffffffu;
}

/// The largest magnitude, compared as integers, which order as the floats do and need no NaN rule.
std::uint32_t largest_magnitude(const float* values) noexcept {
  std::uint32_t largest = 0;
  for (std::size_t j = 0; j < kWidth; ++j) largest = std::max(largest, magnitude_bits(values[j]));
  return largest;
}

/// 1 / d; 0 where d is 0 or so small that f32 has no inverse, so that all codes stand for zero.
float inverse_of(float d) noexcept {
  constexpr float kLargestWithout = 0x1p-128f;  // its inverse, 2^128, is the first beyond f32
  return std::fabs(d) > kLargestWithout ? 1.0f / d : 0.0f;
}

/// The value of largest magnitude, the first of several, gets the lowest code.
template <class F>
void encode_signed(const float* values, typename F::Codes& codes) noexcept {
  constexpr int kHigh = 2 * F::kBias - 1;
  const std::uint32_t largest = largest_magnitude(values);
  float extreme = values[0];
  for (std::size_t j = kWidth; j-- > 0;) extreme = magnitude_bits(values[j]) == largest ? values[j] : extreme;
  const float d = extreme / static_cast<float>(-F::kBias);
  const float inverse = inverse_of(d);
  codes.d = narrow_f16(d);
  codes.m = 0;
  for (std::size_t j = 0; j < kWidth; ++j) {
    // Never below 0: the product is at least -kBias, so truncation rounds to nearest.
    const int code = static_cast<int>(values[j] * inverse + (static_cast<float>(F::kBias) + 0.5f));
    codes.q[j] = to_i8(std::min(code, kHigh) - F::kBias);
  }
}

/// Codes count up from the lowest value in equal steps.
template <class F, int High>
void encode_between(const float* values, typename F::Codes& codes) noexcept {
  float low = values[0];
  float high = values[0];
  for (std::size_t j = 1; j < kWidth; ++j) {
    low = values[j] < low ? values[j] : low;
    high = values[j] > high ? values[j] : high;
  }
  const float d = (high - low) / static_cast<float>(High);
  const float inverse = inverse_of(d);
  codes.d = narrow_f16(d);
  codes.m = narrow_f16(low);
  for (std::size_t j = 0; j < kWidth; ++j) {
    codes.q[j] = to_i8(std::min(static_cast<int>((values[j] - low) * inverse + 0.5f), High));
  }
}

}  // namespace

void encode(Q4_0, const float* values, Q4_0::Codes& codes) noexcept { encode_signed<Q4_0>(values, codes); }
void encode(Q5_0, const float* values, Q5_0::Codes& codes) noexcept { encode_signed<Q5_0>(values, codes); }
void encode(Q4_1, const float* values, Q4_1::Codes& codes) noexcept { encode_between<Q4_1, 15>(values, codes); }
void encode(Q5_1, const float* values, Q5_1::Codes& codes) noexcept { encode_between<Q5_1, 31>(values, codes); }

void encode(Q8_0, const float* values, Q8_0::Codes& codes) noexcept {
  const float d = std::bit_cast<float>(largest_magnitude(values)) / 127.0f;
  const float inverse = inverse_of(d);
  codes.d = narrow_f16(d);
  codes.m = 0;
  for (std::size_t j = 0; j < kWidth; ++j) {
    // To nearest, halves away from zero.
    const float scaled = values[j] * inverse;
    const int whole = static_cast<int>(scaled);
    const float rest = scaled - static_cast<float>(whole);
    codes.q[j] = to_i8(whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0));
  }
}

}  // namespace moxie::backend::quant
