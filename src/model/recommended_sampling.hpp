// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include <moxie/core/result.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/model/recommended_sampling.hpp>

namespace moxie::model {

/// Of a checkpoint whose files lie in `folder`. A file or keys that are missing recommend nothing.
///
/// Errors   kFormat names the value and its range; those of reading a file. Lets std::bad_alloc through.
Result<RecommendedSampling> read_recommended_sampling(const Checkpoint& checkpoint,
                                                      const std::filesystem::path& folder);
/// Of a Hugging Face folder.
Result<RecommendedSampling> read_folder_sampling(const std::filesystem::path& folder);
/// Of the text of a generation_config.json; `where` names it.
Result<RecommendedSampling> read_generation_config(std::string_view json, std::string_view where);
Result<RecommendedSampling> read_gguf_sampling(const Metadata& metadata);

}  // namespace moxie::model
