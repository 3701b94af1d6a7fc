// SPDX-License-Identifier: Apache-2.0
#pragma once

// Limits of sizes, and what must hold of them, whether config.json says them or the keys of GGUF: `fields` is a
// ConfigFields or a GgufKeys.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include <moxie/core/text.hpp>
#include <moxie/model/model_config.hpp>

namespace moxie::inline abi1::model {

/// Sizes of a model stay below this; with it no product of three of them leaves 64 bits.
inline constexpr std::uint64_t kMaxSize = 1u << 20;
/// Vocabularies are larger, layers fewer.
inline constexpr std::uint64_t kMaxVocabulary = 1u << 24;
inline constexpr std::uint64_t kMaxLayers = 4096;
inline constexpr std::uint64_t kMaxPositions = (std::uint64_t{1} << 31) - 1;
/// Of all heads together.
inline constexpr std::uint64_t kMaxAttentionWidth = kMaxSize * 16;

/// rope_theta. Below 1, frequencies would rise without bound.
inline constexpr double kMinTheta = 1;
inline constexpr double kMaxTheta = 1e30;
/// By what a frequency is divided, and other numbers of a stretched rotary embedding.
inline constexpr double kMinRopeFactor = 1e-6;
inline constexpr double kMaxRopeFactor = 1e6;
/// routed_scaling_factor.
inline constexpr double kMinRoutedScale = 1e-6;
inline constexpr double kMaxRoutedScale = 1e6;
/// rms_norm_eps. It is added in f32, where less would be 0 and a row of zeros NaN.
inline constexpr double kMinEpsilon = 1e-30;
inline constexpr double kMaxEpsilon = 1;

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
    fields.fail(Code::kFormat, "an even width for the rotary embedding, which rotates pairs",
                Text(config.qk_rope_head_dim));
  }
  const std::size_t widest = std::max(config.qk_nope_head_dim + config.qk_rope_head_dim,
                                      std::max(config.v_head_dim, config.kv_lora_rank + config.qk_rope_head_dim));
  if (widest > kMaxAttentionWidth / config.num_attention_heads) {
    fields.fail(Code::kFormat, Text("heads times their width at most ", kMaxAttentionWidth),
                Text(config.num_attention_heads, " * ", widest));
  }
}

}  // namespace moxie::model
