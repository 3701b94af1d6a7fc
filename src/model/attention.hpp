// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include <moxie/backend/linear.hpp>

#include "backend/cpu/ops.hpp"
#include "model/batch.hpp"
#include "model/decoder.hpp"
#include "model/parts.hpp"

namespace moxie::model {

/// Grouped-query attention of one layer over the paged cache, with norms on queries and keys and a window where
/// the family has them.
///
/// Shapes   x: [T, D]; A query heads, G key/value heads, C head width.
class Attention {
 public:
  struct Parts {
    Linear query, key, value, output;
    std::optional<RmsNorm> query_norm, key_norm;  ///< over C, for each head, or over all heads together
    std::size_t heads = 0;                        ///< A
    std::size_t kv_heads = 0;                     ///< G
    std::size_t head_width = 0;                   ///< C
    std::size_t window = 0;                       ///< positions that a row sees, its own included; 0: all before it
  };
  explicit Attention(Parts parts) noexcept : parts_(std::move(parts)) {}

  /// Memory of the caller for one batch.
  struct Buffers {
    Rows query;  ///< [T, A C]
    Rows key;    ///< [T, G C]
    Rows value;  ///< [T, G C]
    Rows mixed;  ///< [T, A C]
  };
  [[nodiscard]] std::size_t query_width() const noexcept { return parts_.heads * parts_.head_width; }
  [[nodiscard]] std::size_t kv_width() const noexcept { return parts_.kv_heads * parts_.head_width; }

  /// Queries into the buffer; keys and values into the pages, as the cache will be read. kUnsupported: one that the
  /// pages' type does not have.
  Status project(ConstRows x, const Batch& batch, const Rope& rope, ConstRows rope_table, std::size_t layer,
                 const Buffers& buffers, Team& team) const noexcept;
  /// y = output(attention) for the batch's rows named by `rows`: y's row i belongs to rows[i].
  Status attend(std::span<const std::size_t> rows, const Batch& batch, std::size_t layer, const backend::Ops& ops,
                const Buffers& buffers, Rows y, Team& team) const noexcept;

  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows) const noexcept;
  template <class F>
  void each_linear(F&& visit) const {
    for (const Linear* linear : {&parts_.query, &parts_.key, &parts_.value, &parts_.output}) visit(*linear);
  }

 private:
  Status store(const Segment& segment, std::size_t row, std::size_t layer, const Buffers& buffers) const noexcept;

  Parts parts_;
};

}  // namespace moxie::model
