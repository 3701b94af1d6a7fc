// SPDX-License-Identifier: Apache-2.0
// Trinity (AFMoE): norms around attention and feed-forward, and over each head of queries and keys; what attention sums
// is multiplied by a gate; a window with a rotary embedding in most layers, neither in the others; behind dense layers
// experts with a sigmoid router and a bias for choosing.

#include <cmath>

#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/gguf_keys.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

constexpr std::size_t kEvery = 4;  // of the layers, those without a window

double root_of_width(const ModelConfig& config) { return std::sqrt(static_cast<double>(config.hidden_size)); }

void read(ConfigFields& fields, ModelConfig& config) {
  fields.require_one_of("score_func", {"sigmoid"});
  fields.require("route_norm", true);
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  if (fields.flag_or("mup_enabled", false)) config.embedding_scale = root_of_width(config);
  read_windows_but_every(fields, config, fields.size_or("global_attn_every_n_layers", kEvery, 1, kMaxLayers));
  rotate_in_windows(config);
  const std::size_t dense = fields.size_or("num_dense_layers", 1, 0, kMaxLayers);
  for (std::size_t layer = dense; layer < config.num_hidden_layers; ++layer) config.moe_layers[layer] = true;
  read_experts(fields, config, "moe_intermediate_size");
  if (config.num_experts == 0) return;
  config.shared_expert_intermediate_size =
      config.moe_intermediate_size * fields.size_or("num_shared_experts", 2, 0, kMaxSize);
  config.routed_scaling_factor = fields.number_or("route_scale", 1, kMinRoutedScale, kMaxRoutedScale);
  config.scoring_func = Scores::kSigmoid;
  config.selection_bias = true;
  config.norm_topk_prob = true;
}

void read_gguf(const Checkpoint&, GgufKeys& keys, ModelConfig& config) {
  config.embedding_scale = root_of_width(config);
  const std::size_t window = keys.size("attention.sliding_window", 1, kMaxPositions);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.sliding_windows[layer] = (layer + 1) % kEvery != 0 ? window : 0;
  }
  rotate_in_windows(config);
}

Status check_gguf(const ModelConfig& config) {
  if (config.embedding_scale == 1) return cannot_say("mup_enabled true, as GGUF's afmoe means", "false");
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    if ((config.sliding_windows[layer] != 0) == ((layer + 1) % kEvery != 0)) continue;
    return cannot_say("full_attention in every fourth layer alone, as GGUF's afmoe has",
                      Text("another in layer ", layer));
  }
  return {};
}

Status write_gguf(GgufKeyWriter& keys, const ModelConfig& config) {
  return keys.size("attention.sliding_window", config.sliding_windows[0]);
}

}  // namespace

constexpr Family kAfmoe{
    .model_type = "afmoe",
    .architecture = "AfmoeForCausalLM",
    .models = "Trinity Mini, Large",
    .names = kDeepseekNames.with({{Part::kAttentionGate, "model.layers.{l}.self_attn.gate_proj"},
                                  {Part::kAttentionPostNorm, "model.layers.{l}.post_attention_layernorm"},
                                  {Part::kFeedForwardNorm, "model.layers.{l}.pre_mlp_layernorm"},
                                  {Part::kFeedForwardPostNorm, "model.layers.{l}.post_mlp_layernorm"},
                                  {Part::kRouter, "model.layers.{l}.mlp.router.gate"},
                                  {Part::kSelectionBias, "model.layers.{l}.mlp.expert_bias{}"}}),
    .experts = true,
    .scoring_func = Scores::kSigmoid,
    .query_key_norm = QueryKeyNorm::kHead,
    .block_norms = BlockNorms::kAround,
    .attention_gate = AttentionGate::kElement,
    .rope = {.default_theta = 10000},
    .read = read,
    .gguf = {.architecture = "afmoe",
             .routing_keys = true,
             .check = check_gguf,
             .read = read_gguf,
             .write = write_gguf,
             .keys = {"attention.sliding_window"}}};

}  // namespace moxie::model
