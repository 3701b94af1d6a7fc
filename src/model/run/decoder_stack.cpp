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
  Rows normed;                    // [T, D] input of the next block, where it has a norm before
  Rows delta;                     // [T, D] its output
  Rows rope_tables;               // [T, all ropes] for all rows of the batch
  Rows layer_inputs;              // [T, all layers] likewise

  [[nodiscard]] ConstRows input_of(const Block& block) const noexcept {
    return block.before || block.reads_same ? normed : hidden;
  }
};

DecoderStack::DecoderStack(Parts parts) : parts_(std::move(parts)) {
  for (std::size_t layer = 0; layer < parts_.layers.size(); ++layer) {
    for (const Block& block : parts_.layers[layer].blocks) {
      steps_.push_back({.block = &block, .layer = layer});
      if (block.attention != nullptr) continue;
      if (const auto mixture = block.feed_forward->mixture_block()) mixture_blocks_.push_back(*mixture);
    }
  }
  const auto last = std::find_if(steps_.rbegin(), steps_.rend(), [](const Step& step) {
    return step.block->attention != nullptr && step.block->attention->stores();
  });
  if (last != steps_.rend()) last->stores_last = true;
}

std::size_t DecoderStack::rope_width() const noexcept {
  std::size_t width = 0;
  for (const Rope& rope : parts_.ropes) width += rope.table_width();
  return width;
}

Result<std::unique_ptr<Runner>> DecoderStack::make_runner(std::size_t max_rows, Executor& executor,
                                                          std::shared_ptr<Budget> budget) const {
  return HostRunner::create(*this, max_rows, executor, std::move(budget));
}

DecoderScratch DecoderStack::scratch_bytes(std::size_t T, const EditNeeds& needs) const noexcept {
  const std::size_t D = hidden_width();
  ScratchSize own;
  own.take<std::size_t>(T).take<Position>(T).rows(T, D).rows(T, D).rows(T, D).rows(T, rope_width());
  own.rows(T, layer_inputs_width());
  const backend::LinearBody& head = BackendAccess::body(*parts_.head);
  std::size_t worker = head.scratch_bytes(std::min(T, kOutputRows));
  if (needs.change_rank > 0) worker = std::max(worker, LowRank::scratch_bytes(needs.change_rank));
  std::size_t inner = 0;
  if (parts_.layer_inputs) {
    const backend::LinearBody& projection = BackendAccess::body(*parts_.layer_inputs->projection);
    inner = ScratchSize().rows(T, layer_inputs_width()).bytes(backend::operand_bytes(projection, T)).total();
    worker = std::max(worker, projection.scratch_bytes(T));
  }
  for (const Step& step : steps_) {
    const Block& block = *step.block;
    const bool attends = block.attention != nullptr;
    const DecoderScratch scratch =
        attends ? block.attention->scratch_bytes(T) : block.feed_forward->scratch_bytes(T, needs);
    const std::size_t buffers = attends ? AttentionBlock::Buffers::bytes(block.attention->widths(), T) : 0;
    inner = std::max(inner, attends ? ScratchSize().bytes(buffers).bytes(scratch.own).total() : scratch.own);
    worker = std::max(worker, scratch.worker);
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
  MOXIE_TRY_LET(state.rope_tables, own.rows(T, rope_width()));
  MOXIE_TRY_LET(state.layer_inputs, own.rows(T, layer_inputs_width()));

  batch.enter(Phase::kEmbedding, T, [&] { return PhaseWork{.bytes = T * parts_.embedding.rows.row_bytes()}; });
  MOXIE_TRY(each_row(workers, T, [&](std::size_t row) {
    state.rows[row] = row;
    state.positions[row] = batch.positions[row];
    float* const hidden = state.hidden.row(row);
    parts_.embedding.read(batch.tokens[row], hidden);
    if (parts_.embedding_scale != 1) {
      for (std::size_t i = 0; i < D; ++i) hidden[i] *= parts_.embedding_scale;
    }
    if (const auto& before = steps_.front().block->before) before->apply(hidden, state.normed.row(row));
    float* table = state.rope_tables.row(row);
    for (const Rope& rope : parts_.ropes) {
      rope.fill(batch.positions[row], table);
      table += rope.table_width();
    }
  }));
  if (parts_.layer_inputs) MOXIE_TRY(make_layer_inputs(batch, state, workers));
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    if ((i == 0 || steps_[i - 1].layer != step.layer) && batch.stop()) {
      return Status(Code::kCancelled, "forward", Text(parts_.layers.size(), " layers"),
                    Text("a stop after ", step.layer));
    }
    if (batch.phases != nullptr) batch.phases->set_layer(step.layer);
    MOXIE_TRY(run_block(step, batch, state, workers));
    if (state.rows.empty()) return {};
    batch.enter(Phase::kResidual, state.rows.size());
    const Block* const next = i + 1 < steps_.size() ? steps_[i + 1].block : nullptr;
    MOXIE_TRY(each_row(workers, state.hidden.rows, [&](std::size_t row) { pass_on(*step.block, next, row, state); }));
  }
  return write_logits(batch, state, workers);
}

