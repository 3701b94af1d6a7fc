// SPDX-License-Identifier: Apache-2.0
// OLMoE: experts in every layer; queries and keys pass a norm over all their heads together.
#include <cstdint>

#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  fields.refuse_unless_null("clip_qkv");
  config.moe_layers.assign(config.num_hidden_layers, true);
  read_experts(fields, config, "intermediate_size");
  config.norm_topk_prob = fields.flag_or("norm_topk_prob", false);
}

/// llama.cpp wants both norms as wide as a row of the model.
Status check_gguf(const ModelConfig& config) {
  if (std::uint64_t{config.num_key_value_heads} * config.head_dim == config.hidden_size) return {};
  return cannot_say(Text("num_key_value_heads * head_dim ", config.hidden_size, ", as GGUF's olmoe has"),
                    Text(config.num_key_value_heads, " * ", config.head_dim));
}

}  // namespace

constexpr Family kOlmoe{
    .model_type = "olmoe",
    .architecture = "OlmoeForCausalLM",
    .models = "OLMoE 1B-7B",
    .names = kHuggingFaceNames,
    .experts = true,
    .query_key_norm = QueryKeyNorm::kWhole,
    .rope = {.default_theta = 10000},
    .read = read,
    .gguf = {.architecture = "olmoe", .expert_width = "feed_forward_length", .own_head = true, .check = check_gguf}};

}  // namespace moxie::model
