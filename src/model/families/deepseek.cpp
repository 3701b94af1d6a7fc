// SPDX-License-Identifier: Apache-2.0
// DeepSeek-V2 (and V2-Lite) and V3 (and R1): latent attention; behind a few dense layers experts, beside which one MLP
// sees every row. V2's router takes the softmax, V3's the sigmoid with a bias for choosing.
#include <algorithm>

#include <moxie/core/text.hpp>

#include "model/families/family.hpp"
#include "model/load/config_checks.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

/// Layers that transformers would add to predict further tokens lie behind these, and are not read.
void read_layers(ConfigFields& fields, ModelConfig& config, std::size_t first_moe_layer) {
  const std::size_t first = fields.size_or("first_k_dense_replace", first_moe_layer, 0, kMaxLayers);
  const std::size_t step = fields.size_or("moe_layer_freq", 1, 1, kMaxLayers);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.moe_layers[layer] = layer >= first && layer % step == 0;
  }
}

/// A field that a class of transformers does not read, since the model has one value of it.
void require(ConfigFields& fields, std::string_view key, std::string_view value) {
  if (!fields.has(key) || fields.find(key).as_string() == value) return;
  fields.fail(Code::kUnsupported, Text(key, ' ', value, ", or none"), fields.find(key).describe());
}

void read_common(ConfigFields& fields, ModelConfig& config, std::size_t first_moe_layer, double default_scale) {
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  if (config.rope_scaling.type != RopeScaling::Type::kNone && config.rope_scaling.type != RopeScaling::Type::kYarn) {
    fields.fail(Code::kUnsupported, "rope of type default or yarn with latent attention", "another");
  }
  read_layers(fields, config, first_moe_layer);
  if (std::ranges::find(config.moe_layers, true) == config.moe_layers.end()) return;
  config.num_experts = fields.size("n_routed_experts", "num_local_experts", 1, kMaxSize);
  config.num_experts_per_tok = fields.size("num_experts_per_tok", 1, config.num_experts);
  config.moe_intermediate_size = fields.size("moe_intermediate_size", 1, kMaxSize);
  config.shared_expert_intermediate_size =
      config.moe_intermediate_size * fields.size_or("n_shared_experts", 0, 0, kMaxSize);
  config.routed_scaling_factor = default_scale;
  if (fields.has("routed_scaling_factor")) {
    config.routed_scaling_factor =
        fields.number(fields.find("routed_scaling_factor"), "routed_scaling_factor", kMinRoutedScale, kMaxRoutedScale);
  }
}

void read_groups(ConfigFields& fields, ModelConfig& config, std::size_t groups, std::size_t used) {
  config.n_group = fields.size_or("n_group", groups, 1, kMaxSize);
  config.topk_group = fields.size_or("topk_group", used, 1, kMaxSize);
  check_groups(fields, config, "n_group", "topk_group");
}

void read_v2(ConfigFields& fields, ModelConfig& config) {
  config.rope_interleave = true;
  config.mlp_bias = fields.flag_or("mlp_bias", false);
  read_common(fields, config, 0, 1);
  require(fields, "scoring_func", "softmax");
  // transformers passes it over, the code beside the published weights then leaves the scaling factor out, and
  // llama.cpp does both; no published model says true.
  if (fields.flag_or("norm_topk_prob", false)) {
    fields.fail(Code::kUnsupported, "norm_topk_prob false, as every published model of deepseek_v2 has", "true");
  }
  if (config.num_experts == 0 || !fields.has("topk_method")) return;
  const auto method = fields.find("topk_method").as_string();
  if (method == "group_limited_greedy") return read_groups(fields, config, 0, 0);
  if (method == "greedy") return;
  fields.fail(Code::kUnsupported, "topk_method greedy or group_limited_greedy", fields.find("topk_method").describe());
}

void read_v3(ConfigFields& fields, ModelConfig& config) {
  config.rope_interleave = fields.flag_or("rope_interleave", true);
  read_common(fields, config, 3, 2.5);
  require(fields, "scoring_func", "sigmoid");
  require(fields, "topk_method", "noaux_tc");
  if (config.num_experts == 0) return;
  config.scoring_func = Scores::kSigmoid;
  config.group_score = GroupScore::kBestTwo;
  config.selection_bias = true;
  // Here null is a false.
  config.norm_topk_prob = fields.flag_or("norm_topk_prob", !fields.find("norm_topk_prob"));
  read_groups(fields, config, 8, 4);
}

constexpr TensorNames kNames =
    kHuggingFaceNames.with({{Part::kQueryDown, "model.layers.{l}.self_attn.q_a_proj"},
                            {Part::kQueryDownNorm, "model.layers.{l}.self_attn.q_a_layernorm"},
                            {Part::kQueryUp, "model.layers.{l}.self_attn.q_b_proj"},
                            {Part::kLatentDown, "model.layers.{l}.self_attn.kv_a_proj_with_mqa"},
                            {Part::kLatentNorm, "model.layers.{l}.self_attn.kv_a_layernorm"},
                            {Part::kLatentUp, "model.layers.{l}.self_attn.kv_b_proj"},
                            {Part::kSelectionBias, "model.layers.{l}.mlp.gate.e_score_correction_bias{}"},
                            {Part::kSharedGate, "model.layers.{l}.mlp.shared_experts.gate_proj"},
                            {Part::kSharedUp, "model.layers.{l}.mlp.shared_experts.up_proj"},
                            {Part::kSharedDown, "model.layers.{l}.mlp.shared_experts.down_proj"}});

constexpr GgufForm kGguf{.architecture = "deepseek2", .routing_keys = true};

}  // namespace

constexpr Family kDeepseekV2{.model_type = "deepseek_v2",
                             .architecture = "DeepseekV2ForCausalLM",
                             .names = kNames,
                             .experts = true,
                             .latent_attention = true,
                             .default_theta = 10000,
                             .read = read_v2,
                             .gguf = kGguf};

constexpr Family kDeepseekV3{.model_type = "deepseek_v3",
                             .architecture = "DeepseekV3ForCausalLM",
                             .names = kNames,
                             .experts = true,
                             .latent_attention = true,
                             .scoring_func = Scores::kSigmoid,
                             .default_theta = 10000,
                             .read = read_v3,
                             .gguf = kGguf};

}  // namespace moxie::model
