// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/gguf_writer.hpp"

// What a field of a GGUF file may hold instead of what it should.

namespace moxie::test {

inline const std::vector<std::uint64_t> kHostileSizes = {0,
                                                         1,
                                                         (1ULL << 31) - 1,
                                                         1ULL << 31,
                                                         (1ULL << 32) - 1,
                                                         1ULL << 32,
                                                         (1ULL << 63) - 1,
                                                         1ULL << 63,
                                                         UINT64_MAX - 31,
                                                         UINT64_MAX};

struct HostileValue {
  std::string what;
  std::uint32_t type;
  std::string bytes;
};

/// Numbers of every type at every boundary, strings, arrays of every type, and types that there are not.
inline std::vector<HostileValue> hostile_values() {
  std::vector<HostileValue> values;
  const auto add = [&](const std::string& what, GgufValue type, const std::string& bytes) {
    values.push_back({what, static_cast<std::uint32_t>(type), bytes});
  };
  for (const std::uint64_t size : kHostileSizes) {
    const std::string text = std::to_string(size);
    add("u64 " + text, GgufValue::kU64, raw(size));
    add("i64 " + text, GgufValue::kI64, raw(static_cast<std::int64_t>(size)));
    if (size <= UINT32_MAX) add("u32 " + text, GgufValue::kU32, raw(static_cast<std::uint32_t>(size)));
    if (size <= UINT32_MAX) add("i32 " + text, GgufValue::kI32, raw(static_cast<std::int32_t>(size)));
    add("f64 " + text, GgufValue::kF64, raw(static_cast<double>(size)));
    add("string of length " + text, GgufValue::kString, raw(size));
    for (const GgufValue element : {GgufValue::kU8, GgufValue::kString}) {
      add("array of length " + text, GgufValue::kArray, raw(static_cast<std::uint32_t>(element)) + raw(size));
    }
  }
  for (const auto type : {GgufValue::kU8, GgufValue::kI8, GgufValue::kBool}) {
    for (const char byte : {'\0', '\1', '\2', '\x7f', '\x80', '\xff'}) add("a byte", type, std::string(1, byte));
  }
  for (const auto type : {GgufValue::kU16, GgufValue::kI16}) {
    for (const unsigned word : {0x0000U, 0x0001U, 0x7fffU, 0x8000U, 0xffffU}) {
      add("a word", type, raw(static_cast<std::uint16_t>(word)));
    }
  }
  for (const double number : {0.0, -0.0, 0.5, -1.0, 1e-45, 1e308, std::numeric_limits<double>::quiet_NaN(),
                              std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    add("f64 " + std::to_string(number), GgufValue::kF64, raw(number));
    add("f32 " + std::to_string(number), GgufValue::kF32, raw(static_cast<float>(number)));
  }
  for (const std::string& text :
       {std::string(), std::string("7"), std::string("../../x"), std::string("\0\xff\n", 3), std::string(5000, '9')}) {
    add("a string", GgufValue::kString, gguf_text(text));
  }
  for (std::uint32_t element = 0; element <= 14; ++element) {
    for (const std::uint64_t count : {0ULL, 3ULL}) {
      if (count == 0 && element % 4 != 0) continue;
      const std::string items = element == 8 ? gguf_text("a") + gguf_text("b") + gguf_text("") : std::string(24, '\1');
      const std::uint64_t widths[] = {1, 1, 2, 2, 4, 4, 4, 1, 9, 0, 8, 8, 8, 1, 1};
      add("array of " + std::to_string(count) + " of type " + std::to_string(element), GgufValue::kArray,
          raw(element) + raw(count) + items.substr(0, count == 3 && element == 8 ? 26 : count * widths[element]));
    }
  }
  for (const std::uint32_t type : {13U, 99U, 1U << 31, UINT32_MAX}) values.push_back({"no type", type, raw(1.0)});
  return values;
}

}  // namespace moxie::test
