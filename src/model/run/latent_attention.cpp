// SPDX-License-Identifier: Apache-2.0
#include "model/run/latent_attention.hpp"

#include <algorithm>

#include "backend/access.hpp"
#include "backend/linear_parallel.hpp"

namespace moxie::inline abi1::model {

namespace {

/// Heads of one task: as many as the kernel takes in one pass over a page.
constexpr std::size_t kTaskHeads = 4;

}  // namespace

AttentionBlock::Widths LatentAttention::widths() const noexcept {
  return {.query = heads() * head_width(),
          .key = key_width(),
          .value = parts_.query_down ? parts_.query_down->out_width() : 0,
          .attention_out = heads() * value_width()};
}

DecoderScratch LatentAttention::scratch_bytes(std::size_t rows) const noexcept {
  ScratchSize own;
  std::size_t spread = 0;
  for (const Linear* linear : {&parts_.query, &parts_.latent, &parts_.output}) {
    own.bytes(backend::operand_bytes(BackendAccess::body(*linear), rows));
    spread = std::max(spread, BackendAccess::body(*linear).scratch_bytes(rows));
  }
  if (parts_.query_down) {
    own.bytes(backend::operand_bytes(BackendAccess::body(*parts_.query_down), rows));
    spread = std::max(spread, BackendAccess::body(*parts_.query_down).scratch_bytes(rows));
  }
  const std::size_t block = std::min(rows, backend::kAttendRows);
  std::size_t product = 0;
  for (const Linear& linear : parts_.keys) product = std::max(product, linear.scratch_bytes(block));
  for (const Linear& linear : parts_.values) product = std::max(product, linear.scratch_bytes(block));
  const std::size_t task = ScratchSize()
                               .rows(block, kTaskHeads * key_width())
                               .rows(block, kTaskHeads * rank())
                               .rows(block, kTaskHeads * rank())
                               .rows(block, nope_width())
                               .bytes(product)
                               .total();
  return {.own = own.total(), .worker = std::max(spread, task)};
}

void LatentAttention::each_linear(const std::function<void(const Linear&)>& visit) const {
  if (parts_.query_down) visit(*parts_.query_down);
  visit(parts_.query);
  visit(parts_.latent);
  for (const Linear& linear : parts_.keys) visit(linear);
  for (const Linear& linear : parts_.values) visit(linear);
  visit(parts_.output);
}

void LatentAttention::rotate(const RopeRows& rope, std::size_t row, float* head) const noexcept {
  if (parts_.rotates_neighbours) {
    rope.rotate_neighbours(row, head);
  } else {
    rope.rotate(row, head);
  }
}

Status LatentAttention::project(ConstRows x, std::span<const std::size_t> rows, const Batch& batch,
                                const RopeRows& rope, const Where& at, const Buffers& buffers,
                                Workers& workers) const noexcept {
  const Rows& narrow = buffers.value;
  const backend::Product query = parts_.query_down
                                     ? backend::Product{&BackendAccess::body(*parts_.query_down), narrow}
                                     : backend::Product{&BackendAccess::body(parts_.query), buffers.query};
  const backend::Product products[] = {query, {&BackendAccess::body(parts_.latent), buffers.key}};
  batch.enter(Phase::kProjections, x.rows, [&] {
    PhaseWork work = backend::work_of(products, x.rows);
    if (parts_.query_down) work += BackendAccess::body(parts_.query).work(x.rows);
    return work;
  });
  MOXIE_TRY(backend::run_products(x, products, workers));
  if (parts_.query_down) {
    MOXIE_TRY(
        each_row(workers, x.rows, [&](std::size_t row) { parts_.query_norm.apply(narrow.row(row), narrow.row(row)); }));
    MOXIE_TRY(parts_.query.apply(narrow, buffers.query, workers));
  }
  return each_row(workers, x.rows, [&](std::size_t i) -> Status {
    const std::size_t row = rows[i];
    float* const queries = buffers.query.row(i);
    for (std::size_t h = 0; h < heads(); ++h) {
      rotate(rope, row, queries + h * head_width() + nope_width());
    }
    if (const float scale = parts_.query_scale.at(batch.positions[row]); scale != 1) {
      for (float& q : std::span(queries, buffers.query.width)) q *= scale;
    }
    float* const key = buffers.key.row(i);
    parts_.latent_norm.apply(key, key);
    rotate(rope, row, key + rank());
    const Segment& segment = batch.segment_of(row);
    return segment.kv.store(at.cache, 0, segment.position_of(row), key, key);  // values are the latents
  });
}

/// Queries as the cache's keys want them: what a head would multiply its own key with goes through its key matrix.
Status LatentAttention::absorb(const Task& task, Rows queries, Workspace& workspace) const noexcept {
  const Workspace::Frame frame(workspace);
  MOXIE_TRY_LET(const Rows plain, workspace.rows(task.rows.size(), nope_width()));
  for (std::size_t h = 0; h < task.heads; ++h) {
    float* const head = queries.data + h * key_width();
    for (std::size_t i = 0; i < task.rows.size(); ++i) {
      const float* const query = task.queries.row(i) + (task.head + h) * head_width();
      std::copy_n(query, nope_width(), plain.row(i));
      std::copy_n(query + nope_width(), parts_.rope_width, head + i * queries.stride + rank());
    }
    MOXIE_TRY(parts_.keys[task.head + h].apply(plain, Rows(head, queries.rows, rank(), queries.stride), workspace));
  }
  return {};
}

void LatentAttention::attend_pages(const Task& task, const Batch& batch, std::size_t layer, const backend::Ops& ops,
                                   ConstRows queries, Rows sums, Rows segment_sums) const noexcept {
  const std::span<const std::size_t> rows = task.rows;
  for (std::size_t i = 0; i < rows.size();) {
    const Segment& segment = batch.segment_of(rows[i]);
    const std::size_t count = segment.run_of(rows.subspan(i));
    ops.attend({.q = queries.row(i),
                .q_stride = key_width(),
                .rows = count,
                .q_row_stride = queries.stride,
                .heads = task.heads,
                .pages = segment.kv.pages.data(),
                .type = segment.kv.shape.type,
                .block = segment.kv.shape.block(layer, 0),
                .key_width = key_width(),
                .value_width = rank(),
                .visible = segment.position_of(rows[i]) + 1,
                .window = 0,
                .scale = parts_.scale,
                .y = sums.row(i),
                .y_stride = rank(),
                .y_row_stride = sums.stride,
                .segment = segment_sums.data});
    i += count;
  }
}

Status LatentAttention::run_task(const Task& task, const Batch& batch, std::size_t layer, const backend::Ops& ops,
                                 Rows attention_out, Workspace& workspace) const noexcept {
  const std::size_t n = task.rows.size();
  MOXIE_TRY_LET(const Rows queries, workspace.rows(n, task.heads * key_width()));
  MOXIE_TRY_LET(const Rows sums, workspace.rows(n, task.heads * rank()));
  MOXIE_TRY_LET(const Rows segment_sums, workspace.rows(n, task.heads * rank()));
  MOXIE_TRY(absorb(task, queries, workspace));
  attend_pages(task, batch, layer, ops, queries, sums, segment_sums);
  for (std::size_t h = 0; h < task.heads; ++h) {
    const ConstRows sum(sums.data + h * rank(), n, rank(), sums.stride);
    const Rows value(attention_out.data + (task.head + h) * value_width(), n, value_width(), attention_out.stride);
    MOXIE_TRY(parts_.values[task.head + h].apply(sum, value, workspace));
  }
  return {};
}

Status LatentAttention::attend(std::span<const std::size_t> rows, const Batch& batch, const Where& at,
                               const backend::Ops& ops, const Buffers& buffers, Rows y,
                               Workers& workers) const noexcept {
  const Rows attention_out(buffers.attention_out.data, rows.size(), heads() * value_width());
  const Cut blocks = Cut::of_at_most(rows.size(), backend::kAttendRows);
  // A task is a block of rows and a few heads, fewer where threads would have nothing to do: how many share a pass over
  // the pages changes no bit of any.
  std::size_t per_task = kTaskHeads;
  while (per_task > 1 && blocks.size() * Cut::of_at_most(heads(), per_task).size() < workers.width()) per_task /= 2;
  const Cut groups = Cut::of_at_most(heads(), per_task);
  batch.enter(Phase::kAttention, rows.size(), [&] {
    PhaseWork work = attention_work(rows, batch, at.cache, 0, 2 * heads() * (key_width() + rank()));
    for (const auto* matrices : {&parts_.keys, &parts_.values}) {
      for (const Linear& matrix : *matrices) work += BackendAccess::body(matrix).work(rows.size());
    }
    return work;
  });
  MOXIE_TRY(workers.each(blocks.size() * groups.size(), [&](std::size_t index, Workspace& workspace) -> Status {
    const Range block = blocks[index / groups.size()];
    const Range group = groups[index % groups.size()];
    const Task task{.rows = rows.subspan(block.begin, block.size()),
                    .queries = buffers.query.slice(block.begin, block.size()),
                    .head = group.begin,
                    .heads = group.size()};
    return run_task(task, batch, at.cache, ops, attention_out.slice(block.begin, block.size()), workspace);
  }));
  batch.enter(Phase::kProjections, rows.size(), [&] { return BackendAccess::body(parts_.output).work(rows.size()); });
  return parts_.output.apply(attention_out, y, workers);
}

}  // namespace moxie::model
