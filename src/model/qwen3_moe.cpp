// SPDX-License-Identifier: Apache-2.0
#include "model/qwen3_moe.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "model/decoder_stack.hpp"
#include "model/weights.hpp"

namespace moxie::model {

namespace {

Result<Attention> make_attention(const ModelConfig& config, const std::string& prefix, WeightSource& weights) {
  const std::size_t D = config.hidden_size;
  const std::size_t query = config.num_attention_heads * config.head_dim;
  const std::size_t kv = config.num_key_value_heads * config.head_dim;
  const bool bias = config.attention_bias;
  MOXIE_TRY_LET(Linear q, weights.linear(prefix + "q_proj", query, D, bias));
  MOXIE_TRY_LET(Linear k, weights.linear(prefix + "k_proj", kv, D, bias));
  MOXIE_TRY_LET(Linear v, weights.linear(prefix + "v_proj", kv, D, bias));
  MOXIE_TRY_LET(Linear o, weights.linear(prefix + "o_proj", D, query, bias));
  MOXIE_TRY_LET(std::vector<float> q_norm, weights.vector(prefix + "q_norm.weight", config.head_dim));
  MOXIE_TRY_LET(std::vector<float> k_norm, weights.vector(prefix + "k_norm.weight", config.head_dim));
  return Attention({.query = std::move(q),
                    .key = std::move(k),
                    .value = std::move(v),
                    .output = std::move(o),
                    .query_norm = RmsNorm(std::move(q_norm), config.rms_norm_eps),
                    .key_norm = RmsNorm(std::move(k_norm), config.rms_norm_eps),
                    .heads = config.num_attention_heads,
                    .kv_heads = config.num_key_value_heads,
                    .head_width = config.head_dim});
}

Result<GatedMlp<Linear>> make_mlp(const std::string& prefix, std::size_t width, std::size_t inner,
                                  WeightSource& weights) {
  MOXIE_TRY_LET(Linear gate, weights.linear(prefix + "gate_proj", inner, width));
  MOXIE_TRY_LET(Linear up, weights.linear(prefix + "up_proj", inner, width));
  MOXIE_TRY_LET(Linear down, weights.linear(prefix + "down_proj", width, inner));
  return GatedMlp<Linear>::create(std::move(gate), std::move(up), std::move(down));
}

Result<std::unique_ptr<const FeedForward>> make_feed_forward(const ModelConfig& config, std::size_t layer,
                                                             const std::string& prefix, WeightSource& weights) {
  const std::size_t D = config.hidden_size;
  if (!config.moe_layers[layer]) {
    MOXIE_TRY_LET(GatedMlp<Linear> mlp, make_mlp(prefix, D, config.intermediate_size, weights));
    return make_dense(std::move(mlp));
  }
  MOXIE_TRY_LET(Linear gate, weights.linear(prefix + "gate", config.num_experts, D));
  std::vector<GatedMlp<Linear>> experts;
  for (std::size_t e = 0; e < config.num_experts; ++e) {
    const std::string name = prefix + "experts." + std::to_string(e) + ".";
    MOXIE_TRY_LET(GatedMlp<Linear> expert, make_mlp(name, D, config.moe_intermediate_size, weights));
    experts.push_back(std::move(expert));
  }
  MOXIE_TRY_LET(auto bank, ExpertBank<GatedMlp<Linear>>::create(std::move(experts)));
  MOXIE_TRY_LET(TopK router, TopK::create({.num_experts = config.num_experts,
                                           .experts_per_token = config.num_experts_per_tok,
                                           .scores = Scores::kSoftmax,
                                           .normalised = config.norm_topk_prob,
                                           .scale = 1.0f,
                                           .selection_bias = {}}));
  MOXIE_TRY_LET(ExpertLayer moe, ExpertLayer::create(std::move(router), std::move(bank)));
  return make_experts(layer, std::move(gate), std::move(moe));
}

Result<Layer> make_layer(const ModelConfig& config, std::size_t index, WeightSource& weights) {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  MOXIE_TRY_LET(std::vector<float> before, weights.vector(prefix + "input_layernorm.weight", config.hidden_size));
  MOXIE_TRY_LET(Attention attention, make_attention(config, prefix + "self_attn.", weights));
  MOXIE_TRY_LET(std::vector<float> between,
                weights.vector(prefix + "post_attention_layernorm.weight", config.hidden_size));
  MOXIE_TRY_LET(auto feed_forward, make_feed_forward(config, index, prefix + "mlp.", weights));
  return Layer{.attention_norm = RmsNorm(std::move(before), config.rms_norm_eps),
               .attention = std::move(attention),
               .feed_forward_norm = RmsNorm(std::move(between), config.rms_norm_eps),
               .feed_forward = std::move(feed_forward)};
}

/// The embedding stays in the mapped file, where only the rows that are asked for are ever read; of a
/// checkpoint that was read into memory it is copied, so that the rest can go.
Result<Embedding> make_embedding(const Checkpoint& checkpoint, const Weights& rows, const LoadOptions& options) {
  if (!options.read) return Embedding{.owner = std::make_shared<Checkpoint>(checkpoint), .rows = rows};
  const std::size_t bytes = rows.out_width * rows.in_width * size_of(rows.type);
  MOXIE_TRY_LET(AlignedBuffer buffer, AlignedBuffer::create(bytes, options.memory.get()));
  const auto copy = std::make_shared<AlignedBuffer>(std::move(buffer));
  std::copy_n(rows.data, bytes, copy->data());
  Weights copied = rows;
  copied.data = copy->data();
  return Embedding{.owner = copy, .rows = copied};
}

/// Tied embeddings are the head as well. Some writers store them under both names; where those differ,
/// choosing one would be a guess.
Status check_tied(const Checkpoint& checkpoint) {
  constexpr std::string_view kHead = "lm_head.weight";
  if (!checkpoint.contains(kHead)) return {};
  MOXIE_TRY_LET(const Tensor head, checkpoint.find(kHead));
  MOXIE_TRY_LET(const Tensor embedding, checkpoint.find("model.embed_tokens.weight"));
  if (head.type != embedding.type || !std::ranges::equal(head.dims, embedding.dims) ||
      !std::ranges::equal(head.bytes, embedding.bytes)) {
    return Status(Code::kFormat, kHead, "the same as model.embed_tokens.weight, as config.json ties them", "another");
  }
  checkpoint.release_pages(head);
  return {};
}

}  // namespace

Result<std::unique_ptr<const Decoder>> make_qwen3_moe(const ModelConfig& config, const Checkpoint& checkpoint,
                                                      const Backend& backend, const LoadOptions& options) {
  WeightSource weights(checkpoint, backend, options);
  DecoderStack::Parts parts;
  MOXIE_TRY_LET(const Weights embedding,
                weights.matrix("model.embed_tokens.weight", config.vocab_size, config.hidden_size));
  MOXIE_TRY_LET(parts.embedding, make_embedding(checkpoint, embedding, options));
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    MOXIE_TRY_LET(Layer made, make_layer(config, layer, weights));
    parts.layers.push_back(std::move(made));
  }
  MOXIE_TRY_LET(std::vector<float> norm, weights.vector("model.norm.weight", config.hidden_size));
  parts.final_norm = RmsNorm(std::move(norm), config.rms_norm_eps);
  if (config.tie_word_embeddings) MOXIE_TRY(check_tied(checkpoint));
  const std::string head = config.tie_word_embeddings ? "model.embed_tokens" : "lm_head";
  MOXIE_TRY_LET(Linear packed_head, weights.linear(head, config.vocab_size, config.hidden_size));
  parts.head = std::make_unique<const Linear>(std::move(packed_head));
  MOXIE_TRY(weights.finish());
  parts.rope = Rope(config.head_dim, config.rope_theta);
  parts.kv_shape = {.layers = config.num_hidden_layers,
                    .kv_heads = config.num_key_value_heads,
                    .key_width = config.head_dim,
                    .value_width = config.head_dim};
  parts.ops = &backend.ops();
  return std::unique_ptr<const Decoder>(std::make_unique<DecoderStack>(std::move(parts)));
}

}  // namespace moxie::model
