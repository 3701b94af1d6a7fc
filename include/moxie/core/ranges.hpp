// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>

#include <moxie/core/workers.hpp>

namespace moxie::inline abi1 {

/// [begin, end) of something that is counted: rows, columns, tiles.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;

  [[nodiscard]] constexpr std::size_t size() const noexcept { return end - begin; }
};

/// How [0, n) is cut into the tasks of a call: ascending ranges, none of them empty, whose sizes differ by one at most.
///
///     Cut(10, 4)                [0, 2) [2, 5) [5, 7) [7, 10)       four ranges, or n where n is less
///     Cut::of_at_most(10, 4)    [0, 3) [3, 6) [6, 10)              as few ranges as hold at most 4 each
///
/// Rows are computed one by one, so where they are cut never shows in a result.
class Cut {
 public:
  constexpr Cut(std::size_t n, std::size_t ranges) noexcept : n_(n), size_(std::min(n, ranges)) {}
  static constexpr Cut of_at_most(std::size_t n, std::size_t range) noexcept {
    return {n, n / range + (n % range != 0 ? 1 : 0)};
  }

  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr Range operator[](std::size_t i) const noexcept {
    return {i * n_ / size_, (i + 1) * n_ / size_};
  }

 private:
  std::size_t n_;
  std::size_t size_;
};

/// One task for each range: body(range, workspace) returns a Status.
///
/// Errors   as Workers::each.
template <class F>
MOXIE_OPTION_TAG Status each_range(Workers& workers, const Cut& cut, F&& body) noexcept {
  return workers.each(cut.size(), [&](std::size_t i, Workspace& ws) -> Status { return body(cut[i], ws); });
}

}  // namespace moxie
