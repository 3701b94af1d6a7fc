// SPDX-License-Identifier: Apache-2.0
#pragma once

// What must hold of sizes, whether config.json says them or the keys of GGUF: `fields` is a ConfigFields or a GgufKeys.

#include <algorithm>
#include <string_view>

#include <moxie/core/text.hpp>
#include <moxie/model/model_config.hpp>

#include "model/config_limits.hpp"

namespace moxie::model {

/// `groups` and `used`: what n_group and topk_group are called there.
template <class Fields>
void check_groups(Fields& fields, const ModelConfig& config, std::string_view groups, std::string_view used) {
  const std::size_t N = config.num_experts;
  if (config.n_group == 0 || N % config.n_group != 0) {
    return fields.fail(Code::kFormat, Text(groups, " that divides ", N, " experts"), Text(config.n_group));
  }
  const std::size_t size = N / config.n_group;
  if (config.topk_group == 0 || config.topk_group > config.n_group) {
    return fields.fail(Code::kFormat, Text(used, " in [1, ", config.n_group, "]"), Text(config.topk_group));
  }
  if (config.num_experts_per_tok > config.topk_group * size) {
    return fields.fail(Code::kFormat, Text(used, " whose groups have ", config.num_experts_per_tok, " experts"),
                       Text(config.topk_group, " of ", size));
  }
  if (config.n_group > 1 && config.group_score == GroupScore::kBestTwo && size < 2) {
    return fields.fail(Code::kFormat, Text(groups, " of two experts or more each"), Text(size));
  }
}

template <class Fields>
void check_latent_attention(Fields& fields, const ModelConfig& config) {
  if (config.qk_rope_head_dim % 2 != 0) {
    fields.fail(Code::kFormat, "an even width for the rotary embedding, which turns pairs",
                Text(config.qk_rope_head_dim));
  }
  const std::size_t widest = std::max(config.qk_nope_head_dim + config.qk_rope_head_dim,
                                      std::max(config.v_head_dim, config.kv_lora_rank + config.qk_rope_head_dim));
  if (widest > kMostAttentionWidth / config.num_attention_heads) {
    fields.fail(Code::kFormat, Text("heads times their width at most ", kMostAttentionWidth),
                Text(config.num_attention_heads, " * ", widest));
  }
}

}  // namespace moxie::model
