// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <moxie/expert/gated_mlp.hpp>
#include <moxie/router/top_k.hpp>

namespace moxie::inline abi1 {

/// Which norms queries and keys pass, before the rotary embedding or behind it.
enum class QueryKeyNorm : std::uint8_t {
  kNone,
  kHead,   ///< over C, each head by itself
  kWhole,  ///< over all heads together
};

/// How a rotary embedding is stretched beyond the positions that a model was first trained on.
struct RopeScaling {
  enum class Type : std::uint8_t {
    kNone,     ///< "default"
    kLinear,   ///< every frequency divided by `factor`
    kLlama3,   ///< low frequencies divided by `factor`, high ones kept, those between blended
    kYarn,     ///< the same by other bounds, and queries and keys times `attention_factor`
    kFactors,  ///< each frequency divided by its own of `frequency_factors`; kNeverTurned: it turns nothing
  };
  Type type = Type::kNone;
  double factor = 1;
  std::size_t original_max_position_embeddings = 0;  ///< of llama3 and yarn
  double low_freq_factor = 1;                        ///< of llama3, with the next
  double high_freq_factor = 4;
  double beta_fast = 32;  ///< of yarn, with the next three
  double beta_slow = 1;
  bool truncate = true;
  double attention_factor = 1;
  float yarn_log_multiplier = 0;  ///< of latent attention: 0.1 mscale_all_dim, as a float, which is what GGUF keeps
  std::vector<float> frequency_factors;  ///< [rotary_dim / 2]
};

/// Of a frequency that is none: what GGUF files have there.
inline constexpr float kNeverTurned = 1e30f;

/// A rotary embedding.
struct RopeConfig {
  double theta = 0;
  std::size_t rotary_dim = 0;  ///< elements of a head that it turns, the first
  RopeScaling scaling = {};
};
/// Of a layer that has none.
inline constexpr std::size_t kNoRope = static_cast<std::size_t>(-1);

/// Where a layer's attention and its feed-forward have their norms.
enum class BlockNorms : std::uint8_t {
  kBefore,
  kBehind,  ///< on what they give, before it is added
  kAround,  ///< both
};

/// By what attention multiplies its sums, before its output.
enum class AttentionGate : std::uint8_t {
  kNone,
  kElement,  ///< each by the sigmoid of an element of its own
  kHead,     ///< all of a head by that of one element
};

/// How rows of the residual stream are normed.
enum class NormKind : std::uint8_t {
  kRms,
  kLayer,      ///< their mean is taken off too
  kLayerBias,  ///< and a bias added
};

/// The heads of one layer's attention, and where its keys and values are.
struct LayerAttention {
  std::size_t num_attention_heads = 0;  ///< A
  std::size_t num_key_value_heads = 0;  ///< G
  std::size_t head_dim = 0;             ///< C of queries and keys
  std::size_t value_dim = 0;            ///< C of values
  bool value_is_key = false;  ///< values are made by the matrix of the keys, before those are normed or turned
  std::size_t kv_layer = 0;   ///< whose keys and values it reads: its own, or those of a layer before it

