// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include <moxie/format/load_options.hpp>
#include <moxie/format/metadata.hpp>

#include "format/shard.hpp"

namespace moxie::inline abi1::format {

/// One GGUF file, or all files of a split one: headers checked, data not yet read.
struct GgufFiles {
  std::vector<Shard> shards;
  std::vector<MetadataEntry> metadata;  ///< of the first file
  std::vector<std::uint32_t> by_key;
  std::vector<std::unique_ptr<std::uint32_t[]>> offsets;
};

/// Opens a .gguf file, and those that belong to it where it says that it is the first of several: their names end in
/// -00001-of-0000N.gguf, and each says which it is.
///
/// Errors   as Checkpoint::open. Lets std::bad_alloc through.
/// Source   llama.cpp's gguf-split, for split.no, split.count and split.tensors.count
Result<GgufFiles> open_gguf(const std::filesystem::path& path, const LoadOptions& options);

}  // namespace moxie::format
