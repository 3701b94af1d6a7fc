// SPDX-License-Identifier: Apache-2.0
#include "model/run/decoder_stack.hpp"

#include <algorithm>

#include <moxie/backend/quant.hpp>

#include "backend/access.hpp"
#include "backend/linear_parallel.hpp"
#include "model/run/host_runner.hpp"

namespace moxie::inline abi1::model {

namespace {

/// Rows of logits made at once: enough to read the head's weights once for many contexts, few enough
/// that their room (64 * V floats) stays small.
constexpr std::size_t kOutputRows = 64;

}  // namespace

void Embedding::read(TokenId token, float* to) const noexcept {
  const std::size_t row = rows.row_bytes();
  // Cannot fail: a matrix of a checkpoint has whole blocks of a type that was checked when it was found.
  static_cast<void>(
      dequantize(rows.type, {rows.data + static_cast<std::size_t>(token) * row, row}, {to, rows.in_width}));
}

/// What a batch carries from layer to layer. `rows` are the batch's rows that are still computed:
/// row i of hidden and of everything below belongs to row rows[i] of the batch.
struct DecoderStack::State {
  std::span<std::size_t> rows;
  std::span<Position> positions;  // of `rows`
  Rows hidden;                    // [T, D] the residual stream
  Rows normed;                    // [T, D] input of attention, then of feed-forward
  Rows delta;                     // [T, D] their output
  Rows rope_table;                // [T, C] for all rows of the batch
};

DecoderStack::DecoderStack(Parts parts) : parts_(std::move(parts)) {
  for (const Layer& layer : parts_.layers) {
    if (const auto block = layer.feed_forward->mixture_block()) mixture_blocks_.push_back(*block);
  }
}

Result<std::unique_ptr<Runner>> DecoderStack::make_runner(std::size_t max_rows, Executor& executor,
                                                          std::shared_ptr<Budget> budget) const {
  return HostRunner::create(*this, max_rows, executor, std::move(budget));
}

DecoderScratch DecoderStack::scratch_bytes(std::size_t T, const EditNeeds& needs) const noexcept {
  const std::size_t D = hidden_width();
  ScratchSize own;
  own.take<std::size_t>(T).take<Position>(T).rows(T, D).rows(T, D).rows(T, D).rows(T, parts_.rope.table_width());
  const backend::LinearBody& head = BackendAccess::body(*parts_.head);
  std::size_t worker = head.scratch_bytes(std::min(T, kOutputRows));
  std::size_t inner = 0;
  for (const Layer& layer : parts_.layers) {
    const std::size_t buffers = AttentionBlock::Buffers::bytes(layer.attention->widths(), T);
    const DecoderScratch feed_forward = layer.feed_forward->scratch_bytes(T, needs);
    const DecoderScratch attention = layer.attention->scratch_bytes(T);
    inner = std::max({inner, feed_forward.own, ScratchSize().bytes(buffers).bytes(attention.own).total()});
    worker = std::max({worker, feed_forward.worker, attention.worker});
  }
  const std::size_t logits = ScratchSize()
                                 .rows(std::min(T, kOutputRows), head.out_width())
                                 .bytes(backend::operand_bytes(head, std::min(T, kOutputRows)))
                                 .total();
  own.bytes(std::max(inner, logits));
  // The calling thread is a worker too, on top of what it holds for all.
  return {.own = own.bytes(worker).total(), .worker = worker};
}

Status DecoderStack::forward(const Batch& batch, Workers& workers) const noexcept {
  const std::size_t T = batch.tokens.size();
  if (T == 0) return {};
  const std::size_t D = hidden_width();
  Workspace& own = workers.own();
  const Workspace::Frame frame(own);
  State state;
  MOXIE_TRY_LET(state.rows, own.take<std::size_t>(T));
  MOXIE_TRY_LET(state.positions, own.take<Position>(T));
  MOXIE_TRY_LET(state.hidden, own.rows(T, D));
  MOXIE_TRY_LET(state.normed, own.rows(T, D));
  MOXIE_TRY_LET(state.delta, own.rows(T, D));
  MOXIE_TRY_LET(state.rope_table, own.rows(T, parts_.rope.table_width()));

  MOXIE_TRY(each_row(workers, T, [&](std::size_t row) {
    state.rows[row] = row;
    state.positions[row] = batch.positions[row];
    parts_.embedding.read(batch.tokens[row], state.hidden.row(row));
    parts_.rope.fill(batch.positions[row], state.rope_table.row(row));
  }));
  for (std::size_t layer = 0; layer < parts_.layers.size(); ++layer) {
    if (batch.stop()) {
      return Status(Code::kCancelled, "forward", Text(parts_.layers.size(), " layers"), Text("a stop after ", layer));
    }
    MOXIE_TRY(run_layer(layer, batch, state, workers));
    if (state.rows.empty()) return {};
  }
  return write_logits(batch, state, workers);
}

Status DecoderStack::run_layer(std::size_t index, const Batch& batch, State& state, Workers& workers) const noexcept {
  const Layer& layer = parts_.layers[index];
  MOXIE_TRY(run_attention(index, batch, state, workers));
  if (state.rows.empty()) return {};
  MOXIE_TRY(each_row(workers, state.hidden.rows, [&](std::size_t row) {
    add(state.delta.row(row), state.hidden.row(row), state.hidden.width);
    layer.feed_forward_norm.apply(state.hidden.row(row), state.normed.row(row));
  }));
  MOXIE_TRY(layer.feed_forward->run(
      {.x = state.normed, .positions = state.positions, .rows = state.rows, .batch = batch}, state.delta, workers));
  return each_row(workers, state.hidden.rows,
                  [&](std::size_t row) { add(state.delta.row(row), state.hidden.row(row), state.hidden.width); });
}

/// Its output is in `delta`; behind it only the rows that go on are left.
Status DecoderStack::run_attention(std::size_t index, const Batch& batch, State& state,
                                   Workers& workers) const noexcept {
  const Layer& layer = parts_.layers[index];
  const Workspace::Frame frame(workers.own());
  MOXIE_TRY_LET(const AttentionBlock::Buffers buffers,
                AttentionBlock::Buffers::take(layer.attention->widths(), state.hidden.rows, workers.own()));
  MOXIE_TRY(each_row(workers, state.hidden.rows, [&](std::size_t row) {
    layer.attention_norm.apply(state.hidden.row(row), state.normed.row(row));
  }));
  MOXIE_TRY(layer.attention->project(state.normed, batch, parts_.rope, state.rope_table, index, buffers, workers));

  if (index + 1 == parts_.layers.size()) {  // from here on only for those who want logits
    const std::size_t count = batch.outputs.size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = batch.outputs[i].row;
      if (row != i) std::copy_n(state.hidden.row(row), state.hidden.width, state.hidden.row(i));
      state.rows[i] = row;
      state.positions[i] = batch.positions[row];
    }
    state.rows = state.rows.first(count);
    state.positions = state.positions.first(count);
    for (Rows* rows : {&state.hidden, &state.normed, &state.delta}) *rows = rows->slice(0, count);
    if (count == 0) return {};
  }
  return layer.attention->attend(state.rows, batch, index, BackendAccess::ops(backend()), buffers, state.delta,
                                 workers);
}

