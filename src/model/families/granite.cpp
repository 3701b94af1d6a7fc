// SPDX-License-Identifier: Apache-2.0
// Granite 3 and 4, dense and with experts: Llama with factors on the embedding, on what blocks give, on scores and
// under logits.

#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/gguf_keys.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

constexpr double kLeast = 1e-6, kMost = 1e6;

void read(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  config.mlp_bias = fields.flag_or("mlp_bias", false);
  config.embedding_scale = fields.number_or("embedding_multiplier", 1, kLeast, kMost);
  config.residual_scale = fields.number_or("residual_multiplier", 1, kLeast, kMost);
  config.attention_scale = fields.number_or("attention_multiplier", 1, kLeast, kMost);
  config.logit_scale = 1 / fields.number_or("logits_scaling", 1, kLeast, kMost);
}

void read_gguf(const Checkpoint&, GgufKeys& keys, ModelConfig& config) {
  config.embedding_scale = keys.number_or("embedding_scale", 1, kLeast, kMost);
  config.residual_scale = keys.number_or("residual_scale", 1, kLeast, kMost);
  config.attention_scale = keys.number_or("attention.scale", 0, kLeast, kMost);
  config.logit_scale = 1 / keys.number("logit_scale", kLeast, kMost);
}

Status write_gguf(GgufKeyWriter& keys, const ModelConfig& config) {
  MOXIE_TRY(keys.number("embedding_scale", config.embedding_scale));
  MOXIE_TRY(keys.number("residual_scale", config.residual_scale));
  MOXIE_TRY(keys.number("attention.scale", config.attention_scale));
  return keys.number("logit_scale", 1 / config.logit_scale);
}

void read_moe(ConfigFields& fields, ModelConfig& config) {
  read(fields, config);
  config.moe_layers.assign(config.num_hidden_layers, true);
  read_experts(fields, config, "intermediate_size");
  config.norm_topk_prob = true;
}

}  // namespace

constexpr Family kGraniteMoe{
    .model_type = "granitemoe",
    .architecture = "GraniteMoeForCausalLM",
    .models = "Granite 3 MoE",
    .names = kHuggingFaceNames.with({{Part::kRouter, "model.layers.{l}.block_sparse_moe.router.layer"},
                                     {Part::kExpertGateUp, "model.layers.{l}.block_sparse_moe.input_linear"},
                                     {Part::kExpertDown, "model.layers.{l}.block_sparse_moe.output_linear"}}),
    .experts = true,
    .rope = {.default_theta = 10000},
    .read = read_moe,
    .gguf = {.architecture = "granitemoe",
             .biases = GgufForm::Biases::kAny,
             .norm_topk_prob = true,
             .expert_width = "feed_forward_length",
             .interleaved_rows = true,
             .rope_factors = true,
             .read = read_gguf,
             .write = write_gguf,
             .keys = {"embedding_scale", "residual_scale", "attention.scale", "logit_scale"}}};

constexpr Family kGranite{.model_type = "granite",
                          .architecture = "GraniteForCausalLM",
                          .models = "Granite 3 and 4, dense",
                          .names = kHuggingFaceNames,
                          .rope = {.default_theta = 10000},
                          .read = read,
                          .gguf = {.architecture = "granite",
                                   .biases = GgufForm::Biases::kAny,
                                   .interleaved_rows = true,
                                   .rope_factors = true,
                                   .read = read_gguf,
                                   .write = write_gguf,
                                   .keys = {"embedding_scale", "residual_scale", "attention.scale", "logit_scale"}}};

}  // namespace moxie::model