Status DecoderStack::make_layer_inputs(const Batch& batch, State& state, Workers& workers) const noexcept {
  const LayerInputs& make = *parts_.layer_inputs;
  const Workspace::Frame frame(workers.own());
  MOXIE_TRY_LET(const Rows projected, workers.own().rows(state.hidden.rows, layer_inputs_width()));
  MOXIE_TRY(make.projection->apply(state.hidden, projected, workers));
  return each_row(workers, state.hidden.rows, [&](std::size_t row) {
    float* const inputs = state.layer_inputs.row(row);
    float* const from = projected.row(row);
    make.rows.read(batch.tokens[row], inputs);
    for (std::size_t i = 0; i < projected.width; ++i) from[i] *= make.projection_scale;
    for (std::size_t at = 0; at < projected.width; at += make.norm.width()) make.norm.apply(from + at, from + at);
    for (std::size_t i = 0; i < projected.width; ++i) inputs[i] = (from[i] + inputs[i] * make.scale) * make.sum_scale;
  });
}

Status DecoderStack::run_block(const Step& step, const Batch& batch, State& state, Workers& workers) const noexcept {
  const Block& block = *step.block;
  if (block.attention != nullptr) return run_attention(step, batch, state, workers);
  return block.feed_forward->run({.layer = step.layer,
                                  .x = state.input_of(block),
                                  .stream = state.hidden,
                                  .layer_inputs = state.layer_inputs,
                                  .positions = state.positions,
                                  .rows = state.rows,
                                  .batch = batch},
                                 state.delta, workers);
}

void DecoderStack::pass_on(const Block& block, const Block* next, std::size_t row, const State& state) const noexcept {
  float* const delta = state.delta.row(row);
  float* const hidden = state.hidden.row(row);
  if (block.behind) block.behind->apply(delta, delta);
  if (block.scale == 1) {
    add(delta, hidden, state.hidden.width);
  } else {
    fma_into(block.scale, delta, hidden, state.hidden.width);
  }
  if (block.row_scale != 1) {
    for (std::size_t i = 0; i < state.hidden.width; ++i) hidden[i] *= block.row_scale;
  }
  if (next == nullptr) {
    parts_.final_norm.apply(hidden, state.normed.row(row));
  } else if (next->before) {
    next->before->apply(hidden, state.normed.row(row));
  }
}

