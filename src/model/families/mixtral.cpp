// SPDX-License-Identifier: Apache-2.0
// Mixtral: Llama with experts in every layer. Its router takes the softmax over the chosen experts alone, which is the
// one over all, divided by the sum of the chosen.
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  read_window_of_all_layers(fields, config);
  config.moe_layers.assign(config.num_hidden_layers, true);
  read_experts(fields, config, "intermediate_size");
  config.norm_topk_prob = true;
}

}  // namespace

constexpr Family kMixtral{.model_type = "mixtral",
                          .architecture = "MixtralForCausalLM",
                          .models = "Mixtral 8x7B, 8x22B",
                          .names = kMixtralNames,
                          .experts = true,
                          .rope = {.default_theta = 1e6},
                          .read = read,
                          .gguf = {.architecture = "llama",
                                   .norm_topk_prob = true,
                                   .expert_width = "feed_forward_length",
                                   .interleaved_rows = true,
                                   .rope_factors = true}};

}  // namespace moxie::model
