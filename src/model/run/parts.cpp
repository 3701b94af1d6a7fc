// SPDX-License-Identifier: Apache-2.0
#include "model/run/parts.hpp"

#include <cmath>

namespace moxie::inline abi1::model {

void RmsNorm::apply(const float* x, float* y) const noexcept {
  const std::size_t n = weight_.size();
  Lanes lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += x[i + lane] * x[i + lane];
  }
  for (; i < n; ++i) lanes[i % kLanes] += x[i] * x[i];
  const float factor = 1.0f / std::sqrt(sum_lanes(lanes) / static_cast<float>(n) + eps_);
  for (i = 0; i < n; ++i) y[i] = x[i] * factor * weight_[i];
}

}  // namespace moxie::model
