// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/model/recommended_sampling.hpp>
#include <moxie/text/chat_template.hpp>
#include <moxie/text/tokenizer.hpp>

namespace moxie::inline abi1::model {

/// How a checkpoint reads and writes text. What it lacks, or what of it cannot be used, is an error for the one who
/// asks for it; a model runs without.
struct ModelText {
  Result<Tokenizer> tokenizer;
  Result<CheckpointTemplate> chat_template;
  Result<std::vector<TokenId>> end_tokens;  ///< ascending
  Result<RecommendedSampling> recommended_sampling;
};

/// `path`: what the checkpoint was opened by. Lets std::bad_alloc through.
ModelText read_model_text(const Checkpoint& checkpoint, const std::filesystem::path& path, std::size_t vocab_size);

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
