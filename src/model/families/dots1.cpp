// SPDX-License-Identifier: Apache-2.0
// dots.llm1: norms on queries and keys, over each head; behind dense layers experts with the router of DeepSeek-V3, and
// beside them one MLP for every row.

#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  if (fields.has("layer_types") || fields.has("max_window_layers")) {
    read_used_windows(fields, config, WindowRule::kFromLayer);
  }
  read_dense_layers_first(fields, config, 0);
  read_sigmoid_router(fields, config, {.normalised = false});
}

/// llama.cpp wants as many rows of keys and values as of queries.
Status check_gguf(const ModelConfig& config) {
  if (config.num_key_value_heads == config.num_attention_heads) return {};
  return cannot_say(Text("num_key_value_heads ", config.num_attention_heads, ", as GGUF's dots1 has"),
                    Text(config.num_key_value_heads));
}

}  // namespace

constexpr Family kDots1{.model_type = "dots1",
                        .architecture = "Dots1ForCausalLM",
                        .models = "dots.llm1",
                        .names = kDeepseekNames,
                        .experts = true,
                        .scoring_func = Scores::kSigmoid,
                        .query_key_norm = QueryKeyNorm::kHead,
                        .rope = {.default_theta = 10000},
                        .read = read,
                        .gguf = {.architecture = "dots1", .own_head = true, .routing_keys = true, .check = check_gguf}};

}  // namespace moxie::model
