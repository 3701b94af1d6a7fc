// SPDX-License-Identifier: Apache-2.0
// OLMoE: experts in every layer; queries and keys pass a norm over all their heads together.
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

}  // namespace

constexpr Family kOlmoe{.model_type = "olmoe",
                        .architecture = "OlmoeForCausalLM",
                        .names = kHuggingFaceNames,
                        .experts = true,
                        .query_key_norm = QueryKeyNorm::kWhole,
                        .default_theta = 10000,
                        .read = read,
                        .gguf = {.architecture = "olmoe", .expert_width = "feed_forward_length", .own_head = true}};

}  // namespace moxie::model
