// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <moxie/backend/linear.hpp>
#include <moxie/core/phases.hpp>

#include "backend/cpu/ops.hpp"
#include "backend/quant/kernels/tile_format.hpp"
#include "backend/weight_arena.hpp"

namespace moxie::inline abi1::backend {

/// Rows as a body multiplies them: f32 as they are or, where it says so, quantized.
struct Operand {
  ConstRows rows;                              ///< f32; of quantized ones only their number means something
  const quant::Activations* blocks = nullptr;  ///< [in_width / 256, rounded up][stride], or null
  std::size_t stride = 0;

  [[nodiscard]] Operand slice(std::size_t begin, std::size_t count) const noexcept {
    if (blocks == nullptr) return {.rows = rows.slice(begin, count)};
    Operand part = *this;
    part.rows.rows = count;
    part.blocks += begin;
    return part;
  }
};

/// Where quantized rows go: block b of row r is data[b * stride + r].
struct BlockTable {
  quant::Activations* data = nullptr;
  std::size_t stride = 0;

  [[nodiscard]] Operand operand(std::size_t begin, std::size_t count) const noexcept {
    return {.rows = ConstRows(nullptr, count, 0), .blocks = data + begin, .stride = stride};
  }
};

/// One way to carry a product. Its columns come in tiles that do not know of each other: how tiles
/// are spread over threads changes nothing in the result.
class LinearBody {
 public:
  LinearBody(const Weights& weights, std::span<const float> bias)
      : in_width_(weights.in_width), out_width_(weights.out_width), bias_(bias.begin(), bias.end()) {}
  virtual ~LinearBody() = default;
  LinearBody(const LinearBody&) = delete;
  LinearBody& operator=(const LinearBody&) = delete;

  [[nodiscard]] std::size_t in_width() const noexcept { return in_width_; }
  [[nodiscard]] std::size_t out_width() const noexcept { return out_width_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::size_t tiles() const noexcept { return (out_width_ + tile_width() - 1) / tile_width(); }

  [[nodiscard]] virtual std::size_t tile_width() const noexcept = 0;
  [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;
  /// Of each thread that runs tiles.
  [[nodiscard]] virtual std::size_t scratch_bytes(std::size_t rows) const noexcept = 0;
  /// How rows are quantized for it; a block of 0: not at all. Bodies of one rule and width take the same operand.
  [[nodiscard]] virtual quant::ActivationRule rule() const noexcept { return {}; }
  /// Quantizes what stands in columns [column, column + x.width) of rows; both are whole blocks of 256, but for the
  /// end.
  virtual void quantize(ConstRows, std::size_t /*column*/, std::size_t /*row*/, const BlockTable&) const noexcept {}
  /// Makes what a thread needs to run it without making anything.
  virtual Status warm_up(Worker&) const { return {}; }
  /// Tiles [begin, end); y's first column is the first one's. Shapes are checked by the caller.
  virtual Status run(const Operand& x, Rows y, std::size_t begin, std::size_t end,
                     Workspace& workspace) const noexcept = 0;

  /// What it takes to multiply so many rows.
  [[nodiscard]] PhaseWork work(std::size_t rows) const noexcept {
    const std::uint64_t operations = std::uint64_t{2} * rows * in_width_ * out_width_;
    return {.bytes = bytes(),
            .int8_operations = rule().block == 0 ? 0 : operations,
            .f32_operations = rule().block == 0 ? operations : 0};
  }
  [[nodiscard]] std::size_t operand_blocks() const noexcept {
    return rule().block == 0 ? 0 : (in_width_ + quant::kSuper - 1) / quant::kSuper;
  }
  [[nodiscard]] bool shares_operand(const LinearBody& other) const noexcept {
    const quant::ActivationRule mine = rule();
    const quant::ActivationRule theirs = other.rule();
    return mine.block == theirs.block && mine.group == theirs.group && mine.bias == theirs.bias &&
           in_width_ == other.in_width_;
  }

 protected:
  /// Bias of the columns from `column`, or null.
  [[nodiscard]] const float* bias(std::size_t column) const noexcept {
    return bias_.empty() ? nullptr : bias_.data() + column;
  }
  std::string path_;

 private:
  std::size_t in_width_;
  std::size_t out_width_;
  std::vector<float> bias_;
};

using BodyResult = Result<std::shared_ptr<const LinearBody>>;

/// body(first, end) over tiles, by an executor in a few runs, or by the calling thread.
template <class F>
Status each_tile(Executor* executor, std::size_t tiles, F&& body) {
  if (executor == nullptr || executor->width() == 1 || tiles < 8) {
    body(std::size_t{0}, tiles);
    return {};
  }
  const std::size_t runs = std::min(tiles, executor->width() * 4);
  const auto task = [&](std::size_t run, std::size_t) noexcept { body(run * tiles / runs, (run + 1) * tiles / runs); };
  return executor->run(runs, TaskRef(task));
}

/// Where packed weights go, and who packs them.
struct Packing {
  WeightArena& arena;
  Budget* budget = nullptr;
  Executor* executor = nullptr;  ///< null: the calling thread

  [[nodiscard]] Result<WeightMemory> take(std::size_t bytes) const { return arena.take(bytes, budget); }
};

// These take the types of weights that product_list.cpp says.
BodyResult make_native_linear(const Ops& ops, const Weights& weights, std::span<const float> bias,
                              const Packing& packing);
/// Block-quantized weights in tiles, products in integers; kShape where the width is no number of blocks.
BodyResult make_quant_linear(const quant::QuantOps& ops, const Weights& weights, std::span<const float> bias,
                             const Packing& packing);
BodyResult make_reference_linear(const Weights& weights, std::span<const float> bias, const Packing& packing);

/// Tiles [first, first + count) of 16 columns each, as they lie in a packed file: quantized ones, and slices of the
/// panels of native bodies.
void pack_quant_tiles(const Weights& weights, std::size_t first, std::size_t count, std::byte* tiles) noexcept;
void pack_panel_tiles(const Weights& weights, std::size_t first, std::size_t count, std::byte* tiles);

/// Packs columns [column, column + columns) of `weights` as one panel: [in][width], zeros beyond.
/// `panel` has in_width * width elements of the panel's type.
void pack_panel(const Weights& weights, std::size_t column, std::size_t columns, std::size_t width,
                void* panel) noexcept;

/// Columns of the panel that begins at `column`: all that are left, at most kPanelWidth.
[[nodiscard]] constexpr std::size_t panel_columns(std::size_t out_width, std::size_t column) noexcept {
  return out_width - column < kPanelWidth ? out_width - column : kPanelWidth;
}
/// Its stored width: whole vectors.
[[nodiscard]] constexpr std::size_t stored_width(std::size_t columns) noexcept {
  return (columns + kVectorWidth - 1) / kVectorWidth * kVectorWidth;
}

}  // namespace moxie::backend
