// SPDX-License-Identifier: Apache-2.0
// GLM-4.5 to 4.7 and Solar Open: the rotary embedding turns half of each head, or all of it; behind dense layers
// experts with the router of DeepSeek-V3. Layers that predict further tokens are not read.

#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read_glm(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = fields.flag_or("attention_bias", false);
  if (fields.flag_or("use_qk_norm", false)) config.query_key_norm = QueryKeyNorm::kHead;
  read_dense_layers_first(fields, config, 1);
  read_sigmoid_router(fields, config, {.shared = 1});
}

void read_solar(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = fields.flag_or("attention_bias", false);
  fields.require("use_qk_norm", false);
  config.moe_layers.assign(config.num_hidden_layers, true);
  read_sigmoid_router(fields, config, {.shared = 1});
}

/// GLM-4.5-Air and Solar Open have no norms on queries and keys.
void read_gguf(const Checkpoint& checkpoint, GgufKeys&, ModelConfig& config) {
  if (checkpoint.contains(kGgufNames.name({Part::kQueryNorm}) + ".weight")) {
    config.query_key_norm = QueryKeyNorm::kHead;
  }
}

constexpr GgufForm kGguf{.architecture = "glm4moe",
                         .names = kGgufNames.with({{Part::kFeedForwardNorm, "blk.{l}.post_attention_norm"}}),
                         .biases = GgufForm::Biases::kMaybeQueryKeyValue,
                         .routing_keys = true,
                         .read = read_gguf};

}  // namespace

constexpr Family kGlm4Moe{.model_type = "glm4_moe",
                          .architecture = "Glm4MoeForCausalLM",
                          .models = "GLM-4.5, 4.5-Air, 4.6, 4.7",
                          .names = kDeepseekNames,
                          .experts = true,
                          .scoring_func = Scores::kSigmoid,
                          .rope = {.default_theta = 10000, .part = 0.5},
                          .read = read_glm,
                          .gguf = kGguf};

constexpr Family kSolarOpen{.model_type = "solar_open",
                            .architecture = "SolarOpenForCausalLM",
                            .models = "Solar Open 100B",
                            .names = kDeepseekNames,
                            .experts = true,
                            .scoring_func = Scores::kSigmoid,
                            .rope = {.default_theta = 1e6, .part = 1},
                            .read = read_solar,
                            .gguf = kGguf};

}  // namespace moxie::model
