// SPDX-License-Identifier: Apache-2.0
#include "model/run/matrix_changes.hpp"

#include "model/run/edits.hpp"
#include "model/run/parts.hpp"

namespace moxie::inline abi1::model {

Status add_changes(const Batch& batch, std::span<const std::size_t> rows, std::size_t layer, Matrix matrix, ConstRows x,
                   Rows y, Workers& workers) noexcept {
  const bool any = std::ranges::any_of(batch.segments, [](const Segment& segment) {
    return segment.edits != nullptr && !segment.edits->changes.empty();
  });
  if (!any) return {};
  return each_range(workers, Cut(x.rows, workers.width() * 4), [&](Range range, Workspace& ws) -> Status {
    for (std::size_t row = range.begin; row < range.end; ++row) {
      const Edits* const edits = batch.segment_of(rows.empty() ? row : rows[row]).edits;
      const LowRank* const change = edits == nullptr ? nullptr : edits->change_of(layer, matrix);
      if (change == nullptr) continue;
      const Workspace::Frame frame(ws);
      MOXIE_TRY_LET(const std::span<float> narrow, ws.take<float>(change->rank()));
      change->add(x.row(row), y.row(row), narrow);
    }
    return {};
  });
}

}  // namespace moxie::model
