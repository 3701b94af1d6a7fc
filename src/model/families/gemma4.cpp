// SPDX-License-Identifier: Apache-2.0
// Gemma 4: norms around attention and feed-forward; layers with a window have heads, a width and a rope of their own;
// values are normed, and in whole layers may be made by the keys' matrix. With experts the dense MLP is beside them,
// both between norms of their own. The small sizes have inputs for each layer, and share keys and values.

#include <cmath>

#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/gguf_keys.hpp"
#include "model/load/gguf_layers.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

/// What all of them have, and what follows from whether a layer has a window.
void finish(ModelConfig& config) {
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden_size));
  config.attention_scale = 1;
  config.value_norm = config.layer_scale = true;
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    LayerAttention& heads = config.layer_attention[layer];
    if (heads.kv_layer != layer) heads.value_is_key = false;  // it makes none
  }
  if (config.num_experts != 0) {
    config.branch_norms = config.router_norm = config.expert_scale = config.norm_topk_prob = true;
  }
  use_local_rope(config);
}

void read(ConfigFields& fields, ModelConfig& config) {
  fields.require_one_of("use_bidirectional_attention", {"vision"});  // which is among tokens of pictures
  if (!fields.has("rope_parameters")) fields.fail(Code::kUnsupported, "rope_parameters", "none");
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  config.logit_softcap = fields.number_or("final_logit_softcapping", 0, kMinRopeFactor, kMaxRopeFactor);
  read_windows_but_every(fields, config, 6);
  config.sliding_windows.back() = 0;  // whatever the file says, as transformers has it
  const std::size_t L = config.num_hidden_layers;
  const std::size_t width = fields.size("global_head_dim", 2, kMaxSize);
  const bool value_is_key = fields.flag_or("attention_k_eq_v", false);
  const std::size_t G = value_is_key ? fields.size_or("num_global_key_value_heads", config.num_key_value_heads, 1,
                                                      config.num_attention_heads)
                                     : config.num_key_value_heads;
  for (std::size_t layer = 0; layer < L; ++layer) {
    if (config.sliding_windows[layer] != 0) continue;
    LayerAttention& heads = config.layer_attention[layer];
    heads.num_key_value_heads = G;
    heads.head_dim = heads.value_dim = width;
    heads.value_is_key = value_is_key;
  }
  const std::size_t shared = fields.size_or("num_kv_shared_layers", 0, 0, L - 1);
  share_keys_and_values(fields, config, shared, "num_kv_shared_layers");
  config.intermediate_size = fields.size("intermediate_size", 1, kMaxSize);
  config.dense_sizes.assign(L, config.intermediate_size);
  if (fields.flag_or("use_double_wide_mlp", false)) {
    for (std::size_t layer = L - shared; layer < L; ++layer) config.dense_sizes[layer] *= 2;
  }
  if (!fields.find("hidden_size_per_layer_input").is_null()) {  // null is none; of no field transformers makes one
    config.layer_input_width = fields.size("hidden_size_per_layer_input", 0, kMaxSize);
  }
  if (config.layer_input_width != 0 &&
      fields.size_or("vocab_size_per_layer_input", config.vocab_size, 1, kMaxVocabulary) != config.vocab_size) {
    fields.fail(Code::kUnsupported, Text("vocab_size_per_layer_input ", config.vocab_size, ", as vocab_size"),
                fields.find("vocab_size_per_layer_input").describe());
  }
  if (fields.flag_or("enable_moe_block", false)) {
    config.moe_layers.assign(L, true);
    config.num_experts = fields.size("num_experts", 1, kMaxSize);
    config.num_experts_per_tok = fields.size("top_k_experts", 1, config.num_experts);
    config.moe_intermediate_size = fields.size("moe_intermediate_size", 1, kMaxSize);
    config.shared_expert_intermediate_size = config.intermediate_size;
  }
  finish(config);
}

