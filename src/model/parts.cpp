// SPDX-License-Identifier: Apache-2.0
#include "model/parts.hpp"

#include <cmath>

namespace moxie::model {

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

Rope::Rope(std::size_t head_width, double theta) : frequencies_(head_width / 2) {
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    frequencies_[i] = std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_width));
  }
}

void Rope::fill(Position position, float* table) const noexcept {
  const std::size_t half = frequencies_.size();
  for (std::size_t i = 0; i < half; ++i) {
    const double angle = static_cast<double>(position) * frequencies_[i];
    table[i] = static_cast<float>(std::cos(angle));
    table[half + i] = static_cast<float>(std::sin(angle));
  }
}

void Rope::turn(const float* table, float* head) const noexcept {
  const std::size_t half = frequencies_.size();
  for (std::size_t i = 0; i < half; ++i) {
    const float low = head[i];
    const float high = head[half + i];
    head[i] = low * table[i] - high * table[half + i];
    head[half + i] = high * table[i] + low * table[half + i];
  }
}

}  // namespace moxie::model
