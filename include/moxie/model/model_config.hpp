// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace moxie {

/// What a checkpoint says of its own shape, under the names of Hugging Face's config.json. Read and checked by
/// Model::load: widths fit together, K <= N, and every layer's kind is known.
struct ModelConfig {
  std::string model_type;                   ///< "qwen3_moe"
  std::size_t hidden_size = 0;              ///< D
  std::size_t num_hidden_layers = 0;        ///< L
  std::size_t num_attention_heads = 0;      ///< A
  std::size_t num_key_value_heads = 0;      ///< G
  std::size_t head_dim = 0;                 ///< C
  std::size_t vocab_size = 0;               ///< V
  std::size_t max_position_embeddings = 0;  ///< the longest context that the model was made for
  std::size_t intermediate_size = 0;        ///< inner width of a dense layer; 0 where there is none
  std::size_t moe_intermediate_size = 0;    ///< H, inner width of an expert
  std::size_t num_experts = 0;              ///< N
  std::size_t num_experts_per_tok = 0;      ///< K
  bool norm_topk_prob = false;              ///< the weights of the chosen experts are divided by their sum
  bool attention_bias = false;
  bool tie_word_embeddings = false;
  double rms_norm_eps = 0;
  double rope_theta = 0;
  std::vector<bool> moe_layers;  ///< [L]: whether the layer has experts, or one dense MLP
};

}  // namespace moxie
