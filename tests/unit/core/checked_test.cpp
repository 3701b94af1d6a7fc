// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/checked.hpp>

#include <cstdint>
#include <limits>
#include <vector>

#include "support/catch.hpp"

using namespace moxie;

namespace {
constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t u(std::uint64_t x) { return x; }
}  // namespace

TEST_CASE("a sum that does not fit is nothing") {
  CHECK(checked::add(u(1), u(2), u(3)) == 6u);
  CHECK(checked::add(kMax) == kMax);
  CHECK(checked::add(kMax, u(0)) == kMax);
  CHECK_FALSE(checked::add(kMax, u(1)));
  CHECK_FALSE(checked::add(u(1), kMax));
  CHECK_FALSE(checked::add(kMax, u(1), u(0)));
  CHECK_FALSE(checked::add(u(1) << 63, u(1) << 63));
}

TEST_CASE("a product that does not fit is nothing") {
  CHECK(checked::multiply(u(3), u(5), u(7)) == 105u);
  CHECK(checked::multiply(kMax, u(1)) == kMax);
  CHECK(checked::multiply(u(0), kMax, kMax) == 0u);
  CHECK_FALSE(checked::multiply(u(1) << 32, u(1) << 32));
  CHECK_FALSE(checked::multiply(kMax, kMax));
  CHECK(checked::multiply(u(0xffffffff), u(0x100000001)) == kMax);
  CHECK_FALSE(checked::multiply(u(0x100000000), u(0x100000001)));
}

TEST_CASE("an overflow stays one where a later factor is zero") {
  CHECK_FALSE(checked::multiply(kMax, u(2), u(0)));
  const std::vector<std::uint64_t> dims{kMax, 2, 0};
  CHECK_FALSE(checked::product(dims));
}

TEST_CASE("the product of no dimensions is one") {
  CHECK(checked::product({}) == 1u);
  const std::vector<std::uint64_t> dims{2, 3, 4};
  CHECK(checked::product(dims) == 24u);
}

TEST_CASE("alignment rounds up, to powers of two only") {
  CHECK(checked::align_up(0, 32) == 0u);
  CHECK(checked::align_up(1, 32) == 32u);
  CHECK(checked::align_up(32, 32) == 32u);
  CHECK(checked::align_up(33, 1) == 33u);
  CHECK_FALSE(checked::align_up(1, 0));
  CHECK_FALSE(checked::align_up(1, 24));
  CHECK_FALSE(checked::align_up(kMax, 32));
  CHECK(checked::align_up(kMax - 31, 32) == kMax - 31);
  CHECK(checked::align_up(1, u(1) << 63) == u(1) << 63);
}

TEST_CASE("narrow refuses what does not fit") {
  CHECK(checked::narrow<std::int32_t>(u(0x7fffffff)) == 0x7fffffff);
  CHECK_FALSE(checked::narrow<std::int32_t>(u(0x80000000)));
  CHECK_FALSE(checked::narrow<std::uint32_t>(std::int64_t{-1}));
  CHECK(checked::narrow<std::int8_t>(std::int64_t{-128}) == -128);
  CHECK_FALSE(checked::narrow<std::uint8_t>(256));
}

TEST_CASE("a range at the end of the numbers is not inside") {
  CHECK(checked::inside(0, 0, 0));
  CHECK(checked::inside(10, 0, 10));
  CHECK(checked::inside(2, 8, 10));
  CHECK_FALSE(checked::inside(3, 8, 10));
  CHECK_FALSE(checked::inside(11, 0, 10));
  CHECK_FALSE(checked::inside(kMax, 2, kMax));
  CHECK_FALSE(checked::inside(8, kMax, 10));
  CHECK(checked::inside(kMax, 0, kMax));
}
