// SPDX-License-Identifier: Apache-2.0
// DeepSeek-V2 (and V2-Lite) and V3 (and R1), Kimi K2, GLM-4.7-Flash and Mistral Small 4: latent attention; behind a few
// dense layers experts, beside which one MLP sees every row. V2's router takes the softmax, the others' the sigmoid
// with a bias for choosing. Layers that predict further tokens lie behind these and are not read.
#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/gguf_keys.hpp"
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

/// Scores are multiplied by the square of mscale, as transformers has it since after 5.12.1, and llama.cpp.
void read_mistral4(ConfigFields& fields, ModelConfig& config) {
  config.rope_interleave = fields.flag_or("rope_interleave", true);
  read_common(fields, config, 0);
  read_routed_experts(fields, config, {.shared = 1});
  if (config.num_experts == 0) return;
  config.norm_topk_prob = fields.flag_or("norm_topk_prob", true);
  config.group_score = GroupScore::kBestTwo;
  read_groups(fields, config, {});
}

void read_gguf_mistral4(const Checkpoint&, GgufKeys& keys, ModelConfig& config) {
  config.group_score = GroupScore::kBestTwo;
  config.query_scale_beta = keys.number_or("attention.temperature_scale", 0, 0, kMaxRopeFactor);
  if (config.rope_scaling.type == RopeScaling::Type::kYarn) {
    config.query_scale_length = config.rope_scaling.original_max_position_embeddings;
  }
}

Status write_gguf_mistral4(GgufKeyWriter& keys, const ModelConfig& config) {
  return keys.number("attention.temperature_scale", config.query_scale_beta);
}

using Read = void (*)(ConfigFields&, ModelConfig&);

/// What all of them have.
constexpr Family latent(std::string_view model_type, std::string_view architecture, std::string_view models,
                        Scores scoring_func, Read read) {
  return {.model_type = model_type,
          .architecture = architecture,
          .models = models,
          .names = kDeepseekNames,
          .experts = true,
          .latent_attention = true,
          .scoring_func = scoring_func,
          .rope = {.default_theta = 10000},
          .read = read,
          .gguf = {.architecture = "deepseek2", .routing_keys = true}};
}

constexpr Family mistral4() {
  Family family = latent("mistral4", "Mistral4ForCausalLM", "Mistral Small 4", Scores::kSoftmax, read_mistral4);
  family.names = kDeepseekNames.with({{Part::kExpertGateUp, "model.layers.{l}.mlp.experts.gate_up_proj{}"},
                                      {Part::kExpertDown, "model.layers.{l}.mlp.experts.down_proj{}"}});
  family.rope.query_scale = true;
  family.gguf = {.architecture = "mistral4",
                 .routing_keys = true,
                 .read = read_gguf_mistral4,
                 .write = write_gguf_mistral4,
                 .keys = {"attention.temperature_scale"}};
  return family;
}

}  // namespace

constexpr Family kDeepseekV2 =
    latent("deepseek_v2", "DeepseekV2ForCausalLM", "DeepSeek-V2, V2-Lite, V2.5, Coder-V2", Scores::kSoftmax, read_v2);
constexpr Family kDeepseekV3 =
    latent("deepseek_v3", "DeepseekV3ForCausalLM", "DeepSeek-V3, V3.1, R1", Scores::kSigmoid, read_v3);
constexpr Family kKimiK2 = latent("kimi_k2", "DeepseekV3ForCausalLM",
                                  "Kimi K2, K2-Thinking; the text model of K2.5, K2.6", Scores::kSigmoid, read_v3);
constexpr Family kGlm4MoeLite =
    latent("glm4_moe_lite", "Glm4MoeLiteForCausalLM", "GLM-4.7-Flash", Scores::kSigmoid, read_glm);
constexpr Family kMistral4 = mistral4();

}  // namespace moxie::model
