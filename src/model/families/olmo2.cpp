// SPDX-License-Identifier: Apache-2.0
// OLMo 2 and 3, FlexOlmo: norms behind attention and feed-forward alone, and over all heads of queries and keys. OLMo 3
// has a window in most layers; its yarn stretches the others.

#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/gguf_keys.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

constexpr std::size_t kEvery = 4;  // of the layers, those without a window

void read_olmo2(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
}

void use_plain_rope_in_windows(ModelConfig& config) {
  config.other_ropes.push_back({.theta = config.rope_theta, .rotary_dim = config.rotary_dim, .scaling = {}});
  use_local_rope(config);
}

void read_olmo3(ConfigFields& fields, ModelConfig& config) {
  read_olmo2(fields, config);
  read_windows_but_every(fields, config, kEvery);
  use_plain_rope_in_windows(config);
}

void read_flex(ConfigFields& fields, ModelConfig& config) {
  read_olmo2(fields, config);
  config.moe_layers.assign(config.num_hidden_layers, true);
  read_experts(fields, config, "intermediate_size");
  config.norm_topk_prob = fields.flag_or("norm_topk_prob", false);
}

/// A file with a window is of OLMo 3.
void read_gguf(const Checkpoint&, GgufKeys& keys, ModelConfig& config) {
  const std::size_t window = keys.size_or("attention.sliding_window", 0, 0, kMaxPositions);
  if (window == 0) return;
  config.model_type = "olmo3";
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.sliding_windows[layer] = (layer + 1) % kEvery != 0 ? window : 0;
  }
  use_plain_rope_in_windows(config);
}

/// llama.cpp wants norms on queries as wide as a row of the model.
Status check_width(const ModelConfig& config) {
  if (config.num_attention_heads * config.head_dim == config.hidden_size) return {};
  return cannot_say(Text("num_attention_heads * head_dim ", config.hidden_size, ", as GGUF's olmo2 has"),
                    Text(config.num_attention_heads, " * ", config.head_dim));
}

Status check_olmo3(const ModelConfig& config) {
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    if ((config.sliding_windows[layer] != 0) == ((layer + 1) % kEvery != 0)) continue;
    return cannot_say("full_attention in every fourth layer alone, as GGUF's olmo2 has",
                      Text("another in layer ", layer));
  }
  return check_width(config);
}

Status write_olmo3(GgufKeyWriter& keys, const ModelConfig& config) {
  return keys.size("attention.sliding_window", config.sliding_windows[0]);
}

}  // namespace

constexpr Family kOlmo2{.model_type = "olmo2",
                        .architecture = "Olmo2ForCausalLM",
                        .models = "OLMo 2",
                        .names = kNormsBehind,
                        .query_key_norm = QueryKeyNorm::kWhole,
                        .block_norms = BlockNorms::kBehind,
                        .rope = {.default_theta = 10000},
                        .read = read_olmo2,
                        .gguf = {.architecture = "olmo2",
                                 .own_head = true,
                                 .check = check_width,
                                 .read = read_gguf,
                                 .keys = {"attention.sliding_window"}}};

constexpr Family kFlexOlmo{.model_type = "flex_olmo",
                           .architecture = "FlexOlmoForCausalLM",
                           .models = "FlexOlmo 7x7B",
                           .names = kNormsBehind,
                           .experts = true,
                           .query_key_norm = QueryKeyNorm::kWhole,
                           .block_norms = BlockNorms::kBehind,
                           .rope = {.default_theta = 500000},
                           .read = read_flex,
                           .gguf = {}};

constexpr Family kOlmo3{.model_type = "olmo3",
                        .architecture = "Olmo3ForCausalLM",
                        .models = "OLMo 3",
                        .names = kNormsBehind,
                        .query_key_norm = QueryKeyNorm::kWhole,
                        .block_norms = BlockNorms::kBehind,
                        .rope = {.default_theta = 10000},
                        .read = read_olmo3,
                        .gguf = {.architecture = "olmo2",
                                 .own_head = true,
                                 .check = check_olmo3,
                                 .read = read_gguf,
                                 .write = write_olmo3,
                                 .keys = {"attention.sliding_window"}}};

}  // namespace moxie::model
