// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <moxie/backend/backend.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/model/model_config.hpp>

#include "model/decoder.hpp"
#include "model/families/family.hpp"

namespace moxie::model {

/// Makes the model that `config` describes out of the checkpoint's weights: a DecoderStack, for all families.
///
/// Errors   those of WeightSource; kFormat: embeddings that are tied and differ.
Result<std::unique_ptr<const Decoder>> make_decoder(const Family& family, const ModelConfig& config,
                                                    const Checkpoint& checkpoint, const Backend& backend,
                                                    const LoadOptions& options, Executor* executor);

}  // namespace moxie::model
