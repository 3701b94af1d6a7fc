// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <moxie/backend/linear.hpp>
#include <moxie/core/math.hpp>
#include <moxie/core/ranges.hpp>
#include <moxie/core/scratch.hpp>

#include "model/run/rope.hpp"

namespace moxie::inline abi1::model {

/// y = x / sqrt(mean(x^2) + eps) * weight, over one row; or, as layer(), (x - mean(x)) / sqrt(variance(x) + eps) *
/// weight
/// + bias.
/// Source   Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019. Ba et al., "Layer Normalization", 2016.
class Norm {
 public:
  Norm() = default;
  Norm(std::vector<float> weight, double eps) noexcept : weight_(std::move(weight)), eps_(static_cast<float>(eps)) {}
  /// `bias`: as wide, or empty.
  static Norm layer(std::vector<float> weight, std::vector<float> bias, double eps) noexcept {
    Norm norm(std::move(weight), eps);
    norm.bias_ = std::move(bias);
    norm.centred_ = true;
    return norm;
  }

  [[nodiscard]] std::size_t width() const noexcept { return weight_.size(); }
  /// y may be x.
  void apply(const float* x, float* y) const noexcept;

 private:
  std::vector<float> weight_, bias_{};
  float eps_ = 0;
  bool centred_ = false;
};

/// By what queries are multiplied, which grows with their position p: 1 + beta ln(1 + floor((p + offset) / length)).
/// Source   get_llama_4_attn_scale of Ministral 3 in transformers, and the temperature of Llama 4
struct QueryScale {
  double beta = 0;  ///< 0: none
  std::size_t length = 1;
  std::size_t offset = 0;

  [[nodiscard]] float at(Position position) const noexcept;
};

/// Splits rows over the workers. Each row is computed by itself, so the cut never shows. A body that returns a Status
/// ends its task where that is an error.
template <class F>
Status each_row(Workers& workers, std::size_t rows, F&& body) noexcept {
  // A few ranges of rows for each worker; a single row stays on the calling thread.
  return each_range(workers, Cut(rows, workers.width() * 4), [&](Range range, Workspace&) -> Status {
    for (std::size_t row = range.begin; row < range.end; ++row) {
      if constexpr (std::is_void_v<decltype(body(row))>) {
        body(row);
      } else {
        MOXIE_TRY(body(row));
      }
    }
    return {};
  });
}

/// ln(1 + e^x), which is x for large x.
inline float softplus(float x) noexcept { return (x > 0.0f ? x : 0.0f) + std::log1p(moxie::exp(-std::fabs(x))); }

/// y += x over n floats.
inline void add(const float* x, float* y, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] += x[i];
}

}  // namespace moxie::model
