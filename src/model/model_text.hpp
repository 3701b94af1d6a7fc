// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/model/recommended_sampling.hpp>
#include <moxie/text/chat_template.hpp>
#include <moxie/text/tokenizer.hpp>

namespace moxie::model {

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

}  // namespace moxie::model
