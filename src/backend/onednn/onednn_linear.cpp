// SPDX-License-Identifier: Apache-2.0
#include "backend/onednn/onednn_linear.hpp"

#include <algorithm>
#include <cstring>

namespace moxie::inline abi1::backend {

namespace {

/// Columns of a tile: what one task computes. 64 columns of 2,048 f32 fill 512 KiB, which stays in L2
/// between blocks of rows.
constexpr std::size_t kTile = 64;

std::uint16_t narrow_bf16(float exact) noexcept {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(exact) >> 16);
}

/// 16-bit weights stay 16 bits in memory, in oneDNN's f32 layout; a tile is widened just before use.
class OneDnnLinear final : public LinearBody {
 public:
  OneDnnLinear(std::shared_ptr<const Product> full, std::shared_ptr<const Product> last, const Weights& weights,
               std::span<const float> bias)
      : LinearBody(weights, bias),
        full_(std::move(full)),
        last_(std::move(last)),
        type_(weights.type),
        element_size_(size_of(weights.type)) {
    const auto& product = full_ != nullptr ? *full_ : *last_;
    tile_bytes_ = full_ == nullptr ? 0 : align(full_->packed_floats() * element_size_);
    path_ = "onednn " + product.implementation();
    if (last_ != nullptr && last_->implementation() != product.implementation()) {
      path_ += " and, for the last columns, " + last_->implementation();
    }
    path_ += (type_ == ElementType::kF32 ? " f32" : " bf16");
  }

  Status pack_all(const Weights& weights, const Packing& packing) {
    const std::size_t whole = out_width() / kTile;
    const std::size_t rest = last_ == nullptr ? 0 : align(last_->packed_floats() * element_size_);
    MOXIE_TRY_LET(packed_, packing.take(whole * tile_bytes_ + rest));
    std::vector<float> rows(kTile * in_width());
    std::vector<float> packed;
    for (std::size_t tile = 0; tile < tiles(); ++tile) {
      const Product& product = *product_of(tile);
      read_rows(weights, tile * kTile, product.columns(), rows.data());
      std::byte* to = packed_.data() + tile * tile_bytes_;
      if (type_ == ElementType::kF32) {
        product.pack(rows.data(), reinterpret_cast<float*>(to));
        continue;
      }
      packed.assign(product.packed_floats(), 0.0f);
      product.pack(rows.data(), packed.data());
      auto* narrow = reinterpret_cast<std::uint16_t*>(to);
      std::transform(packed.begin(), packed.end(), narrow, narrow_bf16);
    }
    return {};
  }

  [[nodiscard]] std::size_t tile_width() const noexcept override { return kTile; }
  [[nodiscard]] std::size_t bytes() const noexcept override { return packed_.size(); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t rows) const noexcept override {
    const std::size_t block = std::min(rows, Product::kRows[0]);
    std::size_t bytes = Workspace::bytes_for<float>(block * kTile) + Workspace::bytes_for<float>(block * in_width());
    if (type_ != ElementType::kF32) {
      const std::size_t full = full_ == nullptr ? 0 : full_->packed_floats();
      const std::size_t last = last_ == nullptr ? 0 : last_->packed_floats();
      bytes += Workspace::bytes_for<float>(std::max(full, last));
    }
    return bytes;
  }

  Status run(const Operand& operand, Rows y, std::size_t begin, std::size_t end,
             Workspace& workspace) const noexcept override try {
    const ConstRows& x = operand.rows;
    if (workspace.worker() == nullptr || workspace.worker()->engine() == nullptr) {
      OneDnnWorker cold;  // a bare workspace: right, but the warm objects are made anew
      return run_warm(x, y, begin, end, workspace, cold);
    }
    return run_warm(x, y, begin, end, workspace, static_cast<OneDnnWorker&>(*workspace.worker()->engine()));
  } catch (const std::bad_alloc&) {
    return Status(Code::kNoMemory, "Linear::apply", "memory for oneDNN", "a refusal from the system");
  } catch (const dnnl::error& error) {
    return Status(code_of(error, Code::kInternal), "Linear::apply", "oneDNN to run a matmul that it had run before",
                  error.what());
  }

  Status warm_up(Worker& worker) const override try {
    if (worker.engine() == nullptr) return {};
    auto& warm = static_cast<OneDnnWorker&>(*worker.engine());
    for (const auto& product : {full_, last_}) {
      if (product != nullptr) static_cast<void>(warm.warm(product));
    }
    return {};
  } catch (const dnnl::error& error) {
    return Status(code_of(error, Code::kInternal), "Linear::warm_up", "oneDNN to make a matmul that it had made before",
                  error.what());
  }

