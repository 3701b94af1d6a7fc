// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>

#include "encode.hpp"

namespace moxie::inline abi1::backend::quant {
namespace {

/// The whole part of log2(value) rounded to f32, as llama.cpp takes it: of a value so close below a power of two that
/// f32 has no number between, that power.
int floor_log2(float value) noexcept {
  const auto wide = static_cast<double>(value);
  const int below = static_cast<int>(std::bit_cast<std::uint64_t>(wide) >> 52) - 1023;
  const double short_of = 1.0 - std::ldexp(wide, -below - 1);  // of the next power, as a part of it
  if (short_of > 0x1p-16) return below;                        // more than any f32 of that size rounds away
  constexpr double kLog2E = 1.4426950408889634;
  const auto next = static_cast<float>(below + 1);
  const double log2 = static_cast<double>(next) - (short_of + short_of * short_of / 2.0) * kLog2E;
  return static_cast<float>(log2) == next ? below + 1 : below;
}

}  // namespace

void encode(MXFP4, const float* values, MXFP4::Codes& codes) noexcept {
  constexpr std::size_t kWidth = MXFP4::kElements;
  float largest = 0.0f;
  for (std::size_t j = 0; j < kWidth; ++j) largest = std::max(largest, std::fabs(values[j]));
  // The largest magnitude falls to 4 or 6, the values of the highest exponent; below the least scale there is none
  // less.
  codes.d = static_cast<std::uint16_t>(largest > 0.0f ? std::max(floor_log2(largest) - 2 + 127, 0) : 0);
  codes.m = 0;
  const float d = MXFP4::scale_of(codes.d);
  std::array<float, kWidth> least;
  std::array<float, kWidth> nearest{};
  for (std::size_t j = 0; j < kWidth; ++j) least[j] = std::fabs(values[j]);
  for (const std::int8_t value : kFp4Values) {  // of two that are as near the one that comes first
    const auto code = static_cast<float>(value);
    const float means = d * code;
    for (std::size_t j = 0; j < kWidth; ++j) {
      const float error = std::fabs(means - values[j]);
      nearest[j] = error < least[j] ? code : nearest[j];
      least[j] = error < least[j] ? error : least[j];
    }
  }
  for (std::size_t j = 0; j < kWidth; ++j) codes.q[j] = static_cast<std::int8_t>(nearest[j]);
}

}  // namespace moxie::backend::quant
