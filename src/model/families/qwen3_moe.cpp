// SPDX-License-Identifier: Apache-2.0
// Qwen3-MoE: Qwen3 with experts, or one dense MLP in the layers that the configuration names.
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  read_windows(fields, config, WindowRule::kAllLayers);
  read_sparse_layers(fields, config);
  read_experts(fields, config, "moe_intermediate_size");
  config.norm_topk_prob = fields.flag_or("norm_topk_prob", false);
}

}  // namespace

constexpr Family kQwen3Moe{.model_type = "qwen3_moe",
                           .architecture = "Qwen3MoeForCausalLM",
                           .names = kHuggingFaceNames,
                           .experts = true,
                           .query_key_norm = QueryKeyNorm::kHead,
                           .read = read,
                           .gguf = {.architecture = "qwen3moe", .norm_topk_prob = true}};

}  // namespace moxie::model
