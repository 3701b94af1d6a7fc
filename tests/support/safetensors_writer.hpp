// SPDX-License-Identifier: Apache-2.0
#pragma once

// Writes safetensors files byte by byte from the format's definition, sharing no code with the reader:
// 8 bytes of header length (little-endian), the header (JSON), the data of all tensors without holes.
// The parts can be put together by hand too, so that a test can write each file that the reader must refuse.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/core/element_type.hpp>

namespace moxie::test {

struct WrittenTensor {
  std::string name;
  ElementType type = ElementType::kF32;
  std::vector<std::uint64_t> dims;
  std::vector<std::byte> bytes;
};

/// The bytes of numbers as they lie in memory (tests run on little-endian machines).
template <class T>
std::vector<std::byte> as_bytes(std::span<const T> values) {
  std::vector<std::byte> bytes(values.size_bytes());
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}
template <class T>
std::vector<std::byte> as_bytes(const std::vector<T>& values) {
  return as_bytes(std::span<const T>(values));
}

/// All parts in a row. (g++ 12 warns falsely about `"literal" + string`.)
inline std::string joined(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out.append(part);
  return out;
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) throw std::runtime_error(joined({"cannot write ", path.native()}));
}

/// A JSON string. Bytes from 0x80 up are taken as UTF-8 and left alone.
inline std::string json_quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

inline std::string little_endian_u64(std::uint64_t value) {
  std::string out;
  for (int byte = 0; byte < 8; ++byte) out += static_cast<char>((value >> (8 * byte)) & 0xff);
  return out;
}

/// A whole file from its header and its data, whatever they are.
inline std::string safetensors_file(std::string_view header, std::string_view data) {
  return joined({little_endian_u64(header.size()), header, data});
}

/// The header's entry of one tensor: "name":{...}.
inline std::string safetensors_entry(std::string_view name, std::string_view dtype, std::span<const std::uint64_t> dims,
                                     std::uint64_t begin, std::uint64_t end) {
  std::string shape;
  for (const std::uint64_t dim : dims) shape.append(shape.empty() ? "" : ",").append(std::to_string(dim));
  return joined({json_quoted(name), ":{\"dtype\":\"", dtype, "\",\"shape\":[", shape, "],\"data_offsets\":[",
                 std::to_string(begin), ",", std::to_string(end), "]}"});
}

/// The bytes of a good file: tensors lie in the order given. The header is padded with spaces, so that the data begins
/// at a multiple of `alignment`, plus `skew` bytes.
inline std::string safetensors_bytes(std::span<const WrittenTensor> tensors, std::size_t alignment = 8,
                                     std::size_t skew = 0) {
  std::string header = R"({"__metadata__":{"format":"pt"})";
  std::string data;
  for (const WrittenTensor& tensor : tensors) {
    const std::uint64_t begin = data.size();
    if (!tensor.bytes.empty()) data.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    header += ',';
    header += safetensors_entry(tensor.name, name(tensor.type), tensor.dims, begin, data.size());
  }
  header += "}";
  while ((8 + header.size()) % alignment != 0) header += ' ';
  header.append(skew, ' ');
  return safetensors_file(header, data);
}

inline void write_safetensors(const std::filesystem::path& path, std::span<const WrittenTensor> tensors) {
  write_file(path, safetensors_bytes(tensors));
}
inline void write_safetensors(const std::filesystem::path& path, const std::vector<WrittenTensor>& tensors) {
  write_safetensors(path, std::span<const WrittenTensor>(tensors));
}

/// The text of model.safetensors.index.json.
inline std::string shard_index(std::span<const std::pair<std::string, std::string>> weight_map) {
  std::string text = R"({"metadata":{"total_size":0},"weight_map":{)";
  bool first = true;
  for (const auto& [tensor, shard] : weight_map) {
    text += joined({first ? "" : ",", json_quoted(tensor), ":", json_quoted(shard)});
    first = false;
  }
  return text + "}}";
}

/// A folder's weights over several files: shards[i] becomes model-0000i-of-0000n.safetensors, with the index beside.
inline void write_sharded(const std::filesystem::path& folder, std::span<const std::vector<WrittenTensor>> shards) {
  const auto number = [](std::size_t value) {
    const std::string digits = std::to_string(value);
    return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
  };
  std::vector<std::pair<std::string, std::string>> weight_map;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string file = joined({"model-", number(i + 1), "-of-", number(shards.size()), ".safetensors"});
    write_safetensors(folder / file, shards[i]);
    for (const WrittenTensor& tensor : shards[i]) weight_map.emplace_back(tensor.name, file);
  }
  write_file(folder / "model.safetensors.index.json", shard_index(weight_map));
}

}  // namespace moxie::test
