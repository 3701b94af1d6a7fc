// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include <moxie/core/result.hpp>
#include <moxie/model/model_config.hpp>

#include "model/attention_block.hpp"
#include "model/weights.hpp"

namespace moxie::model {

/// The latent attention of one layer. Its key and value matrices come as one tensor, in which each head's rows of keys
/// and then of values follow each other, or split as llama.cpp has them, the keys' transposed.
///
/// Errors   those of WeightSource.
Result<std::unique_ptr<const AttentionBlock>> make_latent_attention(const ModelConfig& config, std::size_t layer,
                                                                    WeightSource& weights);

}  // namespace moxie::model
