// SPDX-License-Identifier: Apache-2.0
// Qwen3-MoE: Qwen3 with experts, or one dense MLP in the layers that the configuration names.
#include "model/convert/gguf_key_writer.hpp"
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

Status check_gguf(const ModelConfig& config) {
  if (config.num_experts != 0) return {};
  return cannot_say("experts in every layer, as GGUF's qwen3moe has", "a layer without");
}

}  // namespace

constexpr Family kQwen3Moe{.model_type = "qwen3_moe",
                           .architecture = "Qwen3MoeForCausalLM",
                           .models = "Qwen3-30B-A3B, 235B-A22B, Coder",
                           .names = kHuggingFaceNames,
                           .experts = true,
                           .query_key_norm = QueryKeyNorm::kHead,
                           .read = read,
                           .gguf = {.architecture = "qwen3moe", .norm_topk_prob = true, .check = check_gguf}};

}  // namespace moxie::model
