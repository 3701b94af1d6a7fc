// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <new>

#include "backend/linear_body.hpp"
#include "backend/worker.hpp"

namespace moxie::inline abi1::backend {

namespace {

template <class Element>
void pack(const Weights& weights, std::size_t column, std::size_t columns, std::size_t width, Element* panel) noexcept {
  const std::size_t depth = weights.in_width;
  for (std::size_t n = columns; n < width; ++n) {
    for (std::size_t k = 0; k < depth; ++k) panel[k * width + n] = 0;
  }
  // 16 k at a time: one cache line of each source row, and whole lines of the panel stay in L1.
  constexpr std::size_t kBlock = 64 / sizeof(Element);
  for (std::size_t begin = 0; begin < depth; begin += kBlock) {
    const std::size_t count = depth - begin < kBlock ? depth - begin : kBlock;
    for (std::size_t n = 0; n < columns; ++n) {
      Element row[kBlock];  // through memcpy: the source may lie on any byte
      std::memcpy(row, weights.data + ((column + n) * depth + begin) * sizeof(Element), count * sizeof(Element));
      for (std::size_t k = 0; k < count; ++k) panel[(begin + k) * width + n] = row[k];
    }
  }
}

PanelType panel_type(ElementType type) noexcept {
  return type == ElementType::kF32 ? PanelType::kF32 : type == ElementType::kBF16 ? PanelType::kBF16 : PanelType::kF16;
}

class NativeLinear final : public LinearBody {
 public:
  NativeLinear(const Ops& ops, const Weights& weights, std::span<const float> bias)
      : LinearBody(weights, bias), element_size_(size_of(weights.type)) {
    const auto type = static_cast<std::size_t>(panel_type(weights.type));
    gemm_ = ops.gemm[type];
    constexpr const char* kTypes[] = {"f32", "bf16", "f16"};
    path_ = std::string("native ") + ops.isa + " " + kTypes[type];
  }

  Status pack_all(const Weights& weights, const Packing& packing) {
    const std::size_t last = out_width() / kPanelWidth * kPanelWidth;
    stored_bytes_ = (last + stored_width(out_width() - last)) * in_width() * element_size_;
    if (weights.tiled) {
      panels_ = weights.data;
      return {};
    }
    MOXIE_TRY_LET(packed_, packing.take(stored_bytes_));
    panels_ = packed_.data();
    return each_tile(packing.executor, tiles(), [&](std::size_t begin, std::size_t end) {
      for (std::size_t column = begin * kPanelWidth; column < end * kPanelWidth && column < out_width();
           column += kPanelWidth) {
        const std::size_t columns = panel_columns(out_width(), column);
        pack_panel(weights, column, columns, stored_width(columns),
                   packed_.data() + column * in_width() * element_size_);
      }
    });
  }

  [[nodiscard]] std::size_t tile_width() const noexcept override { return kPanelWidth; }
  [[nodiscard]] std::size_t bytes() const noexcept override { return stored_bytes_; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept override { return 0; }

  Status run(const Operand& operand, Rows y, std::size_t begin, std::size_t end, Workspace&) const noexcept override {
    const ConstRows& x = operand.rows;
    for (std::size_t column = begin * kPanelWidth; column < end * kPanelWidth && column < out_width();
         column += kPanelWidth) {
      const std::size_t columns = panel_columns(out_width(), column);
      gemm_({.x = x.data,
             .x_stride = x.stride,
             .rows = x.rows,
             .depth = in_width(),
             .panel = panels_ + column * in_width() * element_size_,
             .panel_width = stored_width(columns),
             .columns = columns,
             .bias = bias(column),
             .y = y.data + (column - begin * kPanelWidth),
             .y_stride = y.stride});
    }
    return {};
  }

 private:
  void (*gemm_)(const GemmArgs&) noexcept = nullptr;
  std::size_t element_size_;
  std::size_t stored_bytes_ = 0;
  WeightMemory packed_;                // or nothing: panels of a packed file are used as they lie
  const std::byte* panels_ = nullptr;  // one after the other; only the last may be narrower
};

}  // namespace

void pack_panel(const Weights& weights, std::size_t column, std::size_t columns, std::size_t width,
                void* panel) noexcept {
  if (size_of(weights.type) == 4) {
    pack(weights, column, columns, width, static_cast<std::uint32_t*>(panel));
  } else {
    pack(weights, column, columns, width, static_cast<std::uint16_t*>(panel));
  }
}

void pack_panel_tiles(const Weights& weights, std::size_t first, std::size_t count, std::byte* tiles) {
  const std::size_t tile_bytes = kVectorWidth * weights.in_width * size_of(weights.type);
  std::vector<std::byte> panel;
  for (std::size_t tile = first; tile < first + count;) {
    const std::size_t column = tile * kVectorWidth / kPanelWidth * kPanelWidth;
    const std::size_t columns = panel_columns(weights.out_width, column);
    const std::size_t n_tiles = stored_width(columns) / kVectorWidth;
    const std::size_t skip = tile - column / kVectorWidth;
    const std::size_t wanted = std::min(n_tiles - skip, first + count - tile);
    panel.resize(n_tiles * tile_bytes);
    pack_panel(weights, column, columns, stored_width(columns), panel.data());
    std::copy_n(panel.data() + skip * tile_bytes, wanted * tile_bytes, tiles);
    tiles += wanted * tile_bytes;
    tile += wanted;
  }
}

BodyResult make_native_linear(const Ops& ops, const Weights& weights, std::span<const float> bias,
                              const Packing& packing) {
  auto body = std::make_shared<NativeLinear>(ops, weights, bias);
  MOXIE_TRY(body->pack_all(weights, packing));
  return std::shared_ptr<const LinearBody>(std::move(body));
}

}  // namespace moxie::backend
