// SPDX-License-Identifier: Apache-2.0
#include "model/load/build.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "backend/access.hpp"
#include "model/load/weights.hpp"
#include "model/run/attention.hpp"
#include "model/run/decoder_stack.hpp"
#include "model/run/rope.hpp"

namespace moxie::inline abi1::model {

namespace {

Result<Norm> make_norm(const ModelConfig& config, const Place& place, std::size_t width, WeightSource& weights) {
  MOXIE_TRY_LET(std::vector<float> weight, weights.norm(place, width));
  return Norm(std::move(weight), config.rms_norm_eps);
}

/// Of rows of the residual stream.
Result<Norm> make_row_norm(const ModelConfig& config, const Place& place, WeightSource& weights) {
  const std::size_t D = config.hidden_size;
  if (config.norm_kind == NormKind::kRms) return make_norm(config, place, D, weights);
  MOXIE_TRY_LET(std::vector<float> weight, weights.norm(place, D));
  std::vector<float> bias;
  if (config.norm_kind == NormKind::kLayerBias) {
    MOXIE_TRY_LET(bias, weights.bias(place, D));
  }
  return Norm::layer(std::move(weight), std::move(bias), config.rms_norm_eps);
}

/// Without weight.
Norm plain_norm(const ModelConfig& config, std::size_t width) {
  return Norm(std::vector<float>(width, 1.0f), config.rms_norm_eps);
}

/// What the router reads rows through: a norm without weight, then scales, then a division by sqrt(D).
Result<std::optional<Norm>> make_router_norm(const ModelConfig& config, std::size_t layer, WeightSource& weights) {
  if (!config.router_norm) return std::optional<Norm>();
  MOXIE_TRY_LET(std::vector<float> scales, weights.vector({Part::kRouterScale, layer}, config.hidden_size));
  const double root = std::sqrt(static_cast<double>(config.hidden_size));
  for (float& scale : scales) scale = static_cast<float>(static_cast<double>(scale) / root);
  return std::optional(Norm(std::move(scales), config.rms_norm_eps));
}

Result<std::unique_ptr<const AttentionBlock>> make_attention(const ModelConfig& config, std::size_t layer,
                                                             WeightSource& weights) {
  if (config.kv_lora_rank > 0) return make_latent_attention(config, layer, weights);
  const LayerAttention& heads = config.layer_attention[layer];
  const std::size_t D = config.hidden_size;
  const std::size_t query = heads.num_attention_heads * heads.head_dim;
  const std::size_t keys = heads.num_key_value_heads * heads.head_dim;
  const std::size_t values = heads.num_key_value_heads * heads.value_dim;
  const std::size_t sums = heads.num_attention_heads * heads.value_dim;
  const bool bias = config.attention_bias;
  const bool stores = heads.kv_layer == layer;
  MOXIE_TRY_LET(Linear q, weights.heads({Part::kQuery, layer}, query, D, heads.head_dim, bias));
  std::optional<Linear> k, v;
  if (stores) {
    MOXIE_TRY_LET(k, weights.heads({Part::kKey, layer}, keys, D, heads.head_dim, bias));
  }
  if (stores && !heads.value_is_key) {
    MOXIE_TRY_LET(v, weights.linear({Part::kValue, layer}, values, D, bias));
  }
  MOXIE_TRY_LET(Linear o, weights.linear({Part::kAttentionOutput, layer}, D, sums, config.attention_output_bias));
  std::vector<float> sinks;
  if (config.attention_sinks) {
    MOXIE_TRY_LET(sinks, weights.vector({Part::kAttentionSinks, layer}, heads.num_attention_heads));
  }
  std::optional<Linear> gate;
  if (config.attention_gate != AttentionGate::kNone) {
    const std::size_t gates = config.attention_gate == AttentionGate::kHead ? heads.num_attention_heads : sums;
    MOXIE_TRY_LET(gate, weights.linear({Part::kAttentionGate, layer}, gates, D));
  }
  std::optional<Norm> query_norm, key_norm, value_norm;
  if (config.query_key_norm != QueryKeyNorm::kNone) {
    const bool whole = config.query_key_norm == QueryKeyNorm::kWhole;
    MOXIE_TRY_LET(query_norm, make_norm(config, {Part::kQueryNorm, layer}, whole ? query : heads.head_dim, weights));
    if (stores) {
      MOXIE_TRY_LET(key_norm, make_norm(config, {Part::kKeyNorm, layer}, whole ? keys : heads.head_dim, weights));
    }
  }
  if (config.value_norm) value_norm = plain_norm(config, heads.value_dim);
  return std::unique_ptr<const AttentionBlock>(std::make_unique<Attention>(
      Attention::Parts{.query = std::move(q),
                       .key = std::move(k),
                       .value = std::move(v),
                       .output = std::move(o),
                       .query_norm = std::move(query_norm),
                       .key_norm = std::move(key_norm),
                       .value_norm = std::move(value_norm),
                       .norm_after_rope = config.norm_after_rope,
                       .heads = heads.num_attention_heads,
                       .kv_heads = heads.num_key_value_heads,
                       .head_width = heads.head_dim,
                       .value_width = heads.value_dim,
                       .window = config.sliding_windows[layer],
                       .sinks = std::move(sinks),
                       .gate = std::move(gate),
                       .gate_softplus = config.gate_softplus,
                       .scale = static_cast<float>(config.attention_scale),
                       .cap = static_cast<float>(config.attention_softcap),
                       .query_scale = {config.query_scale_beta, config.query_scale_length}}));
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
  std::vector<float> scales;
  if (config.expert_scale) {
    MOXIE_TRY_LET(scales, weights.vector({Part::kExpertScale, layer}, N));
  }
  MOXIE_TRY_LET(TopK router, TopK::create({.num_experts = N,
                                           .experts_per_token = config.num_experts_per_tok,
                                           .scores = config.scoring_func,
                                           .normalised = config.norm_topk_prob,
                                           .scale = static_cast<float>(config.routed_scaling_factor),
                                           .selection_bias = std::move(bias),
                                           .num_groups = config.n_group,
                                           .groups_per_token = config.topk_group,
                                           .group_score = config.group_score,
                                           .logit_cap = static_cast<float>(config.router_softcap),
                                           .expert_scales = std::move(scales)}));
  MOXIE_TRY_LET(std::optional<Norm> router_norm, make_router_norm(config, layer, weights));
  MOXIE_TRY_LET(ExpertLayer moe, ExpertLayer::create(std::move(router), std::move(bank)));
  const auto before = static_cast<std::size_t>(
      std::count(config.moe_layers.begin(), config.moe_layers.begin() + static_cast<std::ptrdiff_t>(layer), true));
  return make_experts(layer, before, std::move(gate), std::move(moe), std::move(router_norm));
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
  const auto sum_scale = static_cast<float>(config.shared_sum_scale);
  if (!config.branch_norms) {
    return make_shared_beside(std::move(experts), std::move(shared), std::move(scale), {}, sum_scale);
  }
  MOXIE_TRY_LET(Norm before, make_norm(config, {Part::kExpertsNorm, layer}, D, weights));
  MOXIE_TRY_LET(Norm behind, make_norm(config, {Part::kExpertsPostNorm, layer}, D, weights));
  MOXIE_TRY_LET(Norm behind_shared, make_norm(config, {Part::kSharedPostNorm, layer}, D, weights));
  return make_shared_beside(std::move(experts), std::move(shared), std::move(scale),
                            BranchNorms{std::move(before), std::move(behind), std::move(behind_shared)}, sum_scale);
}

Result<std::unique_ptr<const FeedForward>> make_feed_forward(const ModelConfig& config, std::size_t layer,
                                                             WeightSource& weights) {
  if (!config.moe_layers[layer]) {
    MOXIE_TRY_LET(GatedMlp<Linear> mlp,
                  make_mlp(weights, {Part::kGate, layer}, {Part::kUp, layer}, {Part::kDown, layer},
                           config.dense_sizes[layer], config.hidden_size, config.mlp_bias, config.activation));
    return make_dense(std::move(mlp));
  }
  return config.shared_expert_intermediate_size > 0 ? make_with_shared(config, layer, weights)
                                                    : make_experts_of(config, layer, weights);
}

/// A block without what it runs: its norms by where the model has them, and its scale.
Result<Block> make_block(const ModelConfig& config, const Place& before, const Place& behind, WeightSource& weights) {
  Block block;
  if (config.block_norms != BlockNorms::kBehind) {
    MOXIE_TRY_LET(block.before, make_row_norm(config, before, weights));
  }
  if (config.block_norms != BlockNorms::kBefore) {
    MOXIE_TRY_LET(block.behind, make_row_norm(config, behind, weights));
  }
  block.scale = static_cast<float>(config.residual_scale);
  return block;
}

/// x += norm(up(activation(gate(x)) * what the layer gets of the token)).
Result<Block> make_layer_input_block(const ModelConfig& config, std::size_t layer, WeightSource& weights) {
  const std::size_t D = config.hidden_size;
  const std::size_t P = config.layer_input_width;
  Block block;
  MOXIE_TRY_LET(Linear gate, weights.linear({Part::kLayerInputGate, layer}, P, D));
  MOXIE_TRY_LET(Linear up, weights.linear({Part::kLayerInputUp, layer}, D, P));
  MOXIE_TRY_LET(block.behind, make_norm(config, {Part::kLayerInputPostNorm, layer}, D, weights));
  block.feed_forward = make_layer_input(std::move(gate), std::move(up), config.activation, layer * P);
  return block;
}

/// What no layer looks beyond; 0 where one looks back to the first position.
std::size_t window_of_all(const std::vector<std::size_t>& windows) noexcept {
  const auto [least, most] = std::ranges::minmax_element(windows);
  return windows.empty() || *least == 0 ? 0 : *most;
}

/// Where in the cache a layer's keys and values are, and what it keeps in all: layers that keep alike side by side.
struct CachePlan {
  KvShape shape;
  std::vector<std::size_t> of_layer;
};

Result<CachePlan> plan_cache(const ModelConfig& config) {
  CachePlan plan;
  const std::size_t L = config.num_hidden_layers;
  std::array<KvLayers, 1 + std::tuple_size_v<decltype(KvShape::others)>> kinds = {};
  std::vector<std::size_t> kind_of(L), number(L);
  for (std::size_t layer = 0; layer < L; ++layer) {
    KvLayers kept{0, 1, config.kv_lora_rank + config.head_dim, config.kv_lora_rank};
    if (config.kv_lora_rank == 0) {
      const LayerAttention& heads = config.layer_attention[layer];
      if (heads.kv_layer != layer) continue;
      kept = {0, heads.num_key_value_heads, heads.head_dim, heads.value_dim};
    }
    const auto same_or_free = [&](const KvLayers& kind) {
      return kind.layers == 0 || (kind.kv_heads == kept.kv_heads && kind.key_width == kept.key_width &&
                                  kind.value_width == kept.value_width);
    };
    const auto found = std::ranges::find_if(kinds, same_or_free);
    if (found == kinds.end()) {
      return Status(Code::kUnsupported, "the layers",
                    Text("keys and values of at most ", kinds.size(), " different sizes"), "more");
    }
    if (found->layers == 0) *found = kept;
    kind_of[layer] = static_cast<std::size_t>(found - kinds.begin());
    number[layer] = found->layers++;
  }
  plan.shape = {.layers = kinds[0].layers,
                .kv_heads = kinds[0].kv_heads,
                .key_width = kinds[0].key_width,
                .value_width = kinds[0].value_width,
                .window = window_of_all(config.sliding_windows)};
  std::copy(kinds.begin() + 1, kinds.end(), plan.shape.others.begin());
  for (std::size_t layer = 0; layer < L; ++layer) {
    const std::size_t owner = config.kv_lora_rank == 0 ? config.layer_attention[layer].kv_layer : layer;
    std::size_t at = number[owner];
    for (std::size_t kind = 0; kind < kind_of[owner]; ++kind) at += kinds[kind].layers;
    plan.of_layer.push_back(at);
  }
  return plan;
}

Result<Layer> make_layer(const ModelConfig& config, std::size_t layer, std::size_t cache, WeightSource& weights) {
  Layer made;
  MOXIE_TRY_LET(Block attention,
                make_block(config, {Part::kAttentionNorm, layer}, {Part::kAttentionPostNorm, layer}, weights));
  MOXIE_TRY_LET(attention.attention, make_attention(config, layer, weights));
  attention.rope = config.layer_ropes.empty() ? 0 : config.layer_ropes[layer];
  attention.cache = cache;
  made.blocks.push_back(std::move(attention));
  Block feed_forward;
  if (config.parallel_blocks) {
    feed_forward.reads_same = true;
    feed_forward.scale = static_cast<float>(config.residual_scale);
  } else {
    MOXIE_TRY_LET(feed_forward,
                  make_block(config, {Part::kFeedForwardNorm, layer}, {Part::kFeedForwardPostNorm, layer}, weights));
  }
  MOXIE_TRY_LET(feed_forward.feed_forward, make_feed_forward(config, layer, weights));
  made.blocks.push_back(std::move(feed_forward));
  if (config.layer_input_width != 0) {
    MOXIE_TRY_LET(Block input, make_layer_input_block(config, layer, weights));
    made.blocks.push_back(std::move(input));
  }
  if (config.layer_scale) {
    MOXIE_TRY_LET(const std::vector<float> scale, weights.vector({Part::kLayerScale, layer}, 1));
    made.blocks.back().row_scale = scale[0];
  }
  return made;
}

Rope make_rope(const RopeConfig& rope) {
  return Rope(rope.rotary_dim, rope.theta, frequency_factors(rope.scaling, rope.rotary_dim, rope.theta),
              rope.scaling.attention_factor);
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

Result<LayerInputs> make_layer_inputs(const ModelConfig& config, const Checkpoint& checkpoint,
                                      const LoadOptions& options, WeightSource& weights) {
  const std::size_t width = config.num_hidden_layers * config.layer_input_width;
  LayerInputs inputs;
  MOXIE_TRY_LET(const Weights rows, weights.matrix({Part::kLayerInputs}, config.vocab_size, width));
  MOXIE_TRY_LET(inputs.rows, make_embedding(checkpoint, rows, options));
  MOXIE_TRY_LET(Linear projection, weights.linear({Part::kLayerInputsProjection}, width, config.hidden_size));
  inputs.projection = std::make_unique<const Linear>(std::move(projection));
  MOXIE_TRY_LET(inputs.norm, make_norm(config, {Part::kLayerInputsNorm}, config.layer_input_width, weights));
  inputs.scale = static_cast<float>(std::sqrt(static_cast<double>(config.layer_input_width)));
  inputs.projection_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(config.hidden_size)));
  inputs.sum_scale = static_cast<float>(1 / std::sqrt(2.0));
  return inputs;
}

}  // namespace

