// SPDX-License-Identifier: Apache-2.0
#include "backend/linear_parallel.hpp"

#include <algorithm>
#include <array>

#include <moxie/core/scratch.hpp>

namespace moxie::inline abi1::backend {

namespace {

/// A product made ready: its rows, and the tasks that it is cut into.
struct Ready {
  Operand operand;
  std::size_t column_tasks = 0;
  std::size_t row_tasks = 0;
  std::size_t first_task = 0;
};

Status run_task(const Product& product, const Ready& ready, std::size_t task, Workspace& workspace) noexcept {
  const std::size_t tiles = product.body->tiles();
  const std::size_t column = task / ready.row_tasks;
  const std::size_t block = (product.y.rows + ready.row_tasks - 1) / ready.row_tasks;
  const std::size_t row = std::min(task % ready.row_tasks * block, product.y.rows);
  const std::size_t rows = std::min(block, product.y.rows - row);
  const std::size_t begin = column * tiles / ready.column_tasks;
  const std::size_t end = (column + 1) * tiles / ready.column_tasks;
  if (rows == 0 || begin == end) return {};
  const std::size_t first = begin * product.body->tile_width();
  const std::size_t width = std::min(end * product.body->tile_width(), product.body->out_width()) - first;
  return product.body->run(ready.operand.slice(row, rows),
                           Rows(product.y.row(row) + first, rows, width, product.y.stride), begin, end, workspace);
}

}  // namespace

Status check_shapes(const LinearBody& body, ConstRows x, Rows y) noexcept {
  if (x.width != body.in_width() || x.stride < x.width) {
    return Status(Code::kShape, "Linear::apply", Text("x of [T, ", body.in_width(), "]"),
                  Text("[", x.rows, ", ", x.width, "] with stride ", x.stride));
  }
  if (y.rows != x.rows || y.width != body.out_width() || y.stride < y.width) {
    return Status(Code::kShape, "Linear::apply", Text("y of [", x.rows, ", ", body.out_width(), "]"),
                  Text("[", y.rows, ", ", y.width, "] with stride ", y.stride));
  }
  return {};
}

std::size_t operand_bytes(const LinearBody& body, std::size_t rows) noexcept {
  return ScratchSize().table<quant::Activations>(rows, body.operand_blocks()).total();
}

Result<BlockTable> take_table(const LinearBody& body, std::size_t rows, Workspace& workspace) noexcept {
  if (body.operand_blocks() == 0) return BlockTable{};
  const std::size_t count = ScratchSize::product(rows, body.operand_blocks());
  MOXIE_TRY_LET(const std::span<quant::Activations> blocks, workspace.take<quant::Activations>(count));
  return BlockTable{.data = blocks.data(), .stride = rows};
}

Status run_products(ConstRows x, std::span<const Product> products, Workers& workers) noexcept {
  if (products.size() > kMaxProducts) {
    return Status(Code::kInvalidArgument, "run_products", Text("at most ", kMaxProducts), Text(products.size()));
  }
  for (const Product& product : products) MOXIE_TRY(check_shapes(*product.body, x, product.y));
  if (x.rows == 0) return {};
  const Workspace::Frame frame(workers.own());
  std::array<Ready, kMaxProducts> ready;
  std::array<BlockTable, kMaxProducts> tables;
  std::array<const LinearBody*, kMaxProducts> quantizers{};
  std::size_t n_tables = 0;
  std::size_t columns = 0;
  for (std::size_t i = 0; i < products.size(); ++i) {
    const LinearBody& body = *products[i].body;
    columns += body.out_width();
    ready[i].operand = {.rows = x};
    if (body.operand_blocks() == 0) continue;
    std::size_t t = 0;
    while (t < n_tables && !quantizers[t]->shares_operand(body)) ++t;
    if (t == n_tables) {
      MOXIE_TRY_LET(tables[t], take_table(body, x.rows, workers.own()));
      quantizers[t] = &body;
      ++n_tables;
    }
    ready[i].operand = tables[t].operand(0, x.rows);
  }
  if (n_tables != 0) {
    const std::size_t tasks = std::min((x.rows + 15) / 16, workers.width() * 4);  // fewer rows should wake nobody
    MOXIE_TRY(workers.each(tasks, [&](std::size_t task, Workspace&) -> Status {
      const std::size_t begin = task * x.rows / tasks;
      const std::size_t count = (task + 1) * x.rows / tasks - begin;
      for (std::size_t t = 0; t < n_tables; ++t) quantizers[t]->quantize(x.slice(begin, count), 0, begin, tables[t]);
      return {};
    }));
  }

  // Tasks are runs of tiles, and blocks of rows where there are fewer tiles than threads. A few for
  // each worker let an uneven machine even out; neither cut changes a bit.
  const std::size_t wanted = workers.width() == 1 ? products.size() : workers.width() * 4;
  std::size_t tasks = 0;
  for (std::size_t i = 0; i < products.size(); ++i) {
    const LinearBody& body = *products[i].body;
    const std::size_t share = std::max<std::size_t>((wanted * body.out_width() + columns / 2) / columns, 1);
    ready[i].column_tasks = std::min(body.tiles(), share);
    ready[i].row_tasks = std::clamp<std::size_t>(share / ready[i].column_tasks, 1, (x.rows + 31) / 32);
    ready[i].first_task = tasks;
    tasks += ready[i].column_tasks * ready[i].row_tasks;
  }
  return workers.each(tasks, [&](std::size_t task, Workspace& workspace) -> Status {
    std::size_t i = products.size() - 1;
    while (task < ready[i].first_task) --i;
    return run_task(products[i], ready[i], task - ready[i].first_task, workspace);
  });
}

}  // namespace moxie::backend
