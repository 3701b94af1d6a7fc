// SPDX-License-Identifier: Apache-2.0
// Qwen2-MoE and Qwen1.5-MoE: Qwen2 with experts, beside which one more sees every row, scaled by the sigmoid of a
// gate. Layers without experts are those that the configuration names.
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = fields.flag_or("qkv_bias", true);
  read_windows(fields, config, WindowRule::kEvenBelowLayer);
  read_sparse_layers(fields, config);
  read_experts(fields, config, "moe_intermediate_size");
  config.norm_topk_prob = fields.flag_or("norm_topk_prob", false);
  if (config.num_experts == 0) return;  // every layer is dense
  config.shared_expert_gate = true;
  config.shared_expert_intermediate_size = fields.size("shared_expert_intermediate_size", 1, kMaxSize);
}

}  // namespace

constexpr Family kQwen2Moe{
    .model_type = "qwen2_moe",
    .architecture = "Qwen2MoeForCausalLM",
    .names = kHuggingFaceNames,
    .experts = true,
    .shared_expert = true,
    .read = read,
    .gguf = {.architecture = "qwen2moe", .biases = GgufForm::Biases::kQueryKeyValue, .own_head = true}};

}  // namespace moxie::model
