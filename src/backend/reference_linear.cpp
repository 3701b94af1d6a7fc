// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <memory>

#include "backend/linear_body.hpp"

namespace moxie::inline abi1::backend {

namespace {

/// Three loops over weights as f32, in the order that the native kernels document. What they are
/// compared with, and slow.
class ReferenceLinear final : public LinearBody {
 public:
  ReferenceLinear(const Weights& weights, std::span<const float> bias) : LinearBody(weights, bias) {
    path_ = "reference";
  }

  Status widen(const Weights& weights, const Packing& packing) {
    const std::size_t count = in_width() * out_width();
    MOXIE_TRY_LET(weights_, packing.take(count * sizeof(float)));
    const std::span<float> out = weights_.as<float>();
    for (std::size_t i = 0; i < count; ++i) {
      if (weights.type == ElementType::kF32) {
        std::memcpy(&out[i], weights.data + i * 4, 4);
      } else {
        std::uint16_t bits = 0;
        std::memcpy(&bits, weights.data + i * 2, 2);
        out[i] = weights.type == ElementType::kBF16 ? widen_bf16(bits) : widen_f16(bits);
      }
    }
    return {};
  }

  [[nodiscard]] std::size_t tile_width() const noexcept override { return kPanelWidth; }
  [[nodiscard]] std::size_t bytes() const noexcept override { return weights_.size(); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept override { return 0; }

  Status run(const Operand& operand, Rows y, std::size_t begin, std::size_t end, Workspace&) const noexcept override {
    const ConstRows& x = operand.rows;
    const ConstRows w(weights_.as<const float>().data(), out_width(), in_width());
    for (std::size_t t = 0; t < x.rows; ++t) {
      for (std::size_t n = begin * kPanelWidth; n < end * kPanelWidth && n < out_width(); ++n) {
        float sum = 0.0f;
        for (std::size_t k = 0; k < in_width(); ++k) sum = std::fma(x.row(t)[k], w.row(n)[k], sum);
        y.row(t)[n - begin * kPanelWidth] = bias(n) == nullptr ? sum : sum + *bias(n);
      }
    }
    return {};
  }

 private:
  WeightMemory weights_;
};

}  // namespace

BodyResult make_reference_linear(const Weights& weights, std::span<const float> bias, const Packing& packing) {
  auto body = std::make_shared<ReferenceLinear>(weights, bias);
  MOXIE_TRY(body->widen(weights, packing));
  return std::shared_ptr<const LinearBody>(std::move(body));
}

}  // namespace moxie::backend
