// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// y = x / sqrt(mean(x^2) + eps) * weight, over one row.
/// Source   Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
class RmsNorm {
 public:
  RmsNorm() = default;
  RmsNorm(std::vector<float> weight, double eps) noexcept : weight_(std::move(weight)), eps_(static_cast<float>(eps)) {}

  [[nodiscard]] std::size_t width() const noexcept { return weight_.size(); }
  /// y may be x.
  void apply(const float* x, float* y) const noexcept;

 private:
  std::vector<float> weight_;
  float eps_ = 0;
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

/// y += x over n floats.
inline void add(const float* x, float* y, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] += x[i];
}

}  // namespace moxie::model
