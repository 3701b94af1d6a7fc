// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/element_type.hpp>

#include <bit>
#include <cmath>
#include <cstdint>

#include "support/catch.hpp"

using namespace moxie;

namespace {

// What IEEE 754 says about 16 bits, in double.
double binary16(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const double mantissa = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024.0 + mantissa, exponent - 25);
}

}  // namespace

TEST_CASE("every finite binary16 is widened exactly") {
  std::size_t wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7c00) == 0x7c00) continue;
    const double want = binary16(static_cast<std::uint16_t>(bits));
    const double got = static_cast<double>(widen_f16(static_cast<std::uint16_t>(bits)));
    wrong += got != want || std::signbit(got) != std::signbit(want) ? 1u : 0u;
  }
  CHECK(wrong == 0);
}

TEST_CASE("infinities and NaNs of binary16 keep sign and payload") {
  CHECK(std::bit_cast<std::uint32_t>(widen_f16(0x7c00)) == 0x7f800000u);
  CHECK(std::bit_cast<std::uint32_t>(widen_f16(0xfc00)) == 0xff800000u);
  CHECK(std::bit_cast<std::uint32_t>(widen_f16(0x7e00)) == 0x7fc00000u);
  CHECK(std::bit_cast<std::uint32_t>(widen_f16(0xfe01)) == 0xffc02000u);
  CHECK(std::bit_cast<std::uint32_t>(widen_f16(0x7c01)) == 0x7fc02000u);  // signalling: made quiet
}

TEST_CASE("bfloat16 is the upper half of a float") {
  CHECK(widen_bf16(0x3f80) == 1.0f);
  CHECK(widen_bf16(0xc000) == -2.0f);
  CHECK(std::bit_cast<std::uint32_t>(widen_bf16(0x0001)) == 0x00010000u);
}

TEST_CASE("every element type has a name and a size") {
  CHECK(name(ElementType::kBF16) == "BF16");
  CHECK(size_of(ElementType::kBF16) == 2);
  CHECK(name(ElementType::kF64) == "F64");
  CHECK(size_of(ElementType::kF64) == 8);
  CHECK(name(ElementType::kBool) == "BOOL");
  CHECK(size_of(ElementType::kI32) == 4);
}
