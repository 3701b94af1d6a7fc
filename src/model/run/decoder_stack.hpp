// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <moxie/backend/backend.hpp>
#include <moxie/core/workers.hpp>
#include <moxie/format/checkpoint.hpp>

#include "model/run/attention_block.hpp"
#include "model/run/decoder.hpp"
#include "model/run/feed_forward.hpp"
#include "model/run/parts.hpp"

namespace moxie::inline abi1::model {

/// The token embedding: rows of a matrix in the checkpoint's type, widened as they are read.
struct Embedding {
  /// Keeps the memory that `rows` points into: the mapped checkpoint, or a copy.
  std::shared_ptr<const void> owner;
  Weights rows;

  void read(TokenId token, float* to) const noexcept;
};

/// What every layer gets of the token itself, beside the residual stream: with e the token's row of `rows` and x that
/// of the embedding, (scale e + norm(projection_scale projection(x))) sum_scale, P of it for each layer.
///
/// Shapes   rows: [V, L P]; projection: [L P, D]; norm over P.
/// Source   "per-layer embeddings" of Gemma 3n and 4
struct LayerInputs {
  Embedding rows;
  float scale = 1;
  std::unique_ptr<const Linear> projection;
  float projection_scale = 1;
  Norm norm;
  float sum_scale = 1;
};

/// A part of a layer: x += scale * behind(f(before(x))), f being attention or a feed-forward; then x *= row_scale. A
/// norm that is not there changes nothing.
struct Block {
  std::optional<Norm> before, behind;
  bool reads_same = false;                          ///< it has no norm before, and reads what the block before it read
  std::unique_ptr<const AttentionBlock> attention;  ///< or else
  std::unique_ptr<const FeedForward> feed_forward;
  float scale = 1;
  float row_scale = 1;
  std::size_t rope = kNoRope;  ///< of the stack's, what attention turns queries and keys by
  std::size_t cache = 0;       ///< of attention: where in the cache its keys and values are, numbered as KvShape does
};

/// What runs for every row, in order.
struct Layer {
  std::vector<Block> blocks;
};

/// Embedding, layers, norm, head: all families. What differs between them is how it is filled.
///
/// In the last attention with keys and values of its own, rows whose logits nobody asked for end once those are stored.
class DecoderStack final : public Decoder {
 public:
  struct Parts {
    Embedding embedding;
    float embedding_scale = 1;
    std::optional<LayerInputs> layer_inputs{};
    std::vector<Rope> ropes;
    std::vector<Layer> layers;
    Norm final_norm;
    std::unique_ptr<const Linear> head;  ///< [V, D]
    float logit_scale = 1;
    float logit_softcap = 0;  ///< behind the scale; 0: none
    KvShape kv_shape;
    std::optional<Backend> backend;     ///< always there
    std::shared_ptr<const void> files;  ///< the checkpoint, where matrices lie in it
  };
  /// Lets std::bad_alloc through.
  explicit DecoderStack(Parts parts);

  [[nodiscard]] KvShape kv_shape() const noexcept override { return parts_.kv_shape; }
  [[nodiscard]] std::span<const MixtureBlock> mixture_blocks() const noexcept override { return mixture_blocks_; }
  Result<std::unique_ptr<Runner>> make_runner(std::size_t max_rows, Executor& executor,
                                              std::shared_ptr<Budget> budget) const override;
  [[nodiscard]] const Linear* matrix(std::size_t layer, Matrix matrix) const noexcept override;
  void each_linear(const std::function<void(const Linear&)>& visit) const override;

  /// One batch, as Runner::forward(). May run on several workers at once, for different contexts.
  Status forward(const Batch& batch, Workers& workers) const noexcept;
  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows, const EditNeeds& needs) const noexcept;
  [[nodiscard]] const Backend& backend() const noexcept { return *parts_.backend; }

 private:
  struct State;
  /// A block in its place among all.
  struct Step {
    const Block* block = nullptr;
    std::size_t layer = 0;
    bool stores_last = false;  ///< no attention behind it has keys and values of its own
  };
  Status run_attention(const Step& step, const Batch& batch, State& state, Workers& workers) const noexcept;
  Status run_block(const Step& step, const Batch& batch, State& state, Workers& workers) const noexcept;
  /// Adds what a block gave to row `row`, and makes of it what `next` reads; null: the head.
  void pass_on(const Block& block, const Block* next, std::size_t row, const State& state) const noexcept;
  Status make_layer_inputs(const Batch& batch, State& state, Workers& workers) const noexcept;
  static void keep_outputs(const Batch& batch, State& state, AttentionBlock::Buffers& buffers) noexcept;
  Status write_logits(const Batch& batch, State& state, Workers& workers) const noexcept;
  void finish_logits(const float* from, float* to) const noexcept;
  [[nodiscard]] std::size_t hidden_width() const noexcept { return parts_.final_norm.width(); }
  [[nodiscard]] std::size_t rope_width() const noexcept;
  /// Of what all layers get together; 0: they get nothing.
  [[nodiscard]] std::size_t layer_inputs_width() const noexcept {
    return parts_.layer_inputs ? parts_.layer_inputs->rows.rows.in_width : 0;
  }

  Parts parts_;
  std::vector<Step> steps_;
  std::vector<MixtureBlock> mixture_blocks_;
};

}  // namespace moxie::model