Result<Built> make_decoder(const Family& family, const ModelConfig& config, const Checkpoint& checkpoint,
                           const Backend& backend, const LoadOptions& options, Executor* executor) {
  WeightSource weights(checkpoint, family, backend, options, executor);
  DecoderStack::Parts parts;
  MOXIE_TRY_LET(const Weights embedding, weights.matrix({Part::kEmbedding}, config.vocab_size, config.hidden_size));
  MOXIE_TRY_LET(parts.embedding, make_embedding(checkpoint, embedding, options));
  if (config.layer_input_width != 0) {
    MOXIE_TRY_LET(parts.layer_inputs, make_layer_inputs(config, checkpoint, options, weights));
  }
  MOXIE_TRY_LET(const CachePlan cache, plan_cache(config));
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    MOXIE_TRY_LET(Layer made, make_layer(config, layer, cache.of_layer[layer], weights));
    parts.layers.push_back(std::move(made));
  }
  MOXIE_TRY_LET(parts.final_norm, make_row_norm(config, {Part::kFinalNorm}, weights));
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
  parts.kv_shape = cache.shape;
  parts.backend = backend;
  return Built{.decoder = std::make_unique<DecoderStack>(std::move(parts)), .unread = weights.unread()};
}

}  // namespace moxie::model
