// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <moxie/expert/expert.hpp>

namespace moxie::inline abi1 {

/// Gives each row back as it is: a choice that computes nothing.
/// Source   copy experts: Jin et al., "MoE++", 2024.
class IdentityExpert {
 public:
  explicit IdentityExpert(std::size_t width) noexcept : width_(width) {}
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status run(ConstRows x, Rows y, Workspace&) const noexcept {
    MOXIE_TRY(check_expert_shapes("IdentityExpert::run", width_, x, y));
    for (std::size_t t = 0; t < x.rows; ++t) std::ranges::copy(x[t], y.row(t));
    return {};
  }

 private:
  std::size_t width_;
};

/// Gives zeros. Where the router may leave slots empty, NullSlots does the same for less.
class ZeroExpert {
 public:
  explicit ZeroExpert(std::size_t width) noexcept : width_(width) {}
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status run(ConstRows x, Rows y, Workspace&) const noexcept {
    MOXIE_TRY(check_expert_shapes("ZeroExpert::run", width_, x, y));
    for (std::size_t t = 0; t < x.rows; ++t) std::ranges::fill(y[t], 0.0f);
    return {};
  }

 private:
  std::size_t width_;
};

/// A function of one row as an expert: `f(std::span<const float> x, std::span<float> y)`, or with a Status.
///
///     auto negate = FunctionExpert(2048, [](std::span<const float> x, std::span<float> y) {
///       for (std::size_t i = 0; i < x.size(); ++i) y[i] = -x[i];
///     });
///
/// It sees one row at a time, and so cannot break the row law.
///
/// Errors   run: kShape; what the function returns.
/// Threads  the function is called from many threads at once.
template <class F>
requires std::is_invocable_v<const F&, std::span<const float>, std::span<float>>
class FunctionExpert {
 public:
  FunctionExpert(std::size_t width, F f) : width_(width), f_(std::move(f)) {}
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status run(ConstRows x, Rows y, Workspace&) const {
    MOXIE_TRY(check_expert_shapes("FunctionExpert::run", width_, x, y));
    for (std::size_t t = 0; t < x.rows; ++t) {
      if constexpr (std::is_same_v<std::invoke_result_t<const F&, std::span<const float>, std::span<float>>, Status>) {
        MOXIE_TRY(f_(x[t], y[t]));
      } else {
        f_(x[t], y[t]);
      }
    }
    return {};
  }

 private:
  std::size_t width_;
  F f_;
};

static_assert(Expert<IdentityExpert> && Expert<ZeroExpert>);

}  // namespace moxie
