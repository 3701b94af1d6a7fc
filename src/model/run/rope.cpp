// SPDX-License-Identifier: Apache-2.0
#include "model/run/rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace moxie::inline abi1::model {

namespace {

double frequency(std::size_t i, std::size_t width, double theta) noexcept {
  return std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(width));
}

double llama3_factor(const RopeScaling& scaling, double frequency) noexcept {
  const double turns =
      static_cast<double>(scaling.original_max_position_embeddings) * frequency / (2 * std::numbers::pi);
  if (turns > scaling.high_freq_factor) return 1;
  if (turns < scaling.low_freq_factor) return scaling.factor;
  const double smooth = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return 1 / ((1 - smooth) / scaling.factor + smooth);
}

/// Between the indices that rotate beta_fast and beta_slow times within the original length, frequencies are blended.
class YarnRamp {
 public:
  YarnRamp(const RopeScaling& scaling, std::size_t width, double theta) noexcept {
    const auto index_of = [&](double turns) {
      return static_cast<double>(width) *
             std::log(static_cast<double>(scaling.original_max_position_embeddings) / (turns * 2 * std::numbers::pi)) /
             (2 * std::log(theta));
    };
    low_ = index_of(scaling.beta_fast);
    high_ = index_of(scaling.beta_slow);
    if (scaling.truncate) {
      low_ = std::floor(low_);
      high_ = std::ceil(high_);
    }
    low_ = std::max(low_, 0.0);
    high_ = std::min(high_, static_cast<double>(width) - 1);
    if (low_ == high_) high_ += 0.001;  // as transformers and llama.cpp have it
  }
  [[nodiscard]] double at(std::size_t i) const noexcept {
    return std::clamp((static_cast<double>(i) - low_) / (high_ - low_), 0.0, 1.0);
  }

 private:
  double low_ = 0, high_ = 0;
};

}  // namespace

std::vector<float> frequency_factors(const RopeScaling& scaling, std::size_t rotary_width, double theta) {
  using Type = RopeScaling::Type;
  if (scaling.type == Type::kNone) return {};
  if (scaling.type == Type::kFactors) return scaling.frequency_factors;
  std::vector<float> factors(rotary_width / 2, static_cast<float>(scaling.factor));
  if (scaling.type == Type::kLlama3) {
    for (std::size_t i = 0; i < factors.size(); ++i) {
      factors[i] = static_cast<float>(llama3_factor(scaling, frequency(i, rotary_width, theta)));
    }
  }
  if (scaling.type == Type::kYarn) {
    const YarnRamp ramp(scaling, rotary_width, theta);
    for (std::size_t i = 0; i < factors.size(); ++i) {
      factors[i] = static_cast<float>(1 / (ramp.at(i) / scaling.factor + 1 - ramp.at(i)));
    }
  }
  return factors;
}

double yarn_attention_factor(double factor, double mscale) noexcept {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

double yarn_softmax_factor(const RopeScaling& scaling) noexcept {
  if (scaling.type != RopeScaling::Type::kYarn) return 1;
  const double mscale = 1 + static_cast<double>(scaling.yarn_log_multiplier) * std::log(scaling.factor);
  return mscale * mscale;
}

Rope::Rope(std::size_t rotary_width, double theta, std::span<const float> factors, double scale)
    : frequencies_(rotary_width / 2), scale_(scale) {
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    frequencies_[i] = frequency(i, rotary_width, theta);
    if (factors.empty()) continue;
    frequencies_[i] = factors[i] >= kNeverTurned ? 0 : frequencies_[i] / static_cast<double>(factors[i]);
  }
}

void Rope::fill(Position position, float* table) const noexcept {
  const std::size_t half = frequencies_.size();
  for (std::size_t i = 0; i < half; ++i) {
    const double angle = static_cast<double>(position) * frequencies_[i];
    table[i] = static_cast<float>(std::cos(angle) * scale_);
    table[half + i] = static_cast<float>(std::sin(angle) * scale_);
  }
}

void Rope::rotate(const float* table, float* head) const noexcept {
  const std::size_t half = frequencies_.size();
  for (std::size_t i = 0; i < half; ++i) {
    const float low = head[i];
    const float high = head[half + i];
    head[i] = low * table[i] - high * table[half + i];
    head[half + i] = high * table[i] + low * table[half + i];
  }
}

void Rope::rotate_neighbours(const float* table, float* head) const noexcept {
  const std::size_t half = frequencies_.size();
  for (std::size_t i = 0; i < half; ++i) {
    const float even = head[2 * i];
    const float odd = head[2 * i + 1];
    head[2 * i] = even * table[i] - odd * table[half + i];
    head[2 * i + 1] = odd * table[i] + even * table[half + i];
  }
}

}  // namespace moxie::model
