// SPDX-License-Identifier: Apache-2.0
// Qwen2-MoE and Qwen1.5-MoE: Qwen2 with experts, beside which one more sees every row, scaled by the sigmoid of a
// gate. Layers without experts are those that the configuration names.
#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/gguf_keys.hpp"
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

void read_gguf(const Checkpoint&, GgufKeys& keys, ModelConfig& config) {
  if (config.num_experts == 0) return;
  config.shared_expert_gate = true;
  config.shared_expert_intermediate_size = keys.size("expert_shared_feed_forward_length", 1, kMaxSize);
}

Status write_gguf(GgufKeyWriter& keys, const ModelConfig& config) {
  return keys.size("expert_shared_feed_forward_length", config.shared_expert_intermediate_size);
}

Status check_gguf(const ModelConfig& config) {
  if (config.num_experts != 0) return {};
  return cannot_say("experts in every layer, as GGUF's qwen2moe has", "a layer without");
}

}  // namespace

constexpr Family kQwen2Moe{.model_type = "qwen2_moe",
                           .architecture = "Qwen2MoeForCausalLM",
                           .models = "Qwen1.5-MoE, Qwen2-57B-A14B",
                           .names = kHuggingFaceNames,
                           .experts = true,
                           .read = read,
                           .gguf = {.architecture = "qwen2moe",
                                    .biases = GgufForm::Biases::kQueryKeyValue,
                                    .own_head = true,
                                    .check = check_gguf,
                                    .read = read_gguf,
                                    .write = write_gguf}};

}  // namespace moxie::model
