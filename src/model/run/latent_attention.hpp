// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <moxie/backend/linear.hpp>

#include "model/run/attention_block.hpp"
#include "model/run/parts.hpp"

namespace moxie::inline abi1::model {

/// Latent attention of one layer: keys and values of all heads are made of one narrow row, the latent, and that row is
/// what the cache keeps, beside a key for the rotary embedding that all heads share. The matrices that would make keys
/// and values of it work on the query and on the result instead, so that to the cache it is one key/value head with A
/// query heads (docs/design/014-latent-attention.md).
///
/// Shapes   x: [T, D]; A query heads. A query's head is [nope, rope] wide; a key in the cache [rank, rope], a value
///          [rank], the same as the key's first part. Of the buffers, value holds the narrow rows that queries are made
///          of, where there are some.
/// Source   DeepSeek-AI, "DeepSeek-V2", 2024, section 2.1
class LatentAttention final : public AttentionBlock {
 public:
  struct Parts {
    std::optional<Linear> query_down;  ///< [q_lora_rank, D]; without it, queries are made of x
    Norm query_norm;                   ///< over q_lora_rank
    Linear query;                      ///< [A (nope + rope), D or q_lora_rank]
    Linear latent;                     ///< [rank + rope, D]
    Norm latent_norm;                  ///< over rank
    std::vector<Linear> keys;          ///< [rank, nope] for each head: its key matrix, transposed
    std::vector<Linear> values;        ///< [value width, rank] for each head
    Linear output;                     ///< [D, A value width]
    std::size_t rope_width = 0;
    bool rotates_neighbours = true;  ///< the rotary embedding rotates (2i, 2i + 1), else halves
    float scale = 1;                 ///< of every score
    QueryScale query_scale{};
  };
  explicit LatentAttention(Parts parts) noexcept : parts_(std::move(parts)) {}

  [[nodiscard]] Widths widths() const noexcept override;
  Status project(ConstRows x, std::span<const std::size_t> rows, const Batch& batch, const RopeRows& rope,
                 const Where& at, const Buffers& buffers, Workers& workers) const noexcept override;
  Status attend(std::span<const std::size_t> rows, const Batch& batch, const Where& at, const backend::Ops& ops,
                const Buffers& buffers, Rows y, Workers& workers) const noexcept override;
  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows) const noexcept override;
  void each_linear(const std::function<void(const Linear&)>& visit) const override;

 private:
  /// What one task works on: some rows of those that go on, with what projected them, and heads [head, head + heads).
  struct Task {
    std::span<const std::size_t> rows;
    ConstRows queries;
    std::size_t head = 0;
    std::size_t heads = 0;
  };

  [[nodiscard]] std::size_t heads() const noexcept { return parts_.keys.size(); }
  [[nodiscard]] std::size_t rank() const noexcept { return parts_.latent_norm.width(); }
  [[nodiscard]] std::size_t key_width() const noexcept { return rank() + parts_.rope_width; }
  [[nodiscard]] std::size_t nope_width() const noexcept { return parts_.keys[0].in_width(); }
  [[nodiscard]] std::size_t head_width() const noexcept { return nope_width() + parts_.rope_width; }
  [[nodiscard]] std::size_t value_width() const noexcept { return parts_.values[0].out_width(); }

  void rotate(const RopeRows& rope, std::size_t row, float* head) const noexcept;
  Status absorb(const Task& task, Rows queries, Workspace& workspace) const noexcept;
  void attend_pages(const Task& task, const Batch& batch, std::size_t layer, const backend::Ops& ops, ConstRows queries,
                    Rows sums, Rows segment_sums) const noexcept;
  Status run_task(const Task& task, const Batch& batch, std::size_t layer, const backend::Ops& ops, Rows attention_out,
                  Workspace& workspace) const noexcept;

  Parts parts_;
};

}  // namespace moxie::model