Status DecoderStack::write_logits(const Batch& batch, State& state, Workers& workers) const noexcept {
  MOXIE_TRY(each_row(workers, state.hidden.rows,
                     [&](std::size_t row) { parts_.final_norm.apply(state.hidden.row(row), state.normed.row(row)); }));
  const std::size_t V = parts_.head->out_width();
  const Workspace::Frame frame(workers.own());
  MOXIE_TRY_LET(const Rows logits, workers.own().rows(std::min(state.rows.size(), kOutputRows), V));
  const Cut blocks = Cut::of_at_most(state.rows.size(), kOutputRows);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto [begin, end] = blocks[i];
    const Rows part = logits.slice(0, end - begin);
    MOXIE_TRY(parts_.head->apply(state.normed.slice(begin, part.rows), part, workers));
    const auto outputs = batch.outputs.subspan(begin, part.rows);
    MOXIE_TRY(
        each_row(workers, part.rows, [&](std::size_t row) { std::copy_n(part.row(row), V, outputs[row].logits); }));
  }
  return {};
}

void DecoderStack::each_linear(const std::function<void(const Linear&)>& visit) const {
  for (const Layer& layer : parts_.layers) {
    layer.attention->each_linear(visit);
    layer.feed_forward->each_linear(visit);
  }
  visit(*parts_.head);
}

}  // namespace moxie::model
