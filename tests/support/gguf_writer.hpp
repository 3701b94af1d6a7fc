// SPDX-License-Identifier: Apache-2.0
#pragma once

// Writes GGUF files byte by byte from the format's definition, sharing no code with the library: magic, version,
// counts, key-value pairs, the list of tensors, padding, data. Each field can be given another value, so that a test
// can write every file that the reader must refuse.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "support/safetensors_writer.hpp"

namespace moxie::test {

/// The numbers of value types in a file.
enum class GgufValue : std::uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

/// A number as it lies in memory (tests run on little-endian machines).
template <class T>
std::string raw(T value) {
  static_assert(std::is_arithmetic_v<T>);
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}
/// A length of 8 bytes, then the text.
inline std::string gguf_text(std::string_view text) {
  return raw(static_cast<std::uint64_t>(text.size())) + std::string(text);
}
inline std::string gguf_key(std::string_view key, std::uint32_t type, std::string_view value) {
  return gguf_text(key) + raw(type) + std::string(value);
}
inline std::string gguf_key(std::string_view key, GgufValue type, std::string_view value) {
  return gguf_key(key, static_cast<std::uint32_t>(type), value);
}
inline std::string gguf_u32(std::string_view key, std::uint32_t value) {
  return gguf_key(key, GgufValue::kU32, raw(value));
}
inline std::string gguf_f32(std::string_view key, float value) { return gguf_key(key, GgufValue::kF32, raw(value)); }
inline std::string gguf_string(std::string_view key, std::string_view value) {
  return gguf_key(key, GgufValue::kString, gguf_text(value));
}
inline std::string gguf_array(std::string_view key, GgufValue element, std::uint64_t count, std::string_view values) {
  return gguf_key(key, GgufValue::kArray, raw(static_cast<std::uint32_t>(element)) + raw(count) + std::string(values));
}
inline std::string gguf_strings(std::string_view key, const std::vector<std::string>& values) {
  std::string bytes;
  for (const std::string& value : values) bytes += gguf_text(value);
  return gguf_array(key, GgufValue::kString, values.size(), bytes);
}

/// The keys by which each file of a split says what it is.
inline std::vector<std::string> split_keys(std::uint16_t no, std::uint16_t count, std::int32_t tensors) {
  return {gguf_key("split.no", GgufValue::kU16, raw(no)), gguf_key("split.count", GgufValue::kU16, raw(count)),
          gguf_key("split.tensors.count", GgufValue::kI32, raw(tensors))};
}

/// One line of the list of tensors; dims as the file has them, innermost first.
inline std::string gguf_tensor(std::string_view name, std::span<const std::uint64_t> dims, std::uint32_t type,
                               std::uint64_t offset) {
  std::string bytes = gguf_text(name) + raw(static_cast<std::uint32_t>(dims.size()));
  for (const std::uint64_t dim : dims) bytes += raw(dim);
  return bytes + raw(type) + raw(offset);
}

/// ggml_type of an element type, as docs/gguf.md lists them.
inline std::uint32_t gguf_type_number(ElementType type) {
  switch (type) {
    case ElementType::kF32: return 0;
    case ElementType::kF16: return 1;
    case ElementType::kQ4_0: return 2;
    case ElementType::kQ4_1: return 3;
    case ElementType::kQ5_0: return 6;
    case ElementType::kQ5_1: return 7;
    case ElementType::kQ8_0: return 8;
    case ElementType::kQ2_K: return 10;
    case ElementType::kQ3_K: return 11;
    case ElementType::kQ4_K: return 12;
    case ElementType::kQ5_K: return 13;
    case ElementType::kQ6_K: return 14;
    case ElementType::kIQ4_NL: return 20;
    case ElementType::kIQ4_XS: return 23;
    case ElementType::kI8: return 24;
    case ElementType::kI16: return 25;
    case ElementType::kI32: return 26;
    case ElementType::kI64: return 27;
    case ElementType::kF64: return 28;
    case ElementType::kBF16: return 30;
    case ElementType::kMXFP4: return 39;
    default: return 1000;
  }
}

/// The parts of a file. What is not given is as a good file has it.
struct GgufFile {
  std::uint32_t version = 3;
  std::vector<std::string> keys = {};       ///< gguf_key() and its kin
  std::vector<WrittenTensor> tensors = {};  ///< dims outermost first
  std::uint64_t alignment = 32;             ///< of what is laid out; the key is the test's own business
  std::optional<std::uint64_t> n_keys = {};
  std::optional<std::uint64_t> n_tensors = {};
  std::string extra_tensors = {};  ///< lines behind those of `tensors`, counted by n_tensors alone
  std::string extra_data = {};

  [[nodiscard]] std::string bytes() const {
    const auto pad = [&](std::string& text) { text.resize((text.size() + alignment - 1) / alignment * alignment); };
    std::string header =
        "GGUF" + raw(version) + raw(n_tensors.value_or(tensors.size())) + raw(n_keys.value_or(keys.size()));
    for (const std::string& key : keys) header += key;
    std::string data;
    for (const WrittenTensor& tensor : tensors) {
      pad(data);
      const std::vector<std::uint64_t> reversed(tensor.dims.rbegin(), tensor.dims.rend());
      header += gguf_tensor(tensor.name, reversed, gguf_type_number(tensor.type), data.size());
      if (!tensor.bytes.empty()) data.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    }
    header += extra_tensors;
    pad(header);
    return header + data + extra_data;
  }
};

}  // namespace moxie::test
