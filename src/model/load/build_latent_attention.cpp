// SPDX-License-Identifier: Apache-2.0
#include "model/load/build.hpp"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "model/run/latent_attention.hpp"
#include "model/run/rope.hpp"

namespace moxie::inline abi1::model {

namespace {

/// Of the two norms within: whatever rms_norm_eps says of the others.
/// Source   DeepseekV3Attention of transformers, and modeling_deepseek.py beside the published weights
constexpr double kInnerNormEpsilon = 1e-6;

struct Heads {
  std::vector<Linear> keys, values;
};

Result<Heads> make_heads(const ModelConfig& config, std::size_t layer, WeightSource& weights) {
  const std::size_t A = config.num_attention_heads;
  const std::size_t rank = config.kv_lora_rank;
  const std::size_t nope = config.qk_nope_head_dim;
  const std::size_t value = config.v_head_dim;
  const bool split = weights.has({Part::kLatentKey, layer});
  const std::size_t each = nope + value;
  Heads heads;
  for (std::size_t h = 0; h < A; ++h) {
    const Place whole{Part::kLatentUp, layer};
    MOXIE_TRY_LET(Linear key, split ? weights.linear({Part::kLatentKey, layer, h, A}, rank, nope)
                                    : weights.transposed_rows(whole, A * each, rank, h * each, nope));
    MOXIE_TRY_LET(Linear of_value, split ? weights.linear({Part::kLatentValue, layer, h, A}, value, rank)
                                         : weights.some_rows(whole, A * each, rank, h * each + nope, value));
    heads.keys.push_back(std::move(key));
    heads.values.push_back(std::move(of_value));
  }
  return heads;
}

}  // namespace

Result<std::unique_ptr<const AttentionBlock>> make_latent_attention(const ModelConfig& config, std::size_t layer,
                                                                    WeightSource& weights) {
  const std::size_t D = config.hidden_size;
  const std::size_t A = config.num_attention_heads;
  const std::size_t rank = config.kv_lora_rank;
  const std::size_t rope = config.qk_rope_head_dim;
  const std::size_t width = config.qk_nope_head_dim + rope;
  const std::size_t narrow = config.q_lora_rank;
  const bool bias = config.attention_bias;
  std::optional<Linear> query_down;
  Norm query_norm;
  if (narrow != 0) {
    MOXIE_TRY_LET(Linear down, weights.linear({Part::kQueryDown, layer}, narrow, D, bias));
    MOXIE_TRY_LET(std::vector<float> norm, weights.vector({Part::kQueryDownNorm, layer}, narrow));
    query_down = std::move(down);
    query_norm = Norm(std::move(norm), kInnerNormEpsilon);
  }
  MOXIE_TRY_LET(Linear query, narrow != 0 ? weights.linear({Part::kQueryUp, layer}, A * width, narrow)
                                          : weights.linear({Part::kQuery, layer}, A * width, D));
  MOXIE_TRY_LET(Linear latent, weights.linear({Part::kLatentDown, layer}, rank + rope, D, bias));
  MOXIE_TRY_LET(std::vector<float> latent_norm, weights.vector({Part::kLatentNorm, layer}, rank));
  MOXIE_TRY_LET(Heads heads, make_heads(config, layer, weights));
  MOXIE_TRY_LET(Linear output, weights.linear({Part::kAttentionOutput, layer}, D, A * config.v_head_dim,
                                              config.attention_output_bias));
  const double scale = yarn_softmax_factor(config.rope_scaling) / std::sqrt(static_cast<double>(width));
  return std::unique_ptr<const AttentionBlock>(std::make_unique<LatentAttention>(
      LatentAttention::Parts{.query_down = std::move(query_down),
                             .query_norm = std::move(query_norm),
                             .query = std::move(query),
                             .latent = std::move(latent),
                             .latent_norm = Norm(std::move(latent_norm), kInnerNormEpsilon),
                             .keys = std::move(heads.keys),
                             .values = std::move(heads.values),
                             .output = std::move(output),
                             .rope_width = rope,
                             .rotates_neighbours = config.rope_interleave,
                             .scale = static_cast<float>(scale),
                             .query_scale = {config.query_scale_beta, config.query_scale_length}}));
}

}  // namespace moxie::model
