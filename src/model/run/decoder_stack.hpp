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

/// One layer: attention, then feed-forward, each behind a norm and added to what came in.
struct Layer {
  RmsNorm attention_norm;
  std::unique_ptr<const AttentionBlock> attention;
  RmsNorm feed_forward_norm;
  std::unique_ptr<const FeedForward> feed_forward;
};

/// Most families: embedding, layers, norm, head. What differs between them is how it is filled.
///
/// In the last layer, rows whose logits nobody asked for end once their keys and values are stored.
class DecoderStack final : public Decoder {
 public:
  struct Parts {
    Embedding embedding;
    Rope rope;
    std::vector<Layer> layers;
    RmsNorm final_norm;
    std::unique_ptr<const Linear> head;  ///< [V, D]
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
  void each_linear(const std::function<void(const Linear&)>& visit) const override;

  /// One batch, as Runner::forward(). May run on several workers at once, for different contexts.
  Status forward(const Batch& batch, Workers& workers) const noexcept;
  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows, const EditNeeds& needs) const noexcept;
  [[nodiscard]] const Backend& backend() const noexcept { return *parts_.backend; }

 private:
  struct State;
  Status run_layer(std::size_t index, const Batch& batch, State& state, Workers& workers) const noexcept;
  Status run_attention(std::size_t index, const Batch& batch, State& state, Workers& workers) const noexcept;
  Status write_logits(const Batch& batch, State& state, Workers& workers) const noexcept;
  [[nodiscard]] std::size_t hidden_width() const noexcept { return parts_.final_norm.width(); }

  Parts parts_;
  std::vector<MixtureBlock> mixture_blocks_;
};

}  // namespace moxie::model
