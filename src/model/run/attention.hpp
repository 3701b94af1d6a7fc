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

/// Grouped-query attention of one layer over the paged cache, with norms on queries and keys and a window where
/// the family has them.
///
/// Shapes   x: [T, D]; A query heads, G key/value heads, C head width.
class Attention final : public AttentionBlock {
 public:
  struct Parts {
    Linear query, key, value, output;
    std::optional<RmsNorm> query_norm, key_norm;  ///< over C, for each head, or over all heads together
    bool norm_after_rope = false;                 ///< where those come
    std::size_t heads = 0;                        ///< A
    std::size_t kv_heads = 0;                     ///< G
    std::size_t head_width = 0;                   ///< C
    std::size_t window = 0;                       ///< positions that a row sees, its own included; 0: all before it
    std::vector<float> sinks{};                   ///< [A] or empty: a score of each head that takes weight from others
    std::optional<Linear> gate{};                 ///< [A C, D]: sums are multiplied by the sigmoid of what it gives
    float scale = 0;                              ///< of every score; 0: 1 / sqrt(C)
    float cap = 0;                                ///< scores s become cap tanh(s / cap); 0: they stay
    double query_scale_beta = 0;                  ///< as ModelConfig has it, with the next
    std::size_t query_scale_length = 0;
  };
  explicit Attention(Parts parts) noexcept;

  [[nodiscard]] Widths widths() const noexcept override {
    const std::size_t query = parts_.heads * parts_.head_width;
    const std::size_t kv = parts_.kv_heads * parts_.head_width;
    return {.query = query, .key = kv, .value = kv, .attention_out = query, .gate = parts_.gate ? query : 0};
  }
  Status project(ConstRows x, const Batch& batch, const RopeRows& rope, std::size_t layer, const Buffers& buffers,
                 Workers& workers) const noexcept override;
  Status attend(std::span<const std::size_t> rows, const Batch& batch, std::size_t layer, const backend::Ops& ops,
                const Buffers& buffers, Rows y, Workers& workers) const noexcept override;
  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows) const noexcept override;
  [[nodiscard]] const Linear* matrix(Matrix matrix) const noexcept override {
    switch (matrix) {
      case Matrix::kQuery: return &parts_.query;
      case Matrix::kKey: return &parts_.key;
      case Matrix::kValue: return &parts_.value;
      case Matrix::kOutput: return &parts_.output;
      default: return nullptr;
    }
  }
  void each_linear(const std::function<void(const Linear&)>& visit) const override {
    for (const Linear* linear : {&parts_.query, &parts_.key, &parts_.value, &parts_.output}) visit(*linear);
    if (parts_.gate) visit(*parts_.gate);
  }

 private:
  [[nodiscard]] float query_scale(Position position) const noexcept;
  Status store(const Segment& segment, std::size_t row, std::size_t layer, const Buffers& buffers) const noexcept;
  /// Key/value head g for up to kAttendRows rows, into those of `out`.
  Status attend_block(std::span<const std::size_t> rows, std::size_t g, const Batch& batch, std::size_t layer,
                      const backend::Ops& ops, const Buffers& buffers, Rows out, Workspace& workspace) const noexcept;

  Parts parts_;
};

}  // namespace moxie::model
