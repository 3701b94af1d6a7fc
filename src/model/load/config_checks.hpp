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

/// Attention of all layers as the configuration has it for all, for a family to change.
inline void make_layers_alike(ModelConfig& config) {
  config.layer_attention.clear();
  if (config.kv_lora_rank > 0) return;
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.layer_attention.push_back({.num_attention_heads = config.num_attention_heads,
                                      .num_key_value_heads = config.num_key_value_heads,
                                      .head_dim = config.head_dim,
                                      .value_dim = config.head_dim,
                                      .value_is_key = false,
                                      .kv_layer = layer});
  }
}

/// The last `count` layers read the keys and values of the last layer before them that has a window, or has none, as
/// they do.
template <class Fields>
void share_keys_and_values(Fields& fields, ModelConfig& config, std::size_t count, std::string_view key) {
  const std::size_t own = config.num_hidden_layers - count;
  for (std::size_t layer = own; layer < config.num_hidden_layers; ++layer) {
    const bool slides = config.sliding_windows[layer] != 0;
    std::size_t from = own;
    while (from > 0 && (config.sliding_windows[from - 1] != 0) != slides) --from;
    if (from == 0) {
      return fields.fail(Code::kFormat, Text("a layer of each kind before the last ", count, " of ", key), "none");
    }
    config.layer_attention[layer].kv_layer = from - 1;
  }
}

/// What must hold of each layer's heads, whoever says them.
template <class Fields>
void check_layers(Fields& fields, const ModelConfig& config) {
  for (const LayerAttention& layer : config.layer_attention) {
    const std::size_t A = layer.num_attention_heads;
    const std::size_t G = layer.num_key_value_heads;
    const std::size_t C = std::max(layer.head_dim, layer.value_dim);
    if (A == 0 || G == 0 || A % G != 0) {
      return fields.fail(Code::kFormat, "heads of a layer as a multiple of its key and value heads",
                         Text(A, " and ", G));
    }
    if (layer.head_dim == 0 || layer.head_dim % 2 != 0 || layer.value_dim == 0) {
      return fields.fail(Code::kFormat, "heads of an even width (rotary embedding rotates pairs)",
                         Text(layer.head_dim));
    }
    if (C > kMaxAttentionWidth / A) {
      return fields.fail(Code::kFormat, Text("heads times their width at most ", kMaxAttentionWidth),
                         Text(A, " * ", C));
    }
    const LayerAttention& owner = config.layer_attention[layer.kv_layer];
    if (owner.num_key_value_heads != G || owner.head_dim != layer.head_dim || owner.value_dim != layer.value_dim) {
      return fields.fail(Code::kFormat, "key and value heads as in the layer that a layer shares them with", "others");
    }
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
