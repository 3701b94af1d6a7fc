// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>

#include "backend/quant/formats/half.hpp"
#include "support/catch.hpp"
#include "vectors.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// Where two rows differ: -1 where they are the same, bit for bit but for what a NaN carries.
std::ptrdiff_t first_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool same =
        std::isnan(a[i]) ? std::isnan(b[i]) : std::bit_cast<std::uint32_t>(a[i]) == std::bit_cast<std::uint32_t>(b[i]);
    if (!same) return static_cast<std::ptrdiff_t>(i);
  }
  return -1;
}

}  // namespace

TEST_CASE("the comparison of decoded rows sees signs of zero, NaN and single bits") {
  const float nan = std::nanf("");
  CHECK(first_difference({1.0f, nan}, {1.0f, -nan}) == -1);
  CHECK(first_difference({1.0f, 0.0f}, {1.0f, -0.0f}) == 1);
  CHECK(first_difference({1.0f}, {std::nextafter(1.0f, 2.0f)}) == 0);
  CHECK(first_difference({nan}, {1.0f}) == 0);
  CHECK(first_difference({1.0f}, {nan}) == 0);
  CHECK(first_difference({}, {1.0f}) == 0);
}

TEST_CASE("blocks decode to the bits that gguf-py gives") {
  for (const ElementType type : quantized_types()) {
    INFO(name(type));
    const auto blocks = read_vector<std::byte>(std::string(name(type)) + ".blocks");
    const auto want = read_vector<float>(std::string(name(type)) + ".f32");
    std::size_t finite = 0;
    for (const float value : want) finite += std::isfinite(value) && value != 0.0f ? 1u : 0u;
    REQUIRE(finite * 3 > want.size());  // vectors that are mostly zero or NaN prove nothing
    Status status;
    const auto came = dequantized(type, blocks, status);
    REQUIRE(status.ok());
    CHECK(first_difference(came, want) == -1);
  }
}

TEST_CASE("a block decodes the same alone, among others and at any alignment") {
  for (const ElementType type : quantized_types()) {
    INFO(name(type));
    const ElementTraits& block = traits(type);
    const auto blocks = random_bytes(5 * block.block_bytes, 1);
    Status status;
    const auto whole = dequantized(type, blocks, status);
    REQUIRE(status.ok());
    for (std::size_t i = 0; i < 5; ++i) {
      std::vector<std::byte> moved(block.block_bytes + 1);
      std::copy_n(blocks.begin() + static_cast<std::ptrdiff_t>(i * block.block_bytes), block.block_bytes,
                  moved.begin() + 1);
      std::vector<float> alone(block.block_elements);
      REQUIRE(dequantize(type, std::span(moved).subspan(1), alone).ok());
      const auto at = whole.begin() + static_cast<std::ptrdiff_t>(i * block.block_elements);
      CHECK(first_difference(alone, std::vector<float>(at, at + static_cast<std::ptrdiff_t>(alone.size()))) == -1);
    }
  }
}

TEST_CASE("any bytes are blocks") {
  for (const ElementType type : quantized_types()) {
    INFO(name(type));
    for (std::uint32_t seed = 0; seed < 50; ++seed) {
      Status status;
      const auto values = dequantized(type, random_bytes(8 * traits(type).block_bytes, seed), status);
      CHECK(status.ok());
    }
    for (const std::byte fill : {std::byte{0x00}, std::byte{0x7c}, std::byte{0x80}, std::byte{0xff}}) {
      Status status;
      (void)dequantized(type, std::vector<std::byte>(traits(type).block_bytes, fill), status);
      CHECK(status.ok());
    }
  }
}

TEST_CASE("every f16 and every bf16 survives the way to f32 and back") {
  std::vector<std::byte> bytes(2 * 65536);
  for (std::size_t bits = 0; bits < 65536; ++bits) {
    bytes[2 * bits] = static_cast<std::byte>(bits & 0xff);
    bytes[2 * bits + 1] = static_cast<std::byte>(bits >> 8);
  }
  for (const ElementType type : {ElementType::kF16, ElementType::kBF16}) {
    INFO(name(type));
    Status status;
    const auto values = dequantized(type, bytes, status);
    REQUIRE(status.ok());
    const auto back = quantized(type, values, status);
    REQUIRE(status.ok());
    const int quiet = type == ElementType::kF16 ? 0x200 : 0x40;
    std::size_t wrong = 0;
    for (std::size_t bits = 0; bits < 65536; ++bits) {
      const auto came =
          std::to_integer<std::size_t>(back[2 * bits]) + 256 * std::to_integer<std::size_t>(back[2 * bits + 1]);
      const std::size_t want = std::isnan(values[bits]) ? bits | static_cast<std::size_t>(quiet) : bits;
      wrong += came != want ? 1u : 0u;
    }
    CHECK(wrong == 0);
    CHECK(values[0x3c00] == (type == ElementType::kF16 ? 1.0f : 0x1p-7f));
  }
}

TEST_CASE("f32 goes to f16 and bf16 to the nearest, at a tie to the even one") {
  using backend::quant::narrow_bf16;
  using backend::quant::narrow_f16;
  // Between neighbours: the halfway point goes to the even one, a step beside it to the nearer one.
  std::size_t wrong = 0;
  for (std::uint16_t bits = 0; bits < 0x7bff; ++bits) {
    const float below = widen_f16(bits);
    const float above = widen_f16(static_cast<std::uint16_t>(bits + 1));
    const float middle = (below + above) / 2.0f;  // exact: f32 has 13 bits to spare
    wrong += narrow_f16(middle) != bits + (bits & 1) ? 1u : 0u;
    wrong += narrow_f16(std::nextafter(middle, 0.0f)) != bits ? 1u : 0u;
    wrong += narrow_f16(std::nextafter(middle, above)) != bits + 1 ? 1u : 0u;
    wrong += narrow_f16(-middle) != ((bits + (bits & 1)) | 0x8000) ? 1u : 0u;
  }
  CHECK(wrong == 0);
  CHECK(narrow_f16(65519.996f) == 0x7bff);
  CHECK(narrow_f16(65520.0f) == 0x7c00);
  CHECK(narrow_f16(-INFINITY) == 0xfc00);
  CHECK(narrow_f16(std::bit_cast<float>(0x7f800001u)) == 0x7e00);
  for (std::uint32_t bits = 0; bits < 0x7f80; ++bits) {
    const float middle = std::bit_cast<float>((bits << 16) | 0x8000u);
    wrong += narrow_bf16(middle) != bits + (bits & 1) ? 1u : 0u;
    wrong += narrow_bf16(std::nextafter(middle, 0.0f)) != bits ? 1u : 0u;
    wrong += narrow_bf16(std::bit_cast<float>((bits << 16) | 0x8001u)) != bits + 1 ? 1u : 0u;
  }
  CHECK(wrong == 0);
  CHECK(narrow_bf16(std::bit_cast<float>(0x7fffffffu)) == 0x7fff);
  CHECK(narrow_bf16(std::bit_cast<float>(0xff800001u)) == 0xffc0);
}
