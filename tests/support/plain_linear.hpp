// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <moxie/core/philox.hpp>
#include <moxie/expert/linear_op.hpp>

namespace moxie::test {

/// A LinearOp to check others by: every sum is one fma after another over k, for any T.
class PlainLinear {
 public:
  PlainLinear(std::size_t out_width, std::size_t in_width, std::vector<float> weights, std::vector<float> bias = {})
      : out_(out_width), in_(in_width), weights_(std::move(weights)), bias_(std::move(bias)) {}

  /// Weights in [-1, 1), of `seed` alone.
  static PlainLinear random(std::size_t out_width, std::size_t in_width, std::uint64_t seed) {
    std::vector<float> weights(out_width * in_width);
    const Philox draw(seed, 77);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = 2.0f * Philox::uniform(draw.block(i)[0]) - 1.0f;
    return {out_width, in_width, std::move(weights)};
  }

  [[nodiscard]] std::size_t in_width() const noexcept { return in_; }
  [[nodiscard]] std::size_t out_width() const noexcept { return out_; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status apply(ConstRows x, Rows y, Workspace&) const noexcept {
    if (x.width != in_ || y.width != out_ || x.rows != y.rows) {
      return Status(Code::kShape, "PlainLinear::apply", Text(in_, " to ", out_), Text(x.width, " to ", y.width));
    }
    for (std::size_t t = 0; t < x.rows; ++t) {
      for (std::size_t j = 0; j < out_; ++j) {
        float sum = 0.0f;
        for (std::size_t k = 0; k < in_; ++k) sum = std::fma(x[t][k], weight(j, k), sum);
        y[t][j] = bias_.empty() ? sum : sum + bias_[j];
      }
    }
    return {};
  }

  [[nodiscard]] PlainLinear with_bias(std::uint64_t seed) const {
    std::vector<float> bias = random(out_, 1, seed).weights_;
    return {out_, in_, weights_, std::move(bias)};
  }
  [[nodiscard]] float bias(std::size_t out) const noexcept { return bias_.empty() ? 0.0f : bias_[out]; }
  [[nodiscard]] float weight(std::size_t out, std::size_t in) const noexcept { return weights_[out * in_ + in]; }

 private:
  std::size_t out_;
  std::size_t in_;
  std::vector<float> weights_;
  std::vector<float> bias_;
};

static_assert(LinearOp<PlainLinear>);

}  // namespace moxie::test
