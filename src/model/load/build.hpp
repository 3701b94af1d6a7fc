// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <moxie/backend/backend.hpp>
#include <moxie/core/result.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/model/model.hpp>
#include <moxie/model/model_config.hpp>

#include "model/families/family.hpp"
#include "model/load/weights.hpp"
#include "model/run/attention_block.hpp"
#include "model/run/decoder.hpp"

namespace moxie::inline abi1::model {

struct Built {
  std::unique_ptr<const Decoder> decoder;
  std::vector<UnreadTensors> unread;
};

/// Makes the model that `config` describes out of the checkpoint's weights: a DecoderStack, for all families.
///
/// Errors   those of WeightSource; kFormat: embeddings that are tied and differ.
Result<Built> make_decoder(const Family& family, const ModelConfig& config, const Checkpoint& checkpoint,
                           const Backend& backend, const LoadOptions& options, Executor* executor);

/// The latent attention of one layer. Its key and value matrices come as one tensor, in which each head's rows of keys
/// and then of values follow each other, or split as llama.cpp has them, the keys' transposed.
///
/// Errors   those of WeightSource.
Result<std::unique_ptr<const AttentionBlock>> make_latent_attention(const ModelConfig& config, std::size_t layer,
                                                                    WeightSource& weights);

}  // namespace moxie::model