  friend bool operator==(const LayerAttention&, const LayerAttention&) = default;
};

/// What a checkpoint says of its own shape, under the names of Hugging Face's config.json. Read and checked by
/// Model::load: widths fit together, K <= N, and every layer's kind is known.
struct ModelConfig {
  std::string model_type;                           ///< "qwen3_moe", "llama", ...: docs/families.md lists them
  std::size_t hidden_size = 0;                      ///< D
  std::size_t num_hidden_layers = 0;                ///< L
  std::size_t num_attention_heads = 0;              ///< A
  std::size_t num_key_value_heads = 0;              ///< G; of latent attention 1, which all heads read
  std::size_t head_dim = 0;                         ///< C; of latent attention qk_rope_head_dim
  std::size_t vocab_size = 0;                       ///< V
  std::size_t max_position_embeddings = 0;          ///< the longest context that the model was made for
  std::size_t intermediate_size = 0;                ///< inner width of a dense layer; 0 where there is none
  std::size_t moe_intermediate_size = 0;            ///< H, inner width of an expert
  std::size_t num_experts = 0;                      ///< N
  std::size_t num_experts_per_tok = 0;              ///< K
  std::size_t shared_expert_intermediate_size = 0;  ///< of the expert that every row passes; 0 where there is none
  bool shared_expert_gate = false;                  ///< and scales its output by itself
  Scores scoring_func = Scores::kSoftmax;           ///< of the router
  std::size_t n_group = 1;                          ///< experts lie in so many groups
  std::size_t topk_group = 1;                       ///< and a row's come from so many of them
  GroupScore group_score = GroupScore::kBest;       ///< by which groups are chosen
  double routed_scaling_factor = 1;                 ///< on the weights of the chosen experts, last
  double router_softcap = 0;                        ///< the router's logits l become c tanh(l / c) first; 0: none
  double shared_sum_scale = 1;                      ///< on the sum of experts and of what every row passes beside them
  bool selection_bias = false;                      ///< e_score_correction_bias: on the scores, for choosing only
  bool norm_topk_prob = false;                      ///< the weights of the chosen experts are divided by their sum
  bool attention_bias = false;                      ///< on queries, keys and values; or what latents are made by
  bool attention_output_bias = false;
  bool mlp_bias = false;
  bool expert_bias = false;      ///< on the router, and on gate, up and down of every expert
  bool attention_sinks = false;  ///< each head has a score that takes weight from the positions and adds no value
  GatedActivation activation = GatedActivation::kSilu;
  bool tie_word_embeddings = false;
  QueryKeyNorm query_key_norm = QueryKeyNorm::kNone;
  bool norm_after_rope = false;  ///< the norms on queries and keys come behind the rotary embedding
  bool value_norm = false;       ///< each head's values pass a norm without weight
  std::size_t kv_lora_rank = 0;  ///< of latent attention, with the next five: the latent's width; 0: keys and values
  std::size_t q_lora_rank = 0;   ///< width that queries pass through; 0: none
  std::size_t qk_nope_head_dim = 0;  ///< of a query head, what the rotary embedding leaves as it is
  std::size_t qk_rope_head_dim = 0;  ///< and what it rotates
  std::size_t v_head_dim = 0;        ///< of a head's value
  bool rope_interleave = false;      ///< the rotary embedding turns neighbours, not halves
  BlockNorms block_norms = BlockNorms::kBefore;
  bool branch_norms = false;  ///< experts, and what every row passes beside them, have norms of their own within
  bool router_norm = false;   ///< the router reads rows as they come to the layer, through a norm of its own
  bool expert_scale = false;  ///< a number for each expert, which its weight is multiplied with last
  bool layer_scale = false;   ///< a number for each layer, which its rows are multiplied with at its end
  std::size_t layer_input_width = 0;  ///< of what every layer gets of the token itself; 0: nothing
  bool parallel_blocks = false;       ///< attention and feed-forward read one normed row, and both are added
  NormKind norm_kind = NormKind::kRms;
  AttentionGate attention_gate = AttentionGate::kNone;
  bool gate_softplus = false;    ///< the gate is no sigmoid but ln(1 + e^x)
  double embedding_scale = 1;    ///< on every row of the embedding
  double residual_scale = 1;     ///< on what attention and feed-forward give
  double attention_scale = 0;    ///< on scores; 0: 1 / sqrt(C)
  double logit_scale = 1;        ///< on logits
  double attention_softcap = 0;  ///< every score s becomes c tanh(s / c); 0: none
  double logit_softcap = 0;      ///< every logit likewise, behind the scale
  double query_scale_beta = 0;   ///< queries at position p times 1 + beta ln(1 + floor(p / length)); 0: as they are
  std::size_t query_scale_length = 1;
  double rms_norm_eps = 0;
  double rope_theta = 0;
  std::size_t rotary_dim = 0;  ///< elements of a head that the rotary embedding turns, the first; C where it turns all
  RopeScaling rope_scaling = {};
  std::vector<LayerAttention> layer_attention;  ///< [L]; of latent attention none
  std::vector<std::size_t> dense_sizes;         ///< [L]: inner width of the layer's dense MLP, where it has one
  std::vector<bool> moe_layers;                 ///< [L]: whether the layer has experts, or one dense MLP
  /// [L]: how many positions a row of the layer sees, its own included; 0: all before it.
  std::vector<std::size_t> sliding_windows;
  std::vector<RopeConfig> other_ropes;   ///< beside the one above
  std::vector<std::size_t> layer_ropes;  ///< [L]: 0 the one above, i other_ropes[i - 1], or kNoRope; empty: all 0
};

}  // namespace moxie
