// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <moxie/format/checkpoint.hpp>
#include <moxie/format/load_options.hpp>

#include "core/large_memory.hpp"
#include "format/file.hpp"
#include "format/tensor_entry.hpp"
#include "format/text_arena.hpp"

namespace moxie::inline abi1::format {

/// One file of a checkpoint: where its tensors lie, and its data in one of two forms.
struct Shard {
  std::filesystem::path path;
  FileIdentity identity;
  std::uint64_t data_begin = 0;
  std::uint64_t data_bytes = 0;
  std::vector<TensorEntry> entries;
  TextArena names;     // of a safetensors file
  LargeMemory header;  // of a GGUF file: names and metadata lie in it
  Mapping mapping;     // the whole file
  LargeMemory read;    // its data alone

  [[nodiscard]] std::span<const std::byte> data() const noexcept {
    if (mapping.bytes().empty()) return read.bytes();
    return mapping.bytes().subspan(static_cast<std::size_t>(data_begin), static_cast<std::size_t>(data_bytes));
  }
};

/// Opens files of a checkpoint one after the other and reports "open files"; `already`: how many are open.
///
/// Errors   those of `open_one` and of the host.
template <class OpenOne>
Result<std::vector<Shard>> open_shards(std::span<const std::filesystem::path> paths, std::size_t already,
                                       const LoadOptions& options, OpenOne&& open_one) {
  std::vector<Shard> shards;
  shards.reserve(paths.size());
  for (const std::filesystem::path& path : paths) {
    MOXIE_TRY(options.callbacks.progress(
        {.what = "open files", .done = already + shards.size(), .total = already + paths.size()}));
    MOXIE_TRY_LET(Shard shard, open_one(path));
    shards.push_back(std::move(shard));
  }
  return shards;
}

/// Brings the data of all shards into memory, charged before it is taken.
///
/// Errors   kIo: a file that is not the one whose header was read, or cannot be read.
///          kNoMemory, kBudget; kCancelled, kHostException: from the callbacks.
Result<Charge> read_shards(std::span<Shard> shards, const LoadOptions& options);

}  // namespace moxie::format