 private:
  static std::size_t align(std::size_t bytes) noexcept { return Workspace::bytes_for<std::byte>(bytes); }

  [[nodiscard]] const std::shared_ptr<const Product>& product_of(std::size_t tile) const noexcept {
    return tile < out_width() / kTile ? full_ : last_;
  }

  void read_rows(const Weights& weights, std::size_t row, std::size_t rows, float* out) const noexcept {
    const std::byte* from = weights.data + row * in_width() * element_size_;
    for (std::size_t i = 0; i < rows * in_width(); ++i) {
      if (type_ == ElementType::kF32) {
        std::memcpy(out + i, from + i * 4, 4);
      } else {
        std::uint16_t bits = 0;
        std::memcpy(&bits, from + i * 2, 2);
        out[i] = widen_bf16(bits);
      }
    }
  }

  Status run_warm(ConstRows x, Rows y, std::size_t begin, std::size_t end, Workspace& workspace,
                  OneDnnWorker& worker) const {
    const OnOneThread one_thread;
    const std::size_t most = std::min(x.rows, Product::kRows[0]);
    const Workspace::Frame frame(workspace);
    MOXIE_TRY_LET(const Rows out, workspace.rows(most, kTile));
    MOXIE_TRY_LET(const Rows in, workspace.rows(x.is_dense() ? 0 : most, in_width()));
    for (std::size_t tile = begin; tile < end; ++tile) {
      const Product& product = *product_of(tile);
      const Workspace::Frame tile_frame(workspace);
      MOXIE_TRY_LET(const float* weights, widened(product, tile, workspace));
      Product::Warm& warm = worker.warm(product_of(tile));
      std::size_t step = 0;
      for (std::size_t row = 0; row < x.rows;) {
        const std::size_t count = Product::kRows[step];
        if (count > x.rows - row) {
          ++step;
          continue;
        }
        const float* from = x.row(row);
        if (!x.is_dense()) {
          for (std::size_t i = 0; i < count; ++i) std::copy_n(x.row(row + i), in_width(), in.row(i));
          from = in.data;
        }
        product.run(warm, step, from, weights, out.data);
        store(out.data, product.columns(), y.slice(row, count), tile * kTile, begin * kTile);
        row += count;
      }
    }
    return {};
  }

  [[nodiscard]] Result<const float*> widened(const Product& product, std::size_t tile, Workspace& workspace) const {
    const std::byte* packed = packed_.data() + tile * tile_bytes_;
    if (type_ == ElementType::kF32) return reinterpret_cast<const float*>(packed);
    const auto* narrow = reinterpret_cast<const std::uint16_t*>(packed);
    MOXIE_TRY_LET(const std::span<float> wide, workspace.take<float>(product.packed_floats()));
    for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = widen_bf16(narrow[i]);
    return static_cast<const float*>(wide.data());
  }

  void store(const float* out, std::size_t columns, Rows y, std::size_t column, std::size_t first) const noexcept {
    const float* add = bias(column);
    for (std::size_t i = 0; i < y.rows; ++i, out += columns) {
      float* to = y.row(i) + (column - first);
      for (std::size_t n = 0; n < columns; ++n) to[n] = add == nullptr ? out[n] : out[n] + add[n];
    }
  }

  std::shared_ptr<const Product> full_;  // null where all columns fit in one narrower tile
  std::shared_ptr<const Product> last_;  // null where the width is a multiple of kTile
  ElementType type_;
  std::size_t element_size_;
  std::size_t tile_bytes_ = 0;
  WeightMemory packed_;
};

}  // namespace

BodyResult make_onednn_linear(const ProductFor& product_for, const Weights& weights, std::span<const float> bias,
                              const Packing& packing) {
  std::shared_ptr<const Product> full, last;
  if (weights.out_width >= kTile) {
    MOXIE_TRY_LET(full, product_for(weights.in_width, kTile));
  }
  if (weights.out_width % kTile != 0) {
    MOXIE_TRY_LET(last, product_for(weights.in_width, weights.out_width % kTile));
  }
  auto body = std::make_shared<OneDnnLinear>(std::move(full), std::move(last), weights, bias);
  MOXIE_TRY(body->pack_all(weights, packing));
  return std::shared_ptr<const LinearBody>(std::move(body));
}

}  // namespace moxie::backend
