// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "support/catch.hpp"
#include "vectors.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

bool mentions(const Status& status, std::string_view words) {
  return status.message().find(words) != std::string_view::npos;
}

}  // namespace

TEST_CASE("a type that is no format of weights is refused with the list of those that are") {
  std::vector<std::byte> bytes(64);
  std::vector<float> values(16);
  for (const ElementType type : {ElementType::kBool, ElementType::kI8, ElementType::kF8E4M3, ElementType::kU16,
                                 ElementType::kI32, ElementType::kF64}) {
    for (const Status& status : {dequantize(type, bytes, values), quantize(type, values, bytes)}) {
      CHECK(status.code() == Code::kUnsupported);
      CHECK(mentions(status, name(type)));
      for (const ElementType supported : quantized_types()) CHECK(mentions(status, name(supported)));
    }
  }
}

TEST_CASE("sizes that are no whole blocks, or do not belong together, are refused") {
  auto types = quantized_types();
  for (const ElementType type : {ElementType::kF32, ElementType::kF16, ElementType::kBF16}) types.push_back(type);
  for (const ElementType type : types) {
    INFO(name(type));
    const auto [unused, elements, size] = traits(type);
    std::vector<std::byte> bytes(3 * size + 1);
    std::vector<float> values(3 * elements + 1);
    const auto blocks = std::span(bytes);
    const auto floats = std::span(values);
    const auto refuses = [&](const Status& status) {
      CHECK(status.code() == Code::kShape);
      CHECK(mentions(status, "blocks of " + std::string(name(type))));
    };
    refuses(dequantize(type, blocks, floats.first(3 * elements)));
    refuses(dequantize(type, blocks.first(2 * size), floats.first(3 * elements)));
    refuses(dequantize(type, blocks.first(2 * size), floats.first(elements)));
    refuses(dequantize(type, blocks.first(2 * size), {}));
    refuses(dequantize(type, {}, floats.first(elements)));
    refuses(quantize(type, floats.first(2 * elements), blocks.first(3 * size)));
    refuses(quantize(type, floats.first(2 * elements), blocks.first(2 * size - 1)));
    refuses(quantize(type, floats.first(2 * elements), {}));
    refuses(quantize(type, {}, blocks.first(size)));
    if (elements > 1) {
      refuses(dequantize(type, blocks.first(2 * size), floats.first(2 * elements + 1)));
      refuses(quantize(type, floats.first(2 * elements + 1), blocks.first(2 * size)));
      refuses(quantize(type, floats.first(elements - 1), blocks.first(size)));
    }
    CHECK(dequantize(type, {}, {}).ok());
    CHECK(quantize(type, {}, {}).ok());
  }
}

TEST_CASE("values that no scale can reach are refused with their place") {
  const float nan = std::nanf("");
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const ElementType type : quantized_types()) {
    for (const float bad :
         {nan, -nan, kInfinity, -kInfinity, std::numeric_limits<float>::max(), -1e30f, 0x1p31f, 1e9f}) {
      if (type == ElementType::kMXFP4 && std::isfinite(bad)) continue;  // its scales reach all
      INFO(name(type) << " with " << bad);
      auto values = normal_values(512, 9);
      values[300] = bad;
      Status status;
      (void)quantized(type, values, status);
      CHECK(status.code() == Code::kInvalidArgument);
      CHECK(mentions(status, "at element 300"));
      CHECK(mentions(status, name(type)));
    }
  }
}

TEST_CASE("f16 and bf16 take every f32") {
  const std::vector<float> values = {std::nanf(""), -std::numeric_limits<float>::infinity(), 1e30f, -0.0f};
  for (const ElementType type : {ElementType::kF16, ElementType::kBF16}) {
    Status status;
    const auto back = dequantized(type, quantized(type, values, status), status);
    REQUIRE(status.ok());
    CHECK(std::isnan(back[0]));
    CHECK(back[1] == values[1]);
    CHECK((std::isinf(back[2]) || std::fabs(back[2] / 1e30f - 1.0f) < 0.004f));
    CHECK(std::signbit(back[3]));
  }
}

TEST_CASE("random bit patterns as values are quantized or refused, and leave finite blocks where they are not") {
  std::size_t taken = 0;
  std::size_t refused = 0;
  for (const ElementType type : quantized_types()) {
    for (std::uint32_t seed = 0; seed < 200; ++seed) {
      const auto bytes = random_bytes(1024, seed);
      std::vector<float> values(256);
      std::memcpy(values.data(), bytes.data(), bytes.size());
      if (seed % 4 != 0) {
        for (float& value : values) value = std::fabs(value) < 0x1p40f ? std::fmod(value, 60000.0f) : 1.0f;
      }
      Status status;
      const auto blocks = quantized(type, values, status);
      if (!status.ok()) {
        CHECK(status.code() == Code::kInvalidArgument);
        ++refused;
        continue;
      }
      ++taken;
      for (const float value : dequantized(type, blocks, status)) REQUIRE(std::isfinite(value));
    }
  }
  CHECK(taken > 1000);
  CHECK(refused > 300);
}
