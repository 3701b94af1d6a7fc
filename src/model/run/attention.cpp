// SPDX-License-Identifier: Apache-2.0
#include "model/run/attention.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backend/access.hpp"
#include "backend/linear_parallel.hpp"
#include "model/run/matrix_changes.hpp"

namespace moxie::inline abi1::model {

Attention::Attention(Parts parts) noexcept : parts_(std::move(parts)) {
  if (parts_.scale == 0) parts_.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(parts_.head_width)));
}

DecoderScratch Attention::scratch_bytes(std::size_t rows) const noexcept {
  ScratchSize own;
  std::size_t worker = 0;
  each_linear([&](const Linear& linear) {
    own.bytes(backend::operand_bytes(BackendAccess::body(linear), rows));
    worker = std::max(worker, BackendAccess::body(linear).scratch_bytes(rows));
  });
  const std::size_t group = parts_.heads / parts_.kv_heads;
  const std::size_t task = ScratchSize().rows(std::min(rows, backend::kAttendRows), group * parts_.head_width).total();
  return {.own = own.total(), .worker = std::max(worker, task)};
}

float Attention::query_scale(Position position) const noexcept {
  if (parts_.query_scale_beta == 0) return 1;
  const double lengths = std::floor(static_cast<double>(position) / static_cast<double>(parts_.query_scale_length));
  return static_cast<float>(1 + parts_.query_scale_beta * std::log(1 + lengths));
}

Status Attention::project(ConstRows x, const Batch& batch, const RopeRows& rope, std::size_t layer,
                          const Buffers& buffers, Workers& workers) const noexcept {
  const backend::Product products[] = {{&BackendAccess::body(parts_.query), buffers.query},
                                       {&BackendAccess::body(parts_.key), buffers.key},
                                       {&BackendAccess::body(parts_.value), buffers.value},
                                       {parts_.gate ? &BackendAccess::body(*parts_.gate) : nullptr, buffers.gate}};
  const auto asked = std::span(products).first(parts_.gate ? 4 : 3);
  batch.enter(Phase::kProjections, x.rows, [&] { return backend::work_of(asked, x.rows); });
  MOXIE_TRY(backend::run_products(x, asked, workers));
  MOXIE_TRY(add_changes(batch, {}, layer, Matrix::kQuery, x, buffers.query, workers));
  MOXIE_TRY(add_changes(batch, {}, layer, Matrix::kKey, x, buffers.key, workers));
  MOXIE_TRY(add_changes(batch, {}, layer, Matrix::kValue, x, buffers.value, workers));
  const auto finish = [&](const std::optional<RmsNorm>& norm, std::size_t heads, std::size_t row, float* all) {
    const std::size_t width = heads * parts_.head_width;
    const auto apply_norm = [&] {
      for (std::size_t at = 0; norm && at < width; at += norm->width()) norm->apply(all + at, all + at);
    };
    if (!parts_.norm_after_rope) apply_norm();
    for (std::size_t at = 0; at < width; at += parts_.head_width) rope.rotate(row, all + at);
    if (parts_.norm_after_rope) apply_norm();
  };
  return each_row(workers, x.rows, [&](std::size_t row) -> Status {
    finish(parts_.query_norm, parts_.heads, row, buffers.query.row(row));
    if (const float scale = query_scale(batch.positions[row]); scale != 1) {
      for (float& q : std::span(buffers.query.row(row), buffers.query.width)) q *= scale;
    }
    finish(parts_.key_norm, parts_.kv_heads, row, buffers.key.row(row));
    return store(batch.segment_of(row), row, layer, buffers);
  });
}

Status Attention::store(const Segment& segment, std::size_t row, std::size_t layer,
                        const Buffers& buffers) const noexcept {
  const std::size_t position = segment.position_of(row);
  const std::size_t width = parts_.head_width;
  for (std::size_t g = 0; g < parts_.kv_heads; ++g) {
    MOXIE_TRY(
        segment.kv.store(layer, g, position, buffers.key.row(row) + g * width, buffers.value.row(row) + g * width));
  }
  return {};
}

Status Attention::attend_block(std::span<const std::size_t> rows, std::size_t g, const Batch& batch, std::size_t layer,
                               const backend::Ops& ops, const Buffers& buffers, Rows out,
                               Workspace& workspace) const noexcept {
  const std::size_t group = parts_.heads / parts_.kv_heads;
  const std::size_t width = parts_.head_width;
  MOXIE_TRY_LET(const std::span<float> segment_sums, workspace.take<float>(rows.size() * group * width));
  for (std::size_t i = 0; i < rows.size();) {
    const Segment& segment = batch.segment_of(rows[i]);
    const std::size_t count = segment.run_of(rows.subspan(i));
    const KvView& kv = segment.kv;
    ops.attend({.q = buffers.query.row(rows[i]) + g * group * width,
                .q_stride = width,
                .rows = count,
                .q_row_stride = buffers.query.stride,
                .heads = group,
                .pages = kv.pages.data(),
                .type = kv.shape.type,
                .block = kv.shape.block(layer, g),
                .key_width = width,
                .value_width = width,
                .visible = segment.position_of(rows[i]) + 1,
                .window = parts_.window,
                .scale = parts_.scale,
                .cap = parts_.cap,
                .sinks = parts_.sinks.empty() ? nullptr : parts_.sinks.data() + g * group,
                .y = out.row(i) + g * group * width,
                .y_stride = width,
                .y_row_stride = out.stride,
                .segment = segment_sums.data()});
    i += count;
  }
  return {};
}

Status Attention::attend(std::span<const std::size_t> rows, const Batch& batch, std::size_t layer,
                         const backend::Ops& ops, const Buffers& buffers, Rows y, Workers& workers) const noexcept {
  const Rows attention_out(buffers.attention_out.data, rows.size(), parts_.heads * parts_.head_width);
  batch.enter(Phase::kAttention, rows.size(),
              [&] { return attention_work(rows, batch, parts_.window, 4 * parts_.heads * parts_.head_width); });
  // A task is a block of rows and one key/value head: rows of a long prompt see more the later they come, so small
  // tasks even out. Within a block, rows that follow each other in a context go together.
  const Cut blocks = Cut::of_at_most(rows.size(), backend::kAttendRows);
  MOXIE_TRY(workers.each(blocks.size() * parts_.kv_heads, [&](std::size_t task, Workspace& workspace) -> Status {
    const Range block = blocks[task / parts_.kv_heads];
    return attend_block(rows.subspan(block.begin, block.size()), task % parts_.kv_heads, batch, layer, ops, buffers,
                        attention_out.slice(block.begin, block.size()), workspace);
  }));
  if (parts_.gate) {
    MOXIE_TRY(each_row(workers, rows.size(), [&](std::size_t i) {
      float* const sums = attention_out.row(i);
      const float* const gate = buffers.gate.row(rows[i]);
      for (std::size_t c = 0; c < attention_out.width; ++c) sums[c] *= sigmoid(gate[c]);
    }));
  }
  batch.enter(Phase::kProjections, rows.size(), [&] { return BackendAccess::body(parts_.output).work(rows.size()); });
  MOXIE_TRY(parts_.output.apply(attention_out, y, workers));
  return add_changes(batch, rows, layer, Matrix::kOutput, attention_out, y, workers);
}

}  // namespace moxie::model
