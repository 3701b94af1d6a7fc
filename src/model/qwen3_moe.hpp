// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <moxie/backend/backend.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/model/model_config.hpp>

#include "model/decoder.hpp"
#include "model/tensor_names.hpp"

namespace moxie::model {

/// Qwen3-MoE: grouped-query attention with norms on queries and keys; softmax top-k experts, or one dense
/// MLP in the layers that the configuration names.
Result<std::unique_ptr<const Decoder>> make_qwen3_moe(const ModelConfig& config, const Checkpoint& checkpoint,
                                                      const Backend& backend, const LoadOptions& options,
                                                      Executor* executor);

/// What Hugging Face calls its tensors.
const TensorNames& qwen3_moe_names() noexcept;

}  // namespace moxie::model
