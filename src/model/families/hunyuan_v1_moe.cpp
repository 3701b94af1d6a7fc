// SPDX-License-Identifier: Apache-2.0
// Hunyuan-A13B: norms on queries and keys behind the rotary embedding; experts in every layer, and beside them one MLP
// for every row.

#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  fields.require("use_qk_norm", true);
  fields.require("use_cla", false);
  config.moe_layers.assign(config.num_hidden_layers, true);
  if (!fields.has("num_experts")) fields.size("num_experts", 1, kMaxSize);
  config.num_experts = fields.size_of_all("num_experts", 1, 1, kMaxSize);
  config.num_experts_per_tok = fields.size_of_all("moe_topk", 1, 1, config.num_experts);
  config.moe_intermediate_size = fields.size("intermediate_size", 1, kMaxSize);
  config.moe_intermediate_size = fields.size_of_all("moe_intermediate_size", config.moe_intermediate_size, 1, kMaxSize);
  config.shared_expert_intermediate_size =
      config.moe_intermediate_size * fields.size_of_all("num_shared_expert", 1, 1, kMaxSize);
  config.norm_topk_prob = true;
}

}  // namespace

constexpr Family kHunyuanV1Moe{
    .model_type = "hunyuan_v1_moe",
    .architecture = "HunYuanMoEV1ForCausalLM",
    .models = "Hunyuan-A13B",
    .names = kHuggingFaceNames.with({{Part::kQueryNorm, "model.layers.{l}.self_attn.query_layernorm"},
                                     {Part::kKeyNorm, "model.layers.{l}.self_attn.key_layernorm"},
                                     {Part::kRouter, "model.layers.{l}.mlp.gate.wg"},
                                     {Part::kSharedGate, "model.layers.{l}.mlp.shared_mlp.gate_proj"},
                                     {Part::kSharedUp, "model.layers.{l}.mlp.shared_mlp.up_proj"},
                                     {Part::kSharedDown, "model.layers.{l}.mlp.shared_mlp.down_proj"}}),
    .experts = true,
    .query_key_norm = QueryKeyNorm::kHead,
    .norm_after_rope = true,
    .rope = {.default_theta = 10000, .alpha = true},
    .read = read,
    .gguf = {.architecture = "hunyuan-moe", .norm_topk_prob = true, .routing_keys = true}};

}  // namespace moxie::model
