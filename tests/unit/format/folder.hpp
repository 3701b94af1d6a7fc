// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/safetensors_writer.hpp"
#include "support/temporary_folder.hpp"

namespace moxie::test {

/// A tensor whose bytes count up from `seed`, so that any two places differ.
inline WrittenTensor counting(std::string name, ElementType type, std::vector<std::uint64_t> dims, unsigned seed = 0) {
  std::size_t size = size_of(type);
  for (const std::uint64_t dim : dims) size *= static_cast<std::size_t>(dim);
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((seed + i * 7 + i / 251) & 0xff);
  return {std::move(name), type, std::move(dims), std::move(bytes)};
}

/// A folder with the config.json that every checkpoint has.
struct ModelFolder : TemporaryFolder {
  ModelFolder() { put("config.json", R"({"model_type":"qwen3_moe"})"); }
  void put(std::string_view name, std::string_view bytes) const { write_file(path() / name, bytes); }
};

}  // namespace moxie::test
