// SPDX-License-Identifier: Apache-2.0
#include "model/load/gguf_latent.hpp"

#include <algorithm>

#include <moxie/core/text.hpp>

#include "model/load/config_checks.hpp"
#include "model/load/gguf_names.hpp"

namespace moxie::inline abi1::model {

void read_gguf_latent_attention(ModelConfig& config, GgufKeys& keys) {
  config.num_attention_heads = keys.size("attention.head_count", 1, kMaxSize);
  config.num_key_value_heads = 1;
  config.q_lora_rank = keys.size_or("attention.q_lora_rank", 0, 0, kMaxSize);
  config.kv_lora_rank = keys.size("attention.kv_lora_rank", 1, kMaxSize);
  config.qk_rope_head_dim = keys.size("rope.dimension_count", 2, kMaxSize);
  config.head_dim = config.qk_rope_head_dim;
  config.rope_interleave = true;
  const bool split = static_cast<bool>(keys.find("attention.key_length_mla"));
  const std::size_t width =
      keys.size(split ? "attention.key_length_mla" : "attention.key_length", config.qk_rope_head_dim + 1, kMaxSize * 2);
  config.qk_nope_head_dim = width - std::min(width, config.qk_rope_head_dim);
  config.v_head_dim = keys.size(split ? "attention.value_length_mla" : "attention.value_length", 1, kMaxSize);
  check_latent_attention(keys, config);
  if (split) {
    keys.require("attention.key_length", static_cast<double>(config.kv_lora_rank + config.qk_rope_head_dim));
    keys.require("attention.value_length", static_cast<double>(config.kv_lora_rank));
  }
  keys.require("attention.head_count_kv", split ? 1.0 : static_cast<double>(config.num_attention_heads));
}

void read_gguf_routing(const Checkpoint& checkpoint, ModelConfig& config, GgufKeys& keys) {
  const auto first = static_cast<std::size_t>(std::ranges::find(config.moe_layers, true) - config.moe_layers.begin());
  const bool gaps = std::ranges::find(config.moe_layers.begin() + static_cast<std::ptrdiff_t>(first),
                                      config.moe_layers.end(), false) != config.moe_layers.end();
  if (gaps || keys.size_or("leading_dense_block_count", 0, 0, kMaxLayers) != first) {
    keys.fail(Code::kFormat,
              Text(keys.full("leading_dense_block_count"), ' ', first, " and routers in all layers behind"),
              gaps ? Text("a layer without one") : keys.find("leading_dense_block_count").describe());
  }
  config.shared_expert_intermediate_size =
      config.moe_intermediate_size * keys.size_or("expert_shared_count", 0, 0, kMaxSize);
  if (const MetadataValue scale = keys.find("expert_weights_scale"); scale && scale.as_double() != 0) {  // 0: none
    config.routed_scaling_factor = keys.number("expert_weights_scale", kMinRoutedScale, kMaxRoutedScale);
  }
  if (const MetadataValue norm = keys.find("expert_weights_norm")) {
    if (!norm.as_bool()) {
      keys.fail(Code::kFormat, Text(keys.full("expert_weights_norm"), " as true or false"), norm.describe());
    }
    config.norm_topk_prob = norm.as_bool().value_or(false);
  }
  // DeepSeek-V2 judges a group by its best expert, V3 by its two best. llama.cpp does the latter in files of both.
  const bool sigmoid = config.scoring_func == Scores::kSigmoid;
  config.group_score = sigmoid ? GroupScore::kBestTwo : GroupScore::kBest;
  config.n_group = std::max<std::size_t>(keys.size_or("expert_group_count", 1, 0, kMaxSize), 1);
  config.topk_group = config.n_group == 1 ? 1 : keys.size("expert_group_used_count", 1, kMaxSize);
  check_groups(keys, config, keys.full("expert_group_count"), keys.full("expert_group_used_count"));
  config.selection_bias = checkpoint.contains(kGgufNames.name({Part::kSelectionBias, first}));
}

}  // namespace moxie::model
