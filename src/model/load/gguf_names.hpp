// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/load/tensor_names.hpp"

namespace moxie::inline abi1::model {

/// What `moxie.layout` says in a packed file. Another arrangement of tiles gets another number, and versions that do
/// not know it refuse the file.
inline constexpr std::string_view kTileLayout = "tiles16-1";

/// What GGUF calls tensors, but where a GgufForm says otherwise.
/// Source   docs/gguf.md of github.com/ggml-org/ggml, "Standardized tensor names", and the names in llama.cpp's files
inline constexpr TensorNames kGgufNames({
    {Part::kEmbedding, "token_embd"},
    {Part::kFinalNorm, "output_norm"},
    {Part::kHead, "output"},
    {Part::kRopeFactors, "rope_freqs"},
    {Part::kAttentionNorm, "blk.{l}.attn_norm"},
    {Part::kQuery, "blk.{l}.attn_q"},
    {Part::kKey, "blk.{l}.attn_k"},
    {Part::kValue, "blk.{l}.attn_v"},
    {Part::kAttentionOutput, "blk.{l}.attn_output"},
    {Part::kAttentionGate, "blk.{l}.attn_gate"},
    {Part::kAttentionPostNorm, "blk.{l}.post_attention_norm"},
    {Part::kFeedForwardPostNorm, "blk.{l}.post_ffw_norm"},
    {Part::kQueryDown, "blk.{l}.attn_q_a"},
    {Part::kQueryDownNorm, "blk.{l}.attn_q_a_norm"},
    {Part::kQueryUp, "blk.{l}.attn_q_b"},
    {Part::kLatentDown, "blk.{l}.attn_kv_a_mqa"},
    {Part::kLatentNorm, "blk.{l}.attn_kv_a_norm"},
    {Part::kLatentUp, "blk.{l}.attn_kv_b"},
    {Part::kLatentKey, "blk.{l}.attn_k_b"},
    {Part::kLatentValue, "blk.{l}.attn_v_b"},
    {Part::kQueryNorm, "blk.{l}.attn_q_norm"},
    {Part::kKeyNorm, "blk.{l}.attn_k_norm"},
    {Part::kAttentionSinks, "blk.{l}.attn_sinks"},
    {Part::kFeedForwardNorm, "blk.{l}.ffn_norm"},
    {Part::kGate, "blk.{l}.ffn_gate"},
    {Part::kUp, "blk.{l}.ffn_up"},
    {Part::kDown, "blk.{l}.ffn_down"},
    {Part::kRouter, "blk.{l}.ffn_gate_inp"},
    {Part::kSelectionBias, "blk.{l}.exp_probs_b.bias{}"},
    {Part::kSharedGate, "blk.{l}.ffn_gate_shexp"},
    {Part::kSharedUp, "blk.{l}.ffn_up_shexp"},
    {Part::kSharedDown, "blk.{l}.ffn_down_shexp"},
    {Part::kSharedScale, "blk.{l}.ffn_gate_inp_shexp"},
    {Part::kExpertsNorm, "blk.{l}.pre_ffw_norm_2"},
    {Part::kExpertsPostNorm, "blk.{l}.post_ffw_norm_2"},
    {Part::kSharedPostNorm, "blk.{l}.post_ffw_norm_1"},
    {Part::kRouterScale, "blk.{l}.ffn_gate_inp.scale{}"},
    {Part::kExpertScale, "blk.{l}.ffn_down_exps.scale{}"},
    {Part::kLayerScale, "blk.{l}.layer_output_scale"},
    {Part::kLayerInputs, "per_layer_token_embd"},
    {Part::kLayerInputsProjection, "per_layer_model_proj"},
    {Part::kLayerInputsNorm, "per_layer_proj_norm"},
    {Part::kLayerInputGate, "blk.{l}.inp_gate"},
    {Part::kLayerInputUp, "blk.{l}.proj"},
    {Part::kLayerInputPostNorm, "blk.{l}.post_norm"},
    {Part::kExpertGateUp, "blk.{l}.ffn_gate_up_exps"},
    {Part::kExpertGate, "blk.{l}.ffn_gate_exps"},
    {Part::kExpertUp, "blk.{l}.ffn_up_exps"},
    {Part::kExpertDown, "blk.{l}.ffn_down_exps"},
});

}  // namespace moxie::model
