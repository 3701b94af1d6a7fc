// SPDX-License-Identifier: Apache-2.0
// DeepSeek-V2 (and V2-Lite) and V3 (and R1), Kimi K2 and GLM-4.7-Flash: latent attention; behind a few dense layers
// experts, beside which one MLP sees every row. V2's router takes the softmax, the others' the sigmoid with a bias for
// choosing. Layers that predict further tokens lie behind these and are not read.
#include <moxie/core/text.hpp>

#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read_common(ConfigFields& fields, ModelConfig& config, std::size_t first_moe_layer) {
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  if (config.rope_scaling.type != RopeScaling::Type::kNone && config.rope_scaling.type != RopeScaling::Type::kYarn) {
    fields.fail(Code::kUnsupported, "rope of type default or yarn with latent attention", "another");
  }
  read_dense_layers_first(fields, config, first_moe_layer);
}

void read_v2(ConfigFields& fields, ModelConfig& config) {
  config.rope_interleave = true;
  config.mlp_bias = fields.flag_or("mlp_bias", false);
  read_common(fields, config, 0);
  read_routed_experts(fields, config, {});
  fields.require_one_of("scoring_func", {"softmax"});
  // transformers passes it over, the code beside the published weights then leaves the scaling factor out, and
  // llama.cpp does both; no published model says true.
  if (fields.flag_or("norm_topk_prob", false)) {
    fields.fail(Code::kUnsupported, "norm_topk_prob false, as every published model of deepseek_v2 has", "true");
  }
  if (config.num_experts == 0 || !fields.has("topk_method")) return;
  const auto method = fields.find("topk_method").as_string();
  if (method == "group_limited_greedy") return read_groups(fields, config, {.groups = 0, .used_groups = 0});
  if (method == "greedy") return;
  fields.fail(Code::kUnsupported, "topk_method greedy or group_limited_greedy", fields.find("topk_method").describe());
}

void read_v3(ConfigFields& fields, ModelConfig& config) {
  config.rope_interleave = fields.flag_or("rope_interleave", true);
  read_common(fields, config, 3);
  read_sigmoid_router(fields, config, {.scale = 2.5, .groups = 8, .used_groups = 4});
}

void read_glm(ConfigFields& fields, ModelConfig& config) {
  config.rope_interleave = fields.flag_or("rope_interleave", true);
  read_common(fields, config, 1);
  read_sigmoid_router(fields, config, {.scale = 1.8, .shared = 1});
}

constexpr GgufForm kGguf{.architecture = "deepseek2", .routing_keys = true};

}  // namespace

constexpr Family kDeepseekV2{.model_type = "deepseek_v2",
                             .architecture = "DeepseekV2ForCausalLM",
                             .names = kDeepseekNames,
                             .experts = true,
                             .latent_attention = true,
                             .rope = {.default_theta = 10000},
                             .read = read_v2,
                             .gguf = kGguf};

constexpr Family kDeepseekV3{.model_type = "deepseek_v3",
                             .architecture = "DeepseekV3ForCausalLM",
                             .names = kDeepseekNames,
                             .experts = true,
                             .latent_attention = true,
                             .scoring_func = Scores::kSigmoid,
                             .rope = {.default_theta = 10000},
                             .read = read_v3,
                             .gguf = kGguf};

constexpr Family kKimiK2{.model_type = "kimi_k2",
                         .architecture = "DeepseekV3ForCausalLM",
                         .names = kDeepseekNames,
                         .experts = true,
                         .latent_attention = true,
                         .scoring_func = Scores::kSigmoid,
                         .rope = {.default_theta = 10000},
                         .read = read_v3,
                         .gguf = kGguf};

constexpr Family kGlm4MoeLite{.model_type = "glm4_moe_lite",
                              .architecture = "Glm4MoeLiteForCausalLM",
                              .names = kDeepseekNames,
                              .experts = true,
                              .latent_attention = true,
                              .scoring_func = Scores::kSigmoid,
                              .rope = {.default_theta = 10000},
                              .read = read_glm,
                              .gguf = kGguf};

}  // namespace moxie::model
