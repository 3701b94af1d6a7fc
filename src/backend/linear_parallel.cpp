// SPDX-License-Identifier: Apache-2.0
#include "backend/linear_parallel.hpp"

#include <algorithm>
#include <array>

#include <moxie/core/ranges.hpp>
#include <moxie/core/scratch.hpp>

namespace moxie::inline abi1::backend {

namespace {

/// A product made ready: its rows, and the tasks that it is cut into.
struct Ready {
  Operand operand;
  Cut tiles{0, 0};
  Cut rows{0, 0};
  std::size_t first_task = 0;
};

Status run_task(const Product& product, const Ready& ready, std::size_t task, Workspace& workspace) noexcept {
  const Range tiles = ready.tiles[task / ready.rows.size()];
  const Range rows = ready.rows[task % ready.rows.size()];
  const std::size_t first = tiles.begin * product.body->tile_width();
  const std::size_t width = std::min(tiles.end * product.body->tile_width(), product.body->out_width()) - first;
  return product.body->run(ready.operand.slice(rows.begin, rows.size()),
                           Rows(product.y.row(rows.begin) + first, rows.size(), width, product.y.stride), tiles.begin,
                           tiles.end, workspace);
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

Status quantize_rows(ConstRows x, std::span<const LinearBody* const> bodies, std::span<const BlockTable> tables,
                     Workers& workers) noexcept {
  // Fewer than 16 rows should wake nobody.
  const Cut cut(x.rows, std::min(Cut::of_at_most(x.rows, 16).size(), workers.width() * 4));
  return each_range(workers, cut, [&](Range rows, Workspace&) -> Status {
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      bodies[i]->quantize(x.slice(rows.begin, rows.size()), 0, rows.begin, tables[i]);
    }
    return {};
  });
}

PhaseWork work_of(std::span<const Product> products, std::size_t rows) noexcept {
  PhaseWork work;
  for (const Product& product : products) work += product.body->work(rows);
  return work;
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
    MOXIE_TRY(quantize_rows(x, std::span(quantizers).first(n_tables), std::span(tables).first(n_tables), workers));
  }

  // Tasks are runs of tiles, and blocks of rows where there are fewer tiles than threads. A few for
  // each worker let an uneven machine even out; neither cut changes a bit.
  const std::size_t wanted = workers.width() == 1 ? products.size() : workers.width() * 4;
  std::size_t tasks = 0;
  for (std::size_t i = 0; i < products.size(); ++i) {
    const LinearBody& body = *products[i].body;
    const std::size_t share = std::max<std::size_t>((wanted * body.out_width() + columns / 2) / columns, 1);
    ready[i].tiles = Cut(body.tiles(), share);
    const std::size_t most = Cut::of_at_most(x.rows, 32).size();
    ready[i].rows = Cut(x.rows, std::clamp<std::size_t>(share / ready[i].tiles.size(), 1, most));
    ready[i].first_task = tasks;
    tasks += ready[i].tiles.size() * ready[i].rows.size();
  }
  return workers.each(tasks, [&](std::size_t task, Workspace& workspace) -> Status {
    std::size_t i = products.size() - 1;
    while (task < ready[i].first_task) --i;
    return run_task(products[i], ready[i], task - ready[i].first_task, workspace);
  });
}

}  // namespace moxie::backend
