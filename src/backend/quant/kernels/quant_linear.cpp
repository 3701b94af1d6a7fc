// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <string>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "backend/linear_body.hpp"
#include "backend/quant/kernels/tile_format.hpp"
#include "backend/quant/kernels/tile_packer.hpp"

namespace moxie::inline abi1::backend {

namespace {

using quant::Activations;

/// Weights in tiles of 16 output rows; activations quantized row by row, then integer products.
class QuantLinear final : public LinearBody {
 public:
  QuantLinear(const quant::QuantOps& ops, const Weights& weights, std::span<const float> bias)
      : LinearBody(weights, bias),
        ops_(ops),
        type_(weights.type),
        tile_bytes_(quant::tile_bytes(weights.type, weights.in_width)),
        rule_(quant::activation_rule(weights.type, ops.signed_bias)) {
    path_ = std::string("native ") + ops.isa + " " + std::string(name(type_));
  }

  Status pack_all(const Weights& weights, const Packing& packing) {
    if (weights.tiled) {
      tiles_ = weights.data;
      return {};
    }
    const auto size = checked::multiply(tiles(), tile_bytes_);
    if (!size || *size > SIZE_MAX) {
      return Status(Code::kNoMemory, "Linear", "tiles whose bytes can be counted",
                    Text(weights.out_width, " rows of ", weights.in_width));
    }
    MOXIE_TRY_LET(packed_, packing.take(static_cast<std::size_t>(*size)));
    tiles_ = packed_.data();
    return each_tile(packing.executor, tiles(), [&](std::size_t begin, std::size_t end) {
      pack_quant_tiles(weights, begin, end - begin, packed_.data() + begin * tile_bytes_);
    });
  }

  [[nodiscard]] std::size_t tile_width() const noexcept override { return quant::kTileRows; }
  [[nodiscard]] std::size_t bytes() const noexcept override { return tiles() * tile_bytes_; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept override { return 0; }
  [[nodiscard]] quant::ActivationRule rule() const noexcept override { return rule_; }

  void quantize(ConstRows x, std::size_t column, std::size_t row, const BlockTable& table) const noexcept override {
    Activations* out = table.data + column / quant::kSuper * table.stride + row;
    for (std::size_t r = 0; r < x.rows; ++r) {
      ops_.quantize({.x = x.row(r),
                     .count = x.width,
                     .block = rule_.block,
                     .group = rule_.group,
                     .bias = rule_.bias,
                     .out = out + r,
                     .out_stride = table.stride});
    }
  }

  Status run(const Operand& x, Rows y, std::size_t begin, std::size_t end, Workspace&) const noexcept override {
    const std::size_t column = begin * quant::kTileRows;
    for (std::size_t row = 0; row < x.rows.rows; row += quant::kMaxRows) {
      ops_.gemm[quant::format_index(type_)]({.x = x.blocks + row,
                                             .row_stride = x.stride,
                                             .supers = operand_blocks(),
                                             .chunks = (in_width() + quant::kChunk - 1) / quant::kChunk,
                                             .rows = std::min(quant::kMaxRows, x.rows.rows - row),
                                             .tile = tiles_ + begin * tile_bytes_,
                                             .tile_bytes = tile_bytes_,
                                             .tiles = end - begin,
                                             .columns = std::min(end * quant::kTileRows, out_width()) - column,
                                             .bias = bias(column),
                                             .y = y.row(row),
                                             .y_stride = y.stride});
    }
    return {};
  }

 private:
  const quant::QuantOps& ops_;
  ElementType type_;
  std::size_t tile_bytes_;
  quant::ActivationRule rule_;
  WeightMemory packed_;               // or nothing: tiles of a packed file are used as they lie
  const std::byte* tiles_ = nullptr;  // prefetches reach past the last one; nothing is read there
};

}  // namespace

void pack_quant_tiles(const Weights& weights, std::size_t first, std::size_t count, std::byte* tiles) noexcept {
  const std::size_t row_bytes = weights.row_bytes();
  const std::size_t bytes = quant::tile_bytes(weights.type, weights.in_width);
  for (std::size_t tile = first; tile < first + count; ++tile, tiles += bytes) {
    const std::size_t row = tile * quant::kTileRows;
    quant::pack_tile(weights.type, weights.data + row * row_bytes, row_bytes,
                     std::min(quant::kTileRows, weights.out_width - row), weights.in_width, tiles);
  }
}

BodyResult make_quant_linear(const quant::QuantOps& ops, const Weights& weights, std::span<const float> bias,
                             const Packing& packing) {
  const std::size_t block = traits(weights.type).block_elements;
  if (weights.in_width % block != 0) {
    return Status(Code::kShape, "Linear::create",
                  Text("an input width in blocks of ", block, " for ", name(weights.type)), Text(weights.in_width));
  }
  auto body = std::make_shared<QuantLinear>(ops, weights, bias);
  MOXIE_TRY(body->pack_all(weights, packing));
  return std::shared_ptr<const LinearBody>(std::move(body));
}

}  // namespace moxie::backend
