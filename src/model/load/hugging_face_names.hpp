// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/load/tensor_names.hpp"

namespace moxie::inline abi1::model {

/// What most families of Hugging Face call their tensors; one that has other names for some says which, by with().
inline constexpr TensorNames kHuggingFaceNames({
    {Part::kEmbedding, "model.embed_tokens"},
    {Part::kFinalNorm, "model.norm"},
    {Part::kHead, "lm_head"},
    {Part::kAttentionNorm, "model.layers.{l}.input_layernorm"},
    {Part::kQuery, "model.layers.{l}.self_attn.q_proj"},
    {Part::kKey, "model.layers.{l}.self_attn.k_proj"},
    {Part::kValue, "model.layers.{l}.self_attn.v_proj"},
    {Part::kAttentionOutput, "model.layers.{l}.self_attn.o_proj"},
    {Part::kQueryNorm, "model.layers.{l}.self_attn.q_norm"},
    {Part::kKeyNorm, "model.layers.{l}.self_attn.k_norm"},
    {Part::kFeedForwardNorm, "model.layers.{l}.post_attention_layernorm"},
    {Part::kGate, "model.layers.{l}.mlp.gate_proj"},
    {Part::kUp, "model.layers.{l}.mlp.up_proj"},
    {Part::kDown, "model.layers.{l}.mlp.down_proj"},
    {Part::kRouter, "model.layers.{l}.mlp.gate"},
    {Part::kSharedGate, "model.layers.{l}.mlp.shared_expert.gate_proj"},
    {Part::kSharedUp, "model.layers.{l}.mlp.shared_expert.up_proj"},
    {Part::kSharedDown, "model.layers.{l}.mlp.shared_expert.down_proj"},
    {Part::kSharedScale, "model.layers.{l}.mlp.shared_expert_gate"},
    {Part::kExpertGate, "model.layers.{l}.mlp.experts.{e}.gate_proj"},
    {Part::kExpertUp, "model.layers.{l}.mlp.experts.{e}.up_proj"},
    {Part::kExpertDown, "model.layers.{l}.mlp.experts.{e}.down_proj"},
});

/// Names of norms behind attention and feed-forward, where nothing else is between.
inline constexpr TensorNames kNormsBehind =
    kHuggingFaceNames.with({{Part::kAttentionPostNorm, "model.layers.{l}.post_attention_layernorm"},
                            {Part::kFeedForwardNorm, "model.layers.{l}.pre_feedforward_layernorm"},
                            {Part::kFeedForwardPostNorm, "model.layers.{l}.post_feedforward_layernorm"}});

/// What DeepSeek calls its own, and families that route as it does.
inline constexpr TensorNames kDeepseekNames =
    kHuggingFaceNames.with({{Part::kQueryDown, "model.layers.{l}.self_attn.q_a_proj"},
                            {Part::kQueryDownNorm, "model.layers.{l}.self_attn.q_a_layernorm"},
                            {Part::kQueryUp, "model.layers.{l}.self_attn.q_b_proj"},
                            {Part::kLatentDown, "model.layers.{l}.self_attn.kv_a_proj_with_mqa"},
                            {Part::kLatentNorm, "model.layers.{l}.self_attn.kv_a_layernorm"},
                            {Part::kLatentUp, "model.layers.{l}.self_attn.kv_b_proj"},
                            {Part::kSelectionBias, "model.layers.{l}.mlp.gate.e_score_correction_bias{}"},
                            {Part::kSharedGate, "model.layers.{l}.mlp.shared_experts.gate_proj"},
                            {Part::kSharedUp, "model.layers.{l}.mlp.shared_experts.up_proj"},
                            {Part::kSharedDown, "model.layers.{l}.mlp.shared_experts.down_proj"}});

/// What Mixtral calls its experts.
inline constexpr TensorNames kMixtralNames =
    kHuggingFaceNames.with({{Part::kRouter, "model.layers.{l}.block_sparse_moe.gate"},
                            {Part::kExpertGate, "model.layers.{l}.block_sparse_moe.experts.{e}.w1"},
                            {Part::kExpertUp, "model.layers.{l}.block_sparse_moe.experts.{e}.w3"},
                            {Part::kExpertDown, "model.layers.{l}.block_sparse_moe.experts.{e}.w2"}});

}  // namespace moxie::model
