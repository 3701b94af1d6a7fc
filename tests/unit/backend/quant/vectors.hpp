// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <moxie/backend/quant.hpp>

#include "support/data.hpp"

// tests/data/quants and what both ways of a format are asked with.

namespace moxie::test {

inline constexpr ElementType kFlatTypes[] = {ElementType::kQ4_0, ElementType::kQ4_1, ElementType::kQ5_0,
                                             ElementType::kQ5_1, ElementType::kQ8_0, ElementType::kMXFP4};
inline constexpr ElementType kSearchedTypes[] = {ElementType::kQ2_K,  ElementType::kQ3_K, ElementType::kQ4_K,
                                                 ElementType::kQ5_K,  ElementType::kQ6_K, ElementType::kIQ4_NL,
                                                 ElementType::kIQ4_XS};

inline std::vector<ElementType> quantized_types() {
  std::vector<ElementType> types(std::begin(kFlatTypes), std::end(kFlatTypes));
  types.insert(types.end(), std::begin(kSearchedTypes), std::end(kSearchedTypes));
  return types;
}

template <class T>
std::vector<T> read_vector(const std::string& file) {
  const std::string path = (moxie::test::test_data() / "quants" / file).string();
  std::vector<T> data(std::filesystem::file_size(path) / sizeof(T));
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(data.size() * sizeof(T)));
  return data;
}

inline std::vector<std::byte> random_bytes(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xffu);
  return bytes;
}

inline std::vector<float> normal_values(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) {  // twelve uniform numbers: the standard library's distributions differ between machines
    value = -6.0f;
    for (int i = 0; i < 12; ++i) value += static_cast<float>(random() >> 8) * 0x1p-24f;
  }
  return values;
}

inline std::vector<std::byte> quantized(ElementType type, const std::vector<float>& values, Status& status) {
  std::vector<std::byte> blocks(values.size() / traits(type).block_elements * traits(type).block_bytes);
  status = quantize(type, values, blocks);
  return blocks;
}

inline std::vector<float> dequantized(ElementType type, const std::vector<std::byte>& blocks, Status& status) {
  std::vector<float> values(blocks.size() / traits(type).block_bytes * traits(type).block_elements);
  status = dequantize(type, blocks, values);
  return values;
}

}  // namespace moxie::test
