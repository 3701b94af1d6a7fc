// SPDX-License-Identifier: Apache-2.0
#include "moe/fused_bank.hpp"

#include <algorithm>

#include <moxie/core/math.hpp>
#include <moxie/core/ranges.hpp>
#include <moxie/core/scratch.hpp>

#include "backend/access.hpp"
#include "backend/linear_parallel.hpp"

namespace moxie::inline abi1::moe {

namespace {

using backend::BlockTable;
using backend::LinearBody;
using backend::Operand;

/// Inner columns of a task: a whole block of quantized activations, so that the task can quantize what it made.
constexpr std::size_t kRange = backend::quant::kSuper;

bool alike(const LinearBody& a, const LinearBody& b) noexcept {
  return a.shares_operand(b) && a.tile_width() == b.tile_width() && a.out_width() == b.out_width();
}

Rows columns_of(Rows y, std::size_t begin, std::size_t count) noexcept {
  return Rows(y.data + begin, y.rows, count, y.stride);
}

}  // namespace

/// What one call works on.
struct FusedBank::Batch {
  ConstRows x;
  const Assignment& assignment;
  BlockTable input;         ///< x quantized for gate and up, or empty
  BlockTable gated_blocks;  ///< [pairs] what down takes: quantized,
  Rows gated;               ///< or as it is
};

Result<FusedBank> FusedBank::create(std::vector<Mlp> experts) {
  if (experts.empty()) return Status(Code::kInvalidArgument, "FusedBank::create", "at least one expert", "none");
  const Mlp& first = experts[0];
  bool uniform = kRange % BackendAccess::body(first.gate()).tile_width() == 0;
  for (std::size_t e = 0; e < experts.size(); ++e) {
    const Mlp& expert = experts[e];
    if (expert.width() != first.width()) {
      return Status(Code::kShape, "FusedBank::create", Text("experts of width ", first.width(), ", as expert 0"),
                    Text("width ", expert.width(), " for expert ", e));
    }
    uniform = uniform && alike(BackendAccess::body(expert.gate()), BackendAccess::body(first.gate())) &&
              alike(BackendAccess::body(expert.up()), BackendAccess::body(first.gate())) &&
              alike(BackendAccess::body(expert.down()), BackendAccess::body(first.down()));
  }
  return FusedBank(std::move(experts), uniform);
}

std::size_t FusedBank::scratch_bytes(std::size_t T) const noexcept {
  std::size_t most = 0;
  for (const Mlp& expert : experts_) most = std::max(most, expert.scratch_bytes(T));
  return most;
}

MoeScratch FusedBank::batch_scratch_bytes(std::size_t T, std::size_t pairs) const noexcept {
  const LinearBody& gate = BackendAccess::body(experts_[0].gate());
  const LinearBody& down = BackendAccess::body(experts_[0].down());
  const std::size_t block = std::min(T, Assignment::kBlockRows);
  ScratchSize own;
  own.bytes(backend::operand_bytes(gate, T));
  if (down.operand_blocks() == 0) {
    own.rows(pairs, down.in_width());
  } else {
    own.bytes(backend::operand_bytes(down, pairs));
  }
  ScratchSize inner;
  if (gate.operand_blocks() == 0) {
    inner.rows(block, gate.in_width());
  } else {
    inner.bytes(backend::operand_bytes(gate, block));
  }
  std::size_t body = 0;
  std::size_t last = 0;
  for (const Mlp& expert : experts_) {
    body = std::max({body, BackendAccess::body(expert.gate()).scratch_bytes(block),
                     BackendAccess::body(expert.up()).scratch_bytes(block)});
    last = std::max(last, BackendAccess::body(expert.down()).scratch_bytes(block));
  }
  inner.rows(block, kRange).rows(block, kRange).bytes(body);
  return {.own = own.total(),
          .worker = std::max(inner.total(), ScratchSize().rows(block, down.out_width()).bytes(last).total())};
}

Status FusedBank::run_batch(ConstRows x, const Assignment& assignment, Rows y, Workers& workers) const noexcept {
  const LinearBody& gate = BackendAccess::body(experts_[0].gate());
  const LinearBody& down = BackendAccess::body(experts_[0].down());
  Workspace& own = workers.own();
  const Workspace::Frame frame(own);
  Batch batch{.x = x, .assignment = assignment, .input = {}, .gated_blocks = {}, .gated = {}};
  MOXIE_TRY_LET(batch.input, backend::take_table(gate, x.rows, own));
  MOXIE_TRY_LET(batch.gated_blocks, backend::take_table(down, assignment.num_pairs(), own));
  if (batch.gated_blocks.data == nullptr) {
    MOXIE_TRY_LET(batch.gated, own.rows(assignment.num_pairs(), down.in_width()));
  }
  if (batch.input.data != nullptr) {
    const LinearBody* const quantizer = &gate;
    MOXIE_TRY(backend::quantize_rows(x, {&quantizer, 1}, {&batch.input, 1}, workers));
  }
  MOXIE_TRY(run_inner(batch, workers));
  return run_down(batch, y, workers);
}

Status FusedBank::run_inner(const Batch& batch, Workers& workers) const noexcept {
  const std::size_t n_ranges = (experts_[0].inner_width() + kRange - 1) / kRange;
  return workers.each(batch.assignment.num_tasks() * n_ranges, [&](std::size_t task, Workspace& ws) {
    return run_inner_range(batch, batch.assignment.block(task / n_ranges), task % n_ranges * kRange, ws);
  });
}

Status FusedBank::run_inner_range(const Batch& batch, const Assignment::Block& block, std::size_t column,
                                  Workspace& ws) const noexcept {
  if (batch.assignment.is_elsewhere(block)) return {};
  const LinearBody& gate = BackendAccess::body(experts_[block.expert].gate());
  const LinearBody& up = BackendAccess::body(experts_[block.expert].up());
  const LinearBody& down = BackendAccess::body(experts_[block.expert].down());
  const std::span<const std::size_t> rows = batch.assignment.rows_of(block);
  const bool together = rows.back() - rows.front() + 1 == rows.size();  // they ascend
  Operand operand;
  if (batch.input.data == nullptr) {
    if (together) {
      operand.rows = batch.x.slice(rows.front(), rows.size());
    } else {
      MOXIE_TRY_LET(const Rows gathered, ws.rows(rows.size(), batch.x.width));
      for (std::size_t i = 0; i < rows.size(); ++i) std::copy_n(batch.x.row(rows[i]), batch.x.width, gathered.row(i));
      operand.rows = gathered;
    }
  } else if (together) {
    operand = batch.input.operand(rows.front(), rows.size());
  } else {
    MOXIE_TRY_LET(const BlockTable gathered, backend::take_table(gate, rows.size(), ws));
    for (std::size_t b = 0; b < gate.operand_blocks(); ++b) {
      const backend::quant::Activations* from = batch.input.data + b * batch.input.stride;
      backend::quant::Activations* to = gathered.data + b * gathered.stride;
      for (std::size_t i = 0; i < rows.size(); ++i) to[i] = from[rows[i]];
    }
    operand = gathered.operand(0, rows.size());
  }

  const std::size_t width = std::min(kRange, gate.out_width() - column);
  const std::size_t begin = column / gate.tile_width();
  const std::size_t end = (column + width + gate.tile_width() - 1) / gate.tile_width();
  MOXIE_TRY_LET(const Rows up_rows, ws.rows(rows.size(), width));
  Rows gated;
  if (batch.gated_blocks.data == nullptr) {
    gated = columns_of(batch.gated.slice(block.begin, block.count), column, width);
  } else {
    MOXIE_TRY_LET(gated, ws.rows(rows.size(), width));
  }
  MOXIE_TRY(gate.run(operand, gated, begin, end, ws));
  MOXIE_TRY(up.run(operand, up_rows, begin, end, ws));
  const GatedActivation activation = experts_[block.expert].activation();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    gate_times(activation, gated.row(i), up_rows.row(i), gated.row(i), width);
  }
  if (batch.gated_blocks.data != nullptr) down.quantize(gated, column, block.begin, batch.gated_blocks);
  return {};
}

