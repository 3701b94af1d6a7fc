// SPDX-License-Identifier: Apache-2.0
// Qwen3, dense: norms on queries and keys, over each head.
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  read_windows(fields, config, WindowRule::kFromLayer);
}

}  // namespace

constexpr Family kQwen3{.model_type = "qwen3",
                        .architecture = "Qwen3ForCausalLM",
                        .models = "Qwen3, dense",
                        .names = kHuggingFaceNames,
                        .query_key_norm = QueryKeyNorm::kHead,
                        .read = read,
                        .gguf = {.architecture = "qwen3"}};

}  // namespace moxie::model
