// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <moxie/expert/expert.hpp>
#include <moxie/expert/gated_mlp.hpp>

#include "support/plain_linear.hpp"

namespace moxie::test {

using PlainMlp = GatedMlp<PlainLinear>;

inline PlainMlp plain_mlp(std::size_t width, std::size_t inner, std::uint64_t seed) {
  return *PlainMlp::create(PlainLinear::random(inner, width, 3 * seed), PlainLinear::random(inner, width, 3 * seed + 1),
                           PlainLinear::random(width, inner, 3 * seed + 2));
}

/// A gated MLP of one row in double: each output with the size of what went into it. Rounding the
/// result in f32 costs at most mlp_roundings() of that size: the slope of silu is below 1.1, so an
/// error of gate or up arrives at most 2.1 times.
inline void mlp_in_double(const PlainMlp& mlp, std::span<const float> x, std::vector<double>& value,
                          std::vector<double>& magnitude) {
  value.assign(mlp.width(), 0.0);
  magnitude.assign(mlp.width(), 0.0);
  for (std::size_t h = 0; h < mlp.inner_width(); ++h) {
    double gate = 0.0, gate_size = 0.0, up = 0.0, up_size = 0.0;
    for (std::size_t d = 0; d < x.size(); ++d) {
      const double g = static_cast<double>(x[d]) * static_cast<double>(mlp.gate().weight(h, d));
      const double u = static_cast<double>(x[d]) * static_cast<double>(mlp.up().weight(h, d));
      gate += g, gate_size += std::abs(g);
      up += u, up_size += std::abs(u);
    }
    const double hidden = gate / (1.0 + std::exp(-gate)) * up;
    for (std::size_t d = 0; d < x.size(); ++d) {
      const double down = static_cast<double>(mlp.down().weight(d, h));
      value[d] += down * hidden;
      magnitude[d] += std::abs(down) * gate_size * up_size;
    }
  }
}

inline double mlp_roundings(const PlainMlp& mlp) {
  return 2.1 * static_cast<double>(mlp.width()) + static_cast<double>(mlp.inner_width()) + 12.0;
}

/// y = factor * x + offset, exact in small integers.
struct Scale {
  std::size_t D = 0;
  float factor = 1.0f;
  float offset = 0.0f;

  [[nodiscard]] std::size_t width() const noexcept { return D; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status run(ConstRows x, Rows y, Workspace&) const noexcept {
    MOXIE_TRY(check_expert_shapes("Scale::run", D, x, y));
    for (std::size_t t = 0; t < x.rows; ++t) {
      for (std::size_t d = 0; d < D; ++d) y[t][d] = std::fma(factor, x[t][d], offset);
    }
    return {};
  }
};

}  // namespace moxie::test