/// Its output is in `delta`; behind it only the rows that go on are left.
Status DecoderStack::run_attention(const Step& step, const Batch& batch, State& state,
                                   Workers& workers) const noexcept {
  const AttentionBlock& attention = *step.block->attention;
  const Workspace::Frame frame(workers.own());
  MOXIE_TRY_LET(AttentionBlock::Buffers buffers,
                AttentionBlock::Buffers::take(attention.widths(), state.hidden.rows, workers.own()));
  RopeRows rope;
  if (step.block->rope != kNoRope) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < step.block->rope; ++i) begin += parts_.ropes[i].table_width();
    rope.rope = &parts_.ropes[step.block->rope];
    rope.table = ConstRows(state.rope_tables.data + begin, state.rope_tables.rows, rope.rope->table_width(),
                           state.rope_tables.stride);
  }
  const AttentionBlock::Where at{.layer = step.layer, .cache = step.block->cache};
  MOXIE_TRY(attention.project(state.input_of(*step.block), state.rows, batch, rope, at, buffers, workers));
  if (step.stores_last) keep_outputs(batch, state, buffers);
  if (state.rows.empty()) return {};
  return attention.attend(state.rows, batch, at, BackendAccess::ops(backend()), buffers, state.delta, workers);
}

/// From here on only for those who want logits.
void DecoderStack::keep_outputs(const Batch& batch, State& state, AttentionBlock::Buffers& buffers) noexcept {
  const std::size_t count = batch.outputs.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t row = batch.outputs[i].row;
    for (Rows* rows : {&state.hidden, &state.normed, &buffers.query, &buffers.gate}) {
      if (row != i) std::copy_n(rows->row(row), rows->width, rows->row(i));
    }
    state.rows[i] = row;
    state.positions[i] = batch.positions[row];
  }
  state.rows = state.rows.first(count);
  state.positions = state.positions.first(count);
  for (Rows* rows : {&state.hidden, &state.normed, &state.delta}) *rows = rows->slice(0, count);
}

void DecoderStack::finish_logits(const float* from, float* to) const noexcept {
  const std::size_t V = parts_.head->out_width();
  if (parts_.logit_scale == 1 && parts_.logit_softcap == 0) {
    std::copy_n(from, V, to);
    return;
  }
  for (std::size_t i = 0; i < V; ++i) {
    const float logit = from[i] * parts_.logit_scale;
    to[i] = parts_.logit_softcap == 0 ? logit : soft_cap(logit, parts_.logit_softcap);
  }
}

Status DecoderStack::write_logits(const Batch& batch, State& state, Workers& workers) const noexcept {
  const std::size_t V = parts_.head->out_width();
  const Workspace::Frame frame(workers.own());
  MOXIE_TRY_LET(const Rows logits, workers.own().rows(std::min(state.rows.size(), kOutputRows), V));
  const Cut blocks = Cut::of_at_most(state.rows.size(), kOutputRows);
  batch.enter(Phase::kHead, state.rows.size(),
              [&] { return BackendAccess::body(*parts_.head).work(state.rows.size()); });
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto [begin, end] = blocks[i];
    const Rows part = logits.slice(0, end - begin);
    MOXIE_TRY(parts_.head->apply(state.normed.slice(begin, part.rows), part, workers));
    const auto outputs = batch.outputs.subspan(begin, part.rows);
    MOXIE_TRY(
        each_row(workers, part.rows, [&](std::size_t row) { finish_logits(part.row(row), outputs[row].logits); }));
  }
  return {};
}

const Linear* DecoderStack::matrix(std::size_t layer, Matrix matrix) const noexcept {
  for (const Step& step : steps_) {
    if (step.layer != layer) continue;
    const Linear* const found = step.block->attention != nullptr ? step.block->attention->matrix(matrix)
                                                                 : step.block->feed_forward->matrix(matrix);
    if (found != nullptr) return found;
  }
  return nullptr;
}

void DecoderStack::each_linear(const std::function<void(const Linear&)>& visit) const {
  if (parts_.layer_inputs) visit(*parts_.layer_inputs->projection);
  for (const Step& step : steps_) {
    if (step.block->attention != nullptr) {
      step.block->attention->each_linear(visit);
    } else {
      step.block->feed_forward->each_linear(visit);
    }
  }
  visit(*parts_.head);
}

}  // namespace moxie::model
