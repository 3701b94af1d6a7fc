// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <moxie/format/load_options.hpp>

#include "format/shard.hpp"

namespace moxie::inline abi1::format {

/// A folder of Hugging Face, or one .safetensors file with config.json beside it: headers checked, data not yet read.
struct HuggingFaceFiles {
  std::string config;
  std::vector<Shard> shards;
};

/// Errors   as Checkpoint::open. Lets std::bad_alloc through.
Result<HuggingFaceFiles> open_hugging_face(const std::filesystem::path& path, bool is_folder,
                                           const LoadOptions& options);

}  // namespace moxie::format
