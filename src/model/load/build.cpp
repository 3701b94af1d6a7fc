// SPDX-License-Identifier: Apache-2.0
#include "model/load/build.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "backend/access.hpp"
#include "model/load/weights.hpp"
#include "model/run/attention.hpp"
#include "model/run/decoder_stack.hpp"
#include "model/run/rope.hpp"

namespace moxie::inline abi1::model {

namespace {

Result<RmsNorm> make_norm(const ModelConfig& config, const Place& place, std::size_t width, WeightSource& weights) {
  MOXIE_TRY_LET(std::vector<float> weight, weights.norm(place, width));
  return RmsNorm(std::move(weight), config.rms_norm_eps);
}

Result<std::unique_ptr<const AttentionBlock>> make_attention(const ModelConfig& config, std::size_t layer,
                                                             WeightSource& weights) {
  if (config.kv_lora_rank > 0) return make_latent_attention(config, layer, weights);
  const std::size_t D = config.hidden_size;
  const std::size_t query = config.num_attention_heads * config.head_dim;
  const std::size_t kv = config.num_key_value_heads * config.head_dim;
  const bool bias = config.attention_bias;
  MOXIE_TRY_LET(Linear q, weights.heads({Part::kQuery, layer}, query, D, config.head_dim, bias));
  MOXIE_TRY_LET(Linear k, weights.heads({Part::kKey, layer}, kv, D, config.head_dim, bias));
  MOXIE_TRY_LET(Linear v, weights.linear({Part::kValue, layer}, kv, D, bias));
  MOXIE_TRY_LET(Linear o, weights.linear({Part::kAttentionOutput, layer}, D, query, config.attention_output_bias));
  std::vector<float> sinks;
  if (config.attention_sinks) {
    MOXIE_TRY_LET(sinks, weights.vector({Part::kAttentionSinks, layer}, config.num_attention_heads));
  }
  std::optional<Linear> gate;
  if (config.attention_gate == AttentionGate::kElement) {
    MOXIE_TRY_LET(gate, weights.linear({Part::kAttentionGate, layer}, query, D));
  }
  std::optional<RmsNorm> query_norm, key_norm;
  if (config.query_key_norm != QueryKeyNorm::kNone) {
    const bool whole = config.query_key_norm == QueryKeyNorm::kWhole;
    MOXIE_TRY_LET(query_norm, make_norm(config, {Part::kQueryNorm, layer}, whole ? query : config.head_dim, weights));
    MOXIE_TRY_LET(key_norm, make_norm(config, {Part::kKeyNorm, layer}, whole ? kv : config.head_dim, weights));
  }
  return std::unique_ptr<const AttentionBlock>(
      std::make_unique<Attention>(Attention::Parts{.query = std::move(q),
                                                   .key = std::move(k),
                                                   .value = std::move(v),
                                                   .output = std::move(o),
                                                   .query_norm = std::move(query_norm),
                                                   .key_norm = std::move(key_norm),
                                                   .norm_after_rope = config.norm_after_rope,
                                                   .heads = config.num_attention_heads,
                                                   .kv_heads = config.num_key_value_heads,
                                                   .head_width = config.head_dim,
                                                   .window = config.sliding_windows[layer],
                                                   .sinks = std::move(sinks),
                                                   .gate = std::move(gate),
                                                   .scale = static_cast<float>(config.attention_scale),
                                                   .cap = static_cast<float>(config.attention_softcap),
                                                   .query_scale_beta = config.query_scale_beta,
                                                   .query_scale_length = config.query_scale_length}));
}

/// The matrices of an MLP as `gate`, `up` and `down` place them.
Result<GatedMlp<Linear>> make_mlp(WeightSource& weights, const Place& gate, const Place& up, const Place& down,
                                  std::size_t inner, std::size_t D, bool bias, GatedActivation activation) {
  MOXIE_TRY_LET(Linear gate_matrix, weights.linear(gate, inner, D, bias));
  MOXIE_TRY_LET(Linear up_matrix, weights.linear(up, inner, D, bias));
  MOXIE_TRY_LET(Linear down_matrix, weights.linear(down, D, inner, bias));
  return GatedMlp<Linear>::create(std::move(gate_matrix), std::move(up_matrix), std::move(down_matrix), activation);
}

Result<std::unique_ptr<const FeedForward>> make_experts_of(const ModelConfig& config, std::size_t layer,
                                                           WeightSource& weights) {
  MOXIE_TRY_LET(Linear gate,
                weights.linear({Part::kRouter, layer}, config.num_experts, config.hidden_size, config.expert_bias));
  std::vector<GatedMlp<Linear>> experts;
  const std::size_t N = config.num_experts;
  for (std::size_t e = 0; e < N; ++e) {
    MOXIE_TRY_LET(GatedMlp<Linear> expert,
                  make_mlp(weights, {Part::kExpertGate, layer, e, N}, {Part::kExpertUp, layer, e, N},
                           {Part::kExpertDown, layer, e, N}, config.moe_intermediate_size, config.hidden_size,
                           config.expert_bias, config.activation));
    experts.push_back(std::move(expert));
  }
  MOXIE_TRY_LET(moe::FusedBank bank, moe::FusedBank::create(std::move(experts)));
  std::vector<float> bias;
  if (config.selection_bias) {
    MOXIE_TRY_LET(bias, weights.vector({Part::kSelectionBias, layer}, N));
  }
  MOXIE_TRY_LET(TopK router, TopK::create({.num_experts = N,
                                           .experts_per_token = config.num_experts_per_tok,
                                           .scores = config.scoring_func,
                                           .normalised = config.norm_topk_prob,
                                           .scale = static_cast<float>(config.routed_scaling_factor),
                                           .selection_bias = std::move(bias),
                                           .num_groups = config.n_group,
                                           .groups_per_token = config.topk_group,
                                           .group_score = config.group_score}));
  MOXIE_TRY_LET(ExpertLayer moe, ExpertLayer::create(std::move(router), std::move(bank)));
  const auto before = static_cast<std::size_t>(
      std::count(config.moe_layers.begin(), config.moe_layers.begin() + static_cast<std::ptrdiff_t>(layer), true));
  return make_experts(layer, before, std::move(gate), std::move(moe));
}

/// Experts, and beside them one for every row.
Result<std::unique_ptr<const FeedForward>> make_with_shared(const ModelConfig& config, std::size_t layer,
                                                            WeightSource& weights) {
  const std::size_t D = config.hidden_size;
  MOXIE_TRY_LET(auto experts, make_experts_of(config, layer, weights));
  MOXIE_TRY_LET(GatedMlp<Linear> shared,
                make_mlp(weights, {Part::kSharedGate, layer}, {Part::kSharedUp, layer}, {Part::kSharedDown, layer},
                         config.shared_expert_intermediate_size, D, config.mlp_bias, config.activation));
  std::optional<Linear> scale;
  if (config.shared_expert_gate) {
    MOXIE_TRY_LET(scale, weights.linear({Part::kSharedScale, layer}, 1, D));
  }
  return make_shared_beside(std::move(experts), std::move(shared), std::move(scale));
}

Result<std::unique_ptr<const FeedForward>> make_feed_forward(const ModelConfig& config, std::size_t layer,
                                                             WeightSource& weights) {
  if (!config.moe_layers[layer]) {
    MOXIE_TRY_LET(GatedMlp<Linear> mlp,
                  make_mlp(weights, {Part::kGate, layer}, {Part::kUp, layer}, {Part::kDown, layer},
                           config.intermediate_size, config.hidden_size, config.mlp_bias, config.activation));
    return make_dense(std::move(mlp));
  }
  return config.shared_expert_intermediate_size > 0 ? make_with_shared(config, layer, weights)
                                                    : make_experts_of(config, layer, weights);
}

/// A block without what it runs: its norms by where the model has them, and its scale.
Result<Block> make_block(const ModelConfig& config, const Place& before, const Place& behind, WeightSource& weights) {
  Block block;
  if (config.block_norms != BlockNorms::kBehind) {
    MOXIE_TRY_LET(block.before, make_norm(config, before, config.hidden_size, weights));
  }
  if (config.block_norms != BlockNorms::kBefore) {
    MOXIE_TRY_LET(block.behind, make_norm(config, behind, config.hidden_size, weights));
  }
  block.scale = static_cast<float>(config.residual_scale);
  return block;
}

Result<Layer> make_layer(const ModelConfig& config, std::size_t layer, WeightSource& weights) {
  Layer made;
  MOXIE_TRY_LET(Block attention,
                make_block(config, {Part::kAttentionNorm, layer}, {Part::kAttentionPostNorm, layer}, weights));
  MOXIE_TRY_LET(attention.attention, make_attention(config, layer, weights));
  attention.rope = config.layer_ropes.empty() ? 0 : config.layer_ropes[layer];
  made.blocks.push_back(std::move(attention));
  MOXIE_TRY_LET(Block feed_forward,
                make_block(config, {Part::kFeedForwardNorm, layer}, {Part::kFeedForwardPostNorm, layer}, weights));
  MOXIE_TRY_LET(feed_forward.feed_forward, make_feed_forward(config, layer, weights));
  made.blocks.push_back(std::move(feed_forward));
  return made;
}

Rope make_rope(const RopeConfig& rope) {
  return Rope(rope.rotary_dim, rope.theta, frequency_factors(rope.scaling, rope.rotary_dim, rope.theta),
              rope.scaling.attention_factor);
}

/// What no layer looks beyond; 0 where one looks back to the first position.
std::size_t window_of_all(const std::vector<std::size_t>& windows) noexcept {
  const auto [least, most] = std::ranges::minmax_element(windows);
  return windows.empty() || *least == 0 ? 0 : *most;
}

/// The embedding stays in the mapped file, where only the rows that are asked for are ever read; of a
/// checkpoint that was read into memory it is copied, so that the rest can go.
Result<Embedding> make_embedding(const Checkpoint& checkpoint, const Weights& rows, const LoadOptions& options) {
  if (!options.read) return Embedding{.owner = std::make_shared<Checkpoint>(checkpoint), .rows = rows};
  const std::size_t bytes = rows.out_width * rows.row_bytes();
  MOXIE_TRY_LET(AlignedBuffer buffer, AlignedBuffer::create(bytes, options.memory.get()));
  const auto copy = std::make_shared<AlignedBuffer>(std::move(buffer));
  std::copy_n(rows.data, bytes, copy->data());
  Weights copied = rows;
  copied.data = copy->data();
  return Embedding{.owner = copy, .rows = copied};
}

}  // namespace

Result<Built> make_decoder(const Family& family, const ModelConfig& config, const Checkpoint& checkpoint,
                           const Backend& backend, const LoadOptions& options, Executor* executor) {
  WeightSource weights(checkpoint, family, backend, options, executor);
  DecoderStack::Parts parts;
  MOXIE_TRY_LET(const Weights embedding, weights.matrix({Part::kEmbedding}, config.vocab_size, config.hidden_size));
  MOXIE_TRY_LET(parts.embedding, make_embedding(checkpoint, embedding, options));
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    MOXIE_TRY_LET(Layer made, make_layer(config, layer, weights));
    parts.layers.push_back(std::move(made));
  }
  MOXIE_TRY_LET(parts.final_norm, make_norm(config, {Part::kFinalNorm}, config.hidden_size, weights));
  if (config.tie_word_embeddings) MOXIE_TRY(weights.check_tied());
  const Part head = config.tie_word_embeddings ? Part::kEmbedding : Part::kHead;
  MOXIE_TRY_LET(Linear packed_head, weights.linear({head}, config.vocab_size, config.hidden_size));
  parts.head = std::make_unique<const Linear>(std::move(packed_head));
  MOXIE_TRY(weights.finish());
  if (weights.uses_tiles()) parts.files = std::make_shared<Checkpoint>(checkpoint);
  parts.ropes.push_back(make_rope({config.rope_theta, config.rotary_dim, config.rope_scaling}));
  for (const RopeConfig& rope : config.other_ropes) parts.ropes.push_back(make_rope(rope));
  parts.embedding_scale = static_cast<float>(config.embedding_scale);
  parts.logit_scale = static_cast<float>(config.logit_scale);
  parts.logit_softcap = static_cast<float>(config.logit_softcap);
  parts.kv_shape = {.layers = config.num_hidden_layers,
                    .kv_heads = config.num_key_value_heads,
                    .key_width = config.kv_lora_rank + config.head_dim,
                    .value_width = config.kv_lora_rank > 0 ? config.kv_lora_rank : config.head_dim,
                    .window = window_of_all(config.sliding_windows)};
  parts.backend = backend;
  return Built{.decoder = std::make_unique<DecoderStack>(std::move(parts)), .unread = weights.unread()};
}

}  // namespace moxie::model
