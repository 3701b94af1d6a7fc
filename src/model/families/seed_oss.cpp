// SPDX-License-Identifier: Apache-2.0
// Seed-OSS: Llama with heads of a width of its own, and biases on queries, keys and values.

#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  // What transformers takes where it is not there is no part of the file.
  fields.size("head_dim", 2, kMaxSize);
  config.attention_bias = fields.flag_or("attention_bias", true);
  config.attention_output_bias = fields.flag_or("attention_out_bias", false);
  config.mlp_bias = fields.flag_or("mlp_bias", false);
}

}  // namespace

constexpr Family kSeedOss{.model_type = "seed_oss",
                          .architecture = "SeedOssForCausalLM",
                          .models = "Seed-OSS 36B",
                          .names = kHuggingFaceNames,
                          .rope = {.default_theta = 10000},
                          .read = read,
                          .gguf = {.architecture = "seed_oss",
                                   .names = kGgufNames.with({{Part::kFeedForwardNorm, "blk.{l}.post_attention_norm"}}),
                                   .biases = GgufForm::Biases::kMaybeQueryKeyValue}};

}  // namespace moxie::model
