// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <moxie/core/views.hpp>
#include <moxie/core/workspace.hpp>

// Memory that notices what was done to it. For tests: it allocates, and may throw std::bad_alloc.

namespace moxie::inline abi1::testing {

/// Where rows lie in memory. A plug-in meets all of these in a running model.
struct Layout {
  std::size_t padding = 0;  ///< elements between rows, which belong to somebody else
  std::size_t offset = 0;   ///< elements by which the first row is shifted, against lucky alignment
};

/// Whether two values have the same bits: NaN equals the same NaN, 0 is not -0.
template <class T>
requires(sizeof(T) == sizeof(std::uint32_t)) bool same_bits(T a, T b) noexcept {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

/// Rows in the middle of a larger block, the rest of which must not change.
template <class T>
requires(sizeof(T) == sizeof(std::uint32_t)) class GuardedRows {
 public:
  GuardedRows(std::size_t rows, std::size_t width, Layout layout = {})
      : rows_(rows),
        width_(width),
        stride_(width + layout.padding),
        begin_(kGuard + stride_ + layout.offset),
        memory_(begin_ + rows * stride_ + stride_ + kGuard, mark()) {}

  [[nodiscard]] RowsOf<T> view() noexcept { return {memory_.data() + begin_, rows_, width_, stride_}; }
  [[nodiscard]] RowsOf<const T> view() const noexcept { return {memory_.data() + begin_, rows_, width_, stride_}; }
  [[nodiscard]] std::span<T> operator[](std::size_t row) noexcept { return view()[row]; }
  [[nodiscard]] std::span<const T> operator[](std::size_t row) const noexcept { return view()[row]; }

  void fill(T value) noexcept {
    for (std::size_t r = 0; r < rows_; ++r) std::ranges::fill((*this)[r], value);
  }

  /// Whether everything around and between the rows is as it was.
  [[nodiscard]] bool is_intact() const noexcept {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      const bool inside =
          i >= begin_ && stride_ != 0 && (i - begin_) / stride_ < rows_ && (i - begin_) % stride_ < width_;
      if (!inside && !same_bits(memory_[i], mark())) return false;
    }
    return true;
  }

  /// From here on the rows may not change either: for inputs.
  void freeze() { frozen_ = memory_; }
  [[nodiscard]] bool is_frozen() const noexcept {
    return frozen_.size() == memory_.size() &&
           std::memcmp(frozen_.data(), memory_.data(), memory_.size() * sizeof(T)) == 0;
  }

 private:
  // With one more row on either side, this is where loops that are off by one write.
  static constexpr std::size_t kGuard = 64;
  static T mark() noexcept { return std::bit_cast<T>(std::uint32_t{0x7fc0'dead}); }  // as a float: NaN

  std::size_t rows_;
  std::size_t width_;
  std::size_t stride_;
  std::size_t begin_;
  std::vector<T> memory_;
  std::vector<T> frozen_;
};

/// A Workspace of exactly `bytes`, in the middle of memory that must not change.
class GuardedScratch {
 public:
  explicit GuardedScratch(std::size_t bytes) : bytes_(bytes), memory_(kRoom + bytes_ + kGuard, kMark) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    begin_ = (kRoom - address % kRoom) % kRoom;
    workspace_ = Workspace({memory_.data() + begin_, bytes_});
  }
  GuardedScratch(const GuardedScratch&) = delete;
  GuardedScratch& operator=(const GuardedScratch&) = delete;

  [[nodiscard]] Workspace& workspace() noexcept { return workspace_; }
  [[nodiscard]] bool is_intact() const noexcept {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      const bool inside = i >= begin_ && i < begin_ + bytes_;
      if (!inside && memory_[i] != kMark) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kRoom = Workspace::kAlignment;
  static constexpr std::size_t kGuard = 4096;
  static constexpr std::byte kMark{0xa5};

  std::size_t bytes_;
  std::size_t begin_ = 0;
  std::vector<std::byte> memory_;
  Workspace workspace_;
};

}  // namespace moxie::testing
