// SPDX-License-Identifier: Apache-2.0
// Llama 1 to 3.3, and Mistral 7B, which is the same with a window.
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

constexpr GgufForm kGguf{.architecture = "llama",
                         .biases = GgufForm::Biases::kAny,
                         .norm_topk_prob = true,
                         .interleaved_rows = true,
                         .rope_factors = true};

void read_llama(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  config.mlp_bias = fields.flag_or("mlp_bias", false);
}

void read_mistral(ConfigFields& fields, ModelConfig& config) { read_window_of_all_layers(fields, config); }

}  // namespace

constexpr Family kLlama{.model_type = "llama",
                        .architecture = "LlamaForCausalLM",
                        .models = "Llama 1 to 3.3, and many that share its form",
                        .names = kHuggingFaceNames,
                        .rope = {.default_theta = 10000},
                        .read = read_llama,
                        .gguf = kGguf};

constexpr Family kMistral{.model_type = "mistral",
                          .architecture = "MistralForCausalLM",
                          .models = "Mistral 7B, Nemo, Small 3",
                          .names = kHuggingFaceNames,
                          .rope = {.default_theta = 10000},
                          .read = read_mistral,
                          .gguf = kGguf};

}  // namespace moxie::model
