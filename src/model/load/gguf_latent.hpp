// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/format/checkpoint.hpp>
#include <moxie/model/model_config.hpp>

#include "model/load/gguf_keys.hpp"

namespace moxie::inline abi1::model {

/// What `expert_gating_func` says.
/// Source   gguf-py's ExpertGatingFuncType in github.com/ggml-org/llama.cpp
inline constexpr double kSoftmaxGating = 1;
inline constexpr double kSigmoidGating = 2;

// Keys that llama.cpp's deepseek2 has and other architectures do not.

/// Widths of latent attention. Files from before llama.cpp split kv_b have no key_length_mla, and say of each head what
/// newer ones say of the cache.
void read_gguf_latent_attention(ModelConfig& config, GgufKeys& keys);

/// How experts are chosen, weighted and shared, and which layers have none; moe_layers, scoring_func and the numbers of
/// experts are read before.
void read_gguf_routing(const Checkpoint& checkpoint, ModelConfig& config, GgufKeys& keys);

}  // namespace moxie::model