void read_gguf(const Checkpoint& checkpoint, GgufKeys& keys, ModelConfig& config) {
  read_gguf_windows(keys, config);
  read_gguf_local_layers(keys, config);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.layer_attention[layer].value_is_key =
        !checkpoint.contains(kGgufNames.name({Part::kValue, layer}) + ".weight");
  }
  const std::size_t L = config.num_hidden_layers;
  const std::size_t shared = keys.size_or("attention.shared_kv_layers", 0, 0, L - 1);
  share_keys_and_values(keys, config, shared, keys.full("attention.shared_kv_layers"));
  config.layer_input_width = keys.size_or("embedding_length_per_layer_input", 0, 0, kMaxSize);
  config.logit_softcap = keys.number_or("final_logit_softcapping", 30, 0, kMaxRopeFactor);
  if (config.num_experts != 0) {
    config.intermediate_size = config.shared_expert_intermediate_size = keys.size("feed_forward_length", 1, kMaxSize);
    config.dense_sizes.assign(L, config.intermediate_size);
  }
  finish(config);
}

Status write_gguf(GgufKeyWriter& keys, const ModelConfig& config) {
  std::size_t shared = 0;
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    if (config.layer_attention[layer].kv_layer != layer) ++shared;
  }
  MOXIE_TRY(keys.size("attention.shared_kv_layers", shared));
  MOXIE_TRY(keys.size("embedding_length_per_layer_input", config.layer_input_width));
  MOXIE_TRY(keys.number("final_logit_softcapping", config.logit_softcap));  // llama.cpp takes 30 where there is none
  return write_gguf_local_layers(keys, config);
}

}  // namespace

constexpr Family kGemma4{
    .model_type = "gemma4_text",
    .architecture = "Gemma4ForCausalLM",
    .models = "Gemma 4: E2B, E4B, 26B-A4B, 31B",
    .names = kNormsBehind.with({{Part::kAttentionNorm, "model.layers.{l}.input_layernorm"},
                                {Part::kRouter, "model.layers.{l}.router.proj"},
                                {Part::kRouterScale, "model.layers.{l}.router.scale{}"},
                                {Part::kExpertScale, "model.layers.{l}.router.per_expert_scale{}"},
                                {Part::kExpertGateUp, "model.layers.{l}.experts.gate_up_proj{}"},
                                {Part::kExpertDown, "model.layers.{l}.experts.down_proj{}"},
                                {Part::kExpertsNorm, "model.layers.{l}.pre_feedforward_layernorm_2"},
                                {Part::kExpertsPostNorm, "model.layers.{l}.post_feedforward_layernorm_2"},
                                {Part::kSharedPostNorm, "model.layers.{l}.post_feedforward_layernorm_1"},
                                {Part::kSharedGate, "model.layers.{l}.mlp.gate_proj"},
                                {Part::kSharedUp, "model.layers.{l}.mlp.up_proj"},
                                {Part::kSharedDown, "model.layers.{l}.mlp.down_proj"},
                                {Part::kLayerScale, "model.layers.{l}.layer_scalar{}"},
                                {Part::kLayerInputs, "model.embed_tokens_per_layer"},
                                {Part::kLayerInputsProjection, "model.per_layer_model_projection"},
                                {Part::kLayerInputsNorm, "model.per_layer_projection_norm"},
                                {Part::kLayerInputGate, "model.layers.{l}.per_layer_input_gate"},
                                {Part::kLayerInputUp, "model.layers.{l}.per_layer_projection"},
                                {Part::kLayerInputPostNorm, "model.layers.{l}.post_per_layer_input_norm"}}),
    .experts = true,
    .activation = GatedActivation::kGelu,
    .query_key_norm = QueryKeyNorm::kHead,
    .block_norms = BlockNorms::kAround,
    .rope = {.default_theta = 1e6, .width_key = "global_head_dim", .local_theta = 10000},
    .shape =
        {.heads = 8, .kv_heads = 4, .head_dim = 256, .vocab_size = 262144, .positions = 131072, .rms_norm_eps = 1e-6},
    .tied = true,
    .read = read,
    .gguf = {.architecture = "gemma4",
             .names = kGgufNames.with({{Part::kSharedGate, "blk.{l}.ffn_gate"},
                                       {Part::kSharedUp, "blk.{l}.ffn_up"},
                                       {Part::kSharedDown, "blk.{l}.ffn_down"}}),
             .norm_topk_prob = true,
             .rope_factors = true,
             .check = check_any_window,
             .read = read_gguf,
             .write = write_gguf,
             .keys = {"attention.sliding_window", "final_logit_softcapping"}}};

}  // namespace moxie::model
