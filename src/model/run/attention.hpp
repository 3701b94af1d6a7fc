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

/// Grouped-query attention of one layer over the paged cache, with norms on queries, keys and values and a window where
/// the family has them.
///
/// Shapes   x: [T, D]; A query heads, G key/value heads, C head width, E that of values.
class Attention final : public AttentionBlock {
 public:
  struct Parts {
    Linear query;
    std::optional<Linear> key;    ///< none: keys and values are those that another layer stored
    std::optional<Linear> value;  ///< none beside a key: values are what the key's matrix gives
    Linear output;
    std::optional<Norm> query_norm, key_norm;  ///< over C, for each head, or over all heads together
    std::optional<Norm> value_norm{};          ///< over E, for each head
    bool norm_after_rope = false;              ///< where those come
    std::size_t heads = 0;                     ///< A
    std::size_t kv_heads = 0;                  ///< G
    std::size_t head_width = 0;                ///< C
    std::size_t value_width = 0;               ///< E
    std::size_t window = 0;                    ///< positions that a row sees, its own included; 0: all before it
    std::vector<float> sinks{};                ///< [A] or empty: a score of each head that takes weight from others
    std::optional<Linear> gate{};              ///< [A E, D], or [A, D]: one for all of a head
    bool gate_softplus = false;                ///< sums are multiplied by that of what it gives, else the sigmoid
    float scale = 0;                           ///< of every score; 0: 1 / sqrt(C)
    float cap = 0;                             ///< scores s become cap tanh(s / cap); 0: they stay
    QueryScale query_scale{};
  };
  explicit Attention(Parts parts) noexcept;

  [[nodiscard]] Widths widths() const noexcept override {
    const std::size_t sums = parts_.heads * parts_.value_width;
    return {.query = parts_.heads * parts_.head_width,
            .key = parts_.key ? parts_.kv_heads * parts_.head_width : 0,
            .value = parts_.key ? parts_.kv_heads * parts_.value_width : 0,
            .attention_out = sums,
            .gate = parts_.gate ? parts_.gate->out_width() : 0};
  }
  [[nodiscard]] bool stores() const noexcept override { return parts_.key.has_value(); }
  Status project(ConstRows x, std::span<const std::size_t> rows, const Batch& batch, const RopeRows& rope,
                 const Where& at, const Buffers& buffers, Workers& workers) const noexcept override;
  Status attend(std::span<const std::size_t> rows, const Batch& batch, const Where& at, const backend::Ops& ops,
                const Buffers& buffers, Rows y, Workers& workers) const noexcept override;
  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows) const noexcept override;
  [[nodiscard]] const Linear* matrix(Matrix matrix) const noexcept override {
    switch (matrix) {
      case Matrix::kQuery: return &parts_.query;
      case Matrix::kKey: return parts_.key ? &*parts_.key : nullptr;
      case Matrix::kValue: return parts_.value ? &*parts_.value : nullptr;
      case Matrix::kOutput: return &parts_.output;
      default: return nullptr;
    }
  }
  void each_linear(const std::function<void(const Linear&)>& visit) const override {
    visit(parts_.query);
    if (parts_.key) visit(*parts_.key);
    if (parts_.value) visit(*parts_.value);
    visit(parts_.output);
    if (parts_.gate) visit(*parts_.gate);
  }

 private:
  Status store(const Segment& segment, std::size_t row, std::size_t cache, const float* keys,
               const float* values) const noexcept;
  /// Key/value head g for up to kAttendRows rows, into those of `out`.
  Status attend_block(std::span<const std::size_t> rows, ConstRows queries, std::size_t g, const Batch& batch,
                      std::size_t cache, const backend::Ops& ops, Rows out, Workspace& workspace) const noexcept;

  Parts parts_;
};

}  // namespace moxie::model
