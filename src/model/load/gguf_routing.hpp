// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/format/checkpoint.hpp>
#include <moxie/model/model_config.hpp>

#include "model/load/gguf_keys.hpp"
#include "model/load/tensor_names.hpp"

namespace moxie::inline abi1::model {

/// What `expert_gating_func` says.
/// Source   gguf-py's ExpertGatingFuncType in github.com/ggml-org/llama.cpp
inline constexpr double kSoftmaxGating = 1;
inline constexpr double kSigmoidGating = 2;

/// How experts are chosen, weighted and shared, and which layers have none, in architectures whose keys say it;
/// moe_layers, scoring_func and the numbers of experts are read before.
void read_gguf_routing(const Checkpoint& checkpoint, const TensorNames& names, ModelConfig& config, GgufKeys& keys);

}  // namespace moxie::model
