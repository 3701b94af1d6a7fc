// SPDX-License-Identifier: Apache-2.0
#include "model/run/parts.hpp"

#include <cmath>

namespace moxie::inline abi1::model {

namespace {

float sum_of(const float* x, std::size_t n) noexcept {
  Lanes lanes{};
  for (std::size_t i = 0; i < n; ++i) lanes[i % kLanes] += x[i];
  return sum_lanes(lanes);
}

/// Of what x is more than `mean`.
float squares_of(const float* x, std::size_t n, float mean) noexcept {
  Lanes lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float off = x[i + lane] - mean;
      lanes[lane] += off * off;
    }
  }
  for (; i < n; ++i) lanes[i % kLanes] += (x[i] - mean) * (x[i] - mean);
  return sum_lanes(lanes);
}

}  // namespace

void Norm::apply(const float* x, float* y) const noexcept {
  const std::size_t n = weight_.size();
  if (!centred_) {
    const float factor = 1.0f / std::sqrt(squares_of(x, n, 0.0f) / static_cast<float>(n) + eps_);
    for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * factor * weight_[i];
    return;
  }
  const float mean = sum_of(x, n) / static_cast<float>(n);
  const float factor = 1.0f / std::sqrt(squares_of(x, n, mean) / static_cast<float>(n) + eps_);
  for (std::size_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * factor * weight_[i];
  if (!bias_.empty()) add(bias_.data(), y, n);
}

float QueryScale::at(Position position) const noexcept {
  if (beta == 0) return 1;
  const double lengths =
      std::floor((static_cast<double>(position) + static_cast<double>(offset)) / static_cast<double>(length));
  return static_cast<float>(1 + beta * std::log(1 + lengths));
}

}  // namespace moxie::model
