// SPDX-License-Identifier: Apache-2.0
#include <moxie/backend/matmul.hpp>

#include <moxie/core/scratch.hpp>

#include "backend/linear_body.hpp"
#include "backend/worker.hpp"

namespace moxie::inline abi1 {

std::size_t matmul_scratch_bytes(std::size_t in_width) noexcept {
  return ScratchSize().rows(in_width, backend::kPanelWidth).total();
}

Status matmul(ConstRows x, ConstRows w, Rows y, Workspace& workspace) noexcept {
  if (x.width != w.width || y.rows != x.rows || y.width != w.rows) {
    return Status(
        Code::kShape, "matmul", "x of [T, K], w of [N, K], y of [T, N]",
        Text("x [", x.rows, ", ", x.width, "], w [", w.rows, ", ", w.width, "], y [", y.rows, ", ", y.width, "]"));
  }
  if (x.stride < x.width || w.stride < w.width || y.stride < y.width) {
    return Status(
        Code::kShape, "matmul", "rows that do not overlap: strides of at least the widths",
        Text("x ", x.stride, " of ", x.width, ", w ", w.stride, " of ", w.width, ", y ", y.stride, " of ", y.width));
  }
  if (y.rows == 0 || y.width == 0) return {};
  const Workspace::Frame frame(workspace);
  MOXIE_TRY_LET(const Rows panel, workspace.rows(w.width, backend::kPanelWidth));
  const backend::Ops& ops = backend::ops_of(workspace);
  for (std::size_t column = 0; column < w.rows; column += backend::kPanelWidth) {
    const std::size_t columns = backend::panel_columns(w.rows, column);
    const std::size_t width = backend::stored_width(columns);
    // Not pack_panel: w may have a stride.
    for (std::size_t n = 0; n < width; ++n) {
      for (std::size_t k = 0; k < w.width; ++k) panel.data[k * width + n] = n < columns ? w.row(column + n)[k] : 0.0f;
    }
    ops.gemm[static_cast<std::size_t>(backend::PanelType::kF32)]({.x = x.data,
                                                                  .x_stride = x.stride,
                                                                  .rows = x.rows,
                                                                  .depth = x.width,
                                                                  .panel = panel.data,
                                                                  .panel_width = width,
                                                                  .columns = columns,
                                                                  .bias = nullptr,
                                                                  .y = y.data + column,
                                                                  .y_stride = y.stride});
  }
  return {};
}

}  // namespace moxie
