// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>

#include <moxie/backend/linear.hpp>
#include <moxie/core/scratch.hpp>

#include "backend/cpu/ops.hpp"
#include "model/run/batch.hpp"
#include "model/run/matrix.hpp"
#include "model/run/rope.hpp"

namespace moxie::inline abi1::model {

/// What rows of a batch read of a layer's pages, and `operations` for each position that a row sees.
[[nodiscard]] inline PhaseWork attention_work(std::span<const std::size_t> rows, const Batch& batch, std::size_t cache,
                                              std::size_t window, std::size_t operations) noexcept {
  PhaseWork work;
  for (std::size_t i = 0; i < rows.size();) {
    const Segment& segment = batch.segment_of(rows[i]);
    const std::size_t count = segment.run_of(rows.subspan(i));
    const KvLayers kind = segment.kv.shape.kind_of(cache);
    const KvShape kept{1, kind.kv_heads, kind.key_width, kind.value_width, segment.kv.shape.type};
    const std::size_t last = segment.position_of(rows[i + count - 1]) + 1;
    const std::size_t read = window == 0 ? last : std::min(last, window + count - 1);
    work.bytes += read * (kept.page_bytes() / kKvPagePositions);
    for (std::size_t visible = last - count + 1; visible <= last; ++visible) {
      work.f32_operations += operations * (window == 0 ? visible : std::min(visible, window));
    }
    i += count;
  }
  return work;
}

/// Attention of one layer as a stack runs it: what every row adds to the cache, then what the rows that go on read
/// from it. attention.hpp keeps keys and values of each head, latent_attention.hpp one latent for all.
///
/// Shapes   x: [T, D].
/// Errors   kNoSpace: less scratch than scratch_bytes() says.
/// Threads  immutable.
class AttentionBlock {
 public:
  /// The layer that it is in, and where in the cache its keys and values are.
  struct Where {
    std::size_t layer = 0;
    std::size_t cache = 0;
  };
  /// Floats of a row in each of the buffers.
  struct Widths {
    std::size_t query = 0, key = 0, value = 0, attention_out = 0, gate = 0;
  };
  /// Memory of the caller for the rows of one batch, each [T, its width]: what project() leaves there is attend()'s.
  struct Buffers {
    Rows query, key, value, attention_out, gate;

    /// From the workspace, `bytes(widths, T)` of it.
    static Result<Buffers> take(const Widths& widths, std::size_t T, Workspace& ws) noexcept {
      Buffers buffers;
      for (const auto& [rows, width] : each(buffers, widths)) {
        MOXIE_TRY_LET(*rows, ws.rows(T, width));
      }
      return buffers;
    }
    [[nodiscard]] static std::size_t bytes(const Widths& widths, std::size_t T) noexcept {
      Buffers none;
      ScratchSize size;
      for (const auto& [rows, width] : each(none, widths)) size.rows(T, width);
      return size.total();
    }

   private:
    static std::array<std::pair<Rows*, std::size_t>, 5> each(Buffers& buffers, const Widths& widths) noexcept {
      return {{{&buffers.query, widths.query},
               {&buffers.key, widths.key},
               {&buffers.value, widths.value},
               {&buffers.attention_out, widths.attention_out},
               {&buffers.gate, widths.gate}}};
    }
  };

  virtual ~AttentionBlock() = default;
  [[nodiscard]] virtual Widths widths() const noexcept = 0;
  /// Whether it has keys and values of its own; else it reads those that another has stored.
  [[nodiscard]] virtual bool stores() const noexcept { return true; }
  /// Queries into the buffers; what the cache keeps into the pages, as it will be read. x's row i is the batch's row
  /// rows[i]. kUnsupported: a number that the pages' type does not have.
  virtual Status project(ConstRows x, std::span<const std::size_t> rows, const Batch& batch, const RopeRows& rope,
                         const Where& at, const Buffers& buffers, Workers& workers) const noexcept = 0;
  /// y = output(attention) for the batch's rows named by `rows`: row i of y and of the buffers belongs to rows[i].
  virtual Status attend(std::span<const std::size_t> rows, const Batch& batch, const Where& at, const backend::Ops& ops,
                        const Buffers& buffers, Rows y, Workers& workers) const noexcept = 0;
  [[nodiscard]] virtual DecoderScratch scratch_bytes(std::size_t rows) const noexcept = 0;
  /// Null where adapters cannot change it.
  [[nodiscard]] virtual const Linear* matrix(Matrix /*matrix*/) const noexcept { return nullptr; }
  virtual void each_linear(const std::function<void(const Linear&)>& visit) const = 0;
};

}  // namespace moxie::model
