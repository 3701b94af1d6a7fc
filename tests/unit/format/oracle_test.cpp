// SPDX-License-Identifier: Apache-2.0
// Files that the safetensors library wrote (tests/data/safetensors/make.py), not ours.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <moxie/core/element_type.hpp>
#include <moxie/format/checkpoint.hpp>

#include "support/catch.hpp"
#include "support/data.hpp"

using namespace moxie;

namespace {

// Element i as a double, with arithmetic that shares nothing with the reader.
double element(const Tensor& tensor, std::size_t i) {
  const std::byte* at = tensor.bytes.data() + i * size_of(tensor.type);
  const auto load = [at](auto value) {
    std::memcpy(&value, at, sizeof(value));
    return value;
  };
  // A float of eight bits: the weight of its mantissa at its exponent.
  const auto small = [&](int mantissa_bits, int bias) {
    const unsigned bits = load(std::uint8_t{});
    const int exponent = static_cast<int>((bits & 0x7f) >> mantissa_bits);
    const double mantissa = double(bits & ((1U << mantissa_bits) - 1)) / (1 << mantissa_bits);
    return exponent == 0 ? std::ldexp(mantissa, 1 - bias) : std::ldexp(1 + mantissa, exponent - bias);
  };
  switch (tensor.type) {
    case ElementType::kBool:
    case ElementType::kU8: return load(std::uint8_t{});
    case ElementType::kI8: return load(std::int8_t{});
    case ElementType::kF8E5M2: return small(2, 15);
    case ElementType::kF8E4M3: return small(3, 7);
    case ElementType::kU16: return load(std::uint16_t{});
    case ElementType::kI16: return load(std::int16_t{});
    case ElementType::kF16: return double(widen_f16(load(std::uint16_t{})));
    case ElementType::kBF16: return double(widen_bf16(load(std::uint16_t{})));
    case ElementType::kU32: return load(std::uint32_t{});
    case ElementType::kI32: return load(std::int32_t{});
    case ElementType::kF32: return double(load(float{}));
    case ElementType::kU64: return double(load(std::uint64_t{}));
    case ElementType::kI64: return double(load(std::int64_t{}));
    case ElementType::kF64: return load(double{});
    default: return -1;  // no other type is in these files
  }
}

std::vector<std::uint64_t> shape(int n) {
  const std::vector<std::uint64_t> shapes[] = {{3}, {2, 3}, {1, 2, 3}, {2, 1, 2, 3}, {}};
  return shapes[n % 5];
}

// How far a type rounds numbers below 100: half of its last place at 64.
double rounding(ElementType type) {
  if (type == ElementType::kF8E5M2) return 8;
  if (type == ElementType::kF8E4M3) return 4;
  return 0;  // the others hold them exactly: bf16 does up to 256
}

void check_tensor(const Checkpoint& checkpoint, int n) {
  const auto type = static_cast<ElementType>(n);
  const std::string wanted = std::string("tensor.").append(name(type));
  INFO(wanted);
  const Result<Tensor> tensor = checkpoint.find(wanted);
  REQUIRE(tensor.ok());
  CHECK(tensor->type == type);
  CHECK(std::vector<std::uint64_t>(tensor->dims.begin(), tensor->dims.end()) == shape(n));
  const std::size_t count = tensor->bytes.size() / size_of(type);
  std::size_t expected_count = 1;
  for (const std::uint64_t dim : shape(n)) expected_count *= dim;
  REQUIRE(count == expected_count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t value = (7 * static_cast<std::size_t>(n) + i) % 100;
    const double expected = type == ElementType::kBool ? double(value % 2) : double(value);
    CHECK(std::abs(element(*tensor, i) - expected) <= rounding(type));
  }
}

Checkpoint open(const char* folder, bool read) {
  LoadOptions options;
  options.read = read;
  const Result<Checkpoint> checkpoint = Checkpoint::open(moxie::test::test_data() / "safetensors" / folder, options);
  INFO(checkpoint.status().message());
  REQUIRE(checkpoint.ok());
  return *checkpoint;
}

}  // namespace

TEST_CASE("a file of the safetensors library is read as it was written") {
  for (const bool read : {false, true}) {
    const Checkpoint checkpoint = open("single", read);
    CHECK(checkpoint.tensors().size() == 16);
    for (int n = 0; n < 15; ++n) check_tensor(checkpoint, n);
    CHECK(checkpoint.find("tensor.none")->bytes.empty());
    CHECK(checkpoint.config_json() == "{\"model_type\": \"none\"}\n");
  }
}

TEST_CASE("shards and index of the hub's library are read as they were written") {
  for (const bool read : {false, true}) {
    const Checkpoint checkpoint = open("sharded", read);
    CHECK(checkpoint.tensors().size() == 13);
    for (int n = 0; n < 15; ++n) {
      const auto type = static_cast<ElementType>(n);
      if (type == ElementType::kU16 || type == ElementType::kU32 || type == ElementType::kU64) continue;
      check_tensor(checkpoint, n);
    }
    CHECK(checkpoint.find("tensor.none")->dims.size() == 2);
  }
}
