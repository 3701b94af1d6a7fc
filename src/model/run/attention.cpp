// SPDX-License-Identifier: Apache-2.0
#include "model/run/attention.hpp"

#include <algorithm>
#include <array>
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
  const std::size_t task = ScratchSize().rows(std::min(rows, backend::kAttendRows), group * parts_.value_width).total();
  return {.own = own.total(), .worker = std::max(worker, task)};
}

Status Attention::project(ConstRows x, std::span<const std::size_t> rows, const Batch& batch, const RopeRows& rope,
                          const Where& at, const Buffers& buffers, Workers& workers) const noexcept {
  std::array<backend::Product, 4> products;
  std::size_t count = 0;
  const auto make = [&](const Linear& linear, const Rows& y) { products[count++] = {&BackendAccess::body(linear), y}; };
  make(parts_.query, buffers.query);
  if (parts_.key) make(*parts_.key, buffers.key);
  if (parts_.value) make(*parts_.value, buffers.value);
  if (parts_.gate) make(*parts_.gate, buffers.gate);
  const auto asked = std::span(products).first(count);
  batch.enter(Phase::kProjections, x.rows, [&] { return backend::work_of(asked, x.rows); });
  MOXIE_TRY(backend::run_products(x, asked, workers));
  MOXIE_TRY(add_changes(batch, rows, at.layer, Matrix::kQuery, x, buffers.query, workers));
  if (parts_.key) MOXIE_TRY(add_changes(batch, rows, at.layer, Matrix::kKey, x, buffers.key, workers));
  if (parts_.value) MOXIE_TRY(add_changes(batch, rows, at.layer, Matrix::kValue, x, buffers.value, workers));
  const auto apply_norm = [](const std::optional<Norm>& norm, std::size_t width, float* all) {
    for (std::size_t c = 0; norm && c < width; c += norm->width()) norm->apply(all + c, all + c);
  };
  const auto finish = [&](const std::optional<Norm>& norm, std::size_t heads, std::size_t row, float* all) {
    const std::size_t width = heads * parts_.head_width;
    if (!parts_.norm_after_rope) apply_norm(norm, width, all);
    for (std::size_t c = 0; c < width; c += parts_.head_width) rope.rotate(row, all + c);
    if (parts_.norm_after_rope) apply_norm(norm, width, all);
  };
  return each_row(workers, x.rows, [&](std::size_t i) -> Status {
    const std::size_t row = rows[i];
    finish(parts_.query_norm, parts_.heads, row, buffers.query.row(i));
    if (const float scale = parts_.query_scale.at(batch.positions[row]); scale != 1) {
      for (float& q : std::span(buffers.query.row(i), buffers.query.width)) q *= scale;
    }
    if (!parts_.key) return {};
    if (!parts_.value) std::copy_n(buffers.key.row(i), buffers.key.width, buffers.value.row(i));
    apply_norm(parts_.value_norm, buffers.value.width, buffers.value.row(i));
    finish(parts_.key_norm, parts_.kv_heads, row, buffers.key.row(i));
    return store(batch.segment_of(row), row, at.cache, buffers.key.row(i), buffers.value.row(i));
  });
}

Status Attention::store(const Segment& segment, std::size_t row, std::size_t cache, const float* keys,
                        const float* values) const noexcept {
  const std::size_t position = segment.position_of(row);
  for (std::size_t g = 0; g < parts_.kv_heads; ++g) {
    MOXIE_TRY(segment.kv.store(cache, g, position, keys + g * parts_.head_width, values + g * parts_.value_width));
  }
  return {};
}

Status Attention::attend_block(std::span<const std::size_t> rows, ConstRows queries, std::size_t g, const Batch& batch,
                               std::size_t cache, const backend::Ops& ops, Rows out,
                               Workspace& workspace) const noexcept {
  const std::size_t group = parts_.heads / parts_.kv_heads;
  const std::size_t width = parts_.value_width;
  MOXIE_TRY_LET(const std::span<float> segment_sums, workspace.take<float>(rows.size() * group * width));
  for (std::size_t i = 0; i < rows.size();) {
    const Segment& segment = batch.segment_of(rows[i]);
    const std::size_t count = segment.run_of(rows.subspan(i));
    const KvView& kv = segment.kv;
    ops.attend({.q = queries.row(i) + g * group * parts_.head_width,
                .q_stride = parts_.head_width,
                .rows = count,
                .q_row_stride = queries.stride,
                .heads = group,
                .pages = kv.pages.data(),
                .type = kv.shape.type,
                .block = kv.shape.block(cache, g),
                .key_width = parts_.head_width,
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

Status Attention::attend(std::span<const std::size_t> rows, const Batch& batch, const Where& at,
                         const backend::Ops& ops, const Buffers& buffers, Rows y, Workers& workers) const noexcept {
  const Rows attention_out = buffers.attention_out.slice(0, rows.size());
  batch.enter(Phase::kAttention, rows.size(), [&] {
    return attention_work(rows, batch, at.cache, parts_.window,
                          2 * parts_.heads * (parts_.head_width + parts_.value_width));
  });
  // A task is a block of rows and one key/value head: rows of a long prompt see more the later they come, so small
  // tasks even out. Within a block, rows that follow each other in a context go together.
  const Cut blocks = Cut::of_at_most(rows.size(), backend::kAttendRows);
  MOXIE_TRY(workers.each(blocks.size() * parts_.kv_heads, [&](std::size_t task, Workspace& workspace) -> Status {
    const Range block = blocks[task / parts_.kv_heads];
    return attend_block(rows.subspan(block.begin, block.size()), buffers.query.slice(block.begin, block.size()),
                        task % parts_.kv_heads, batch, at.cache, ops, attention_out.slice(block.begin, block.size()),
                        workspace);
  }));
  if (parts_.gate) {
    MOXIE_TRY(each_row(workers, rows.size(), [&](std::size_t i) {
      float* const sums = attention_out.row(i);
      const float* const gate = buffers.gate.row(i);
      const std::size_t each = attention_out.width / buffers.gate.width;
      for (std::size_t c = 0; c < attention_out.width; ++c) {
        sums[c] *= parts_.gate_softplus ? softplus(gate[c / each]) : sigmoid(gate[c / each]);
      }
    }));
  }
  batch.enter(Phase::kProjections, rows.size(), [&] { return BackendAccess::body(parts_.output).work(rows.size()); });
  MOXIE_TRY(parts_.output.apply(attention_out, y, workers));
  return add_changes(batch, rows, at.layer, Matrix::kOutput, attention_out, y, workers);
}

}  // namespace moxie::model
