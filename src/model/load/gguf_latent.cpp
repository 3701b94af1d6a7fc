// SPDX-License-Identifier: Apache-2.0
#include "model/load/gguf_latent.hpp"

#include <algorithm>

#include <moxie/core/text.hpp>

#include "model/load/config_checks.hpp"

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

}  // namespace moxie::model
