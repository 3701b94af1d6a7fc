// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>

#include "format/text_arena.hpp"

namespace moxie::inline abi1::format {

/// Which shard has which tensor.
struct ShardIndex {
  struct Entry {
    std::string_view tensor;
    std::uint32_t shard = 0;  ///< into shards
  };

  /// The shard of a tensor, or none.
  [[nodiscard]] const Entry* find(std::string_view tensor) const noexcept;

  std::vector<std::string> shards;  ///< plain file names, in the order of their first mention
  std::vector<Entry> entries;       ///< sorted by tensor
  TextArena names;
};

/// The most that an index may take; the largest in use (2,000 experts by 60 layers) take a quarter.
inline constexpr std::uint64_t kMaxIndexBytes = 64U << 20;
/// Files of one model.
inline constexpr std::size_t kMaxShards = 4096;

/// Reads {"metadata": {...}, "weight_map": {tensor: shard}}. What else it holds is stepped over: writers
/// add keys of their own. A shard must be the plain name of a .safetensors file: no folder, no way out.
///
/// Errors   kFormat; they name `file` and the tensor.
///          Lets std::bad_alloc through.
Result<ShardIndex> parse_shard_index(std::string_view text, std::string_view file);

}  // namespace moxie::format