Status FusedBank::run_down(const Batch& batch, Rows y, Workers& workers) const noexcept {
  const LinearBody& first = BackendAccess::body(experts_[0].down());
  const Cut cut(first.tiles(), workers.width() == 1 ? 1 : workers.width() * 4);
  return each_range(workers, cut, [&](Range range, Workspace& ws) -> Status {
    const auto [begin, end] = range;
    const std::size_t column = begin * first.tile_width();
    const Rows part = columns_of(y, column, std::min(end * first.tile_width(), first.out_width()) - column);
    for (std::size_t t = 0; t < part.rows; ++t) std::fill_n(part.row(t), part.width, 0.0f);
    const std::size_t blocks = batch.assignment.num_tasks();
    for (std::size_t b = 0; b < blocks; ++b) {  // by expert, ascending
      const Assignment::Block block = batch.assignment.block(b);
      const Operand operand = batch.gated_blocks.data != nullptr
                                  ? batch.gated_blocks.operand(block.begin, block.count)
                                  : Operand{.rows = batch.gated.slice(block.begin, block.count)};
      const Workspace::Frame frame(ws);
      MOXIE_TRY_LET(const Rows output, ws.rows(block.count, part.width));
      if (!batch.assignment.is_elsewhere(block)) {
        MOXIE_TRY(BackendAccess::body(experts_[block.expert].down()).run(operand, output, begin, end, ws));
      }
      const std::span<const std::size_t> rows = batch.assignment.rows_of(block);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const float* const elsewhere = batch.assignment.output_of(block.begin + i);
        fma_into(batch.assignment.weight(block.begin + i), elsewhere != nullptr ? elsewhere + column : output.row(i),
                 part.row(rows[i]), part.width);
      }
    }
    return {};
  });
}

}  // namespace moxie::moe
