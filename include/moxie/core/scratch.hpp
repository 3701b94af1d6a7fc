// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>

#include <moxie/core/workspace.hpp>

namespace moxie::inline abi1 {

/// Adds up what a call will take from a Workspace, in the order in which it takes it:
///
///     return ScratchSize().rows(T, H).rows(T, H).bytes(down_.scratch_bytes(T)).total();
///
/// Units    bytes. A total that no machine can hold stays at the largest number instead of wrapping,
///          so that the Workspace refuses it (kNoSpace).
class ScratchSize {
 public:
  /// Workspace::take<T>(count).
  template <class T>
  constexpr ScratchSize& take(std::size_t count) noexcept {
    constexpr std::size_t kRoom = Workspace::kAlignment;
    return count > (kMax - kRoom) / sizeof(T) ? bytes(kMax) : bytes(Workspace::bytes_for<T>(count));
  }
  /// Workspace::rows(count, width).
  constexpr ScratchSize& rows(std::size_t count, std::size_t width) noexcept { return table<float>(count, width); }
  /// Workspace::take<T>(count * width).
  template <class T>
  constexpr ScratchSize& table(std::size_t count, std::size_t width) noexcept {
    return take<T>(product(count, width));
  }
  /// What a call inside says that it takes; rounded up, since its author may have counted to the byte.
  constexpr ScratchSize& bytes(std::size_t count) noexcept {
    constexpr std::size_t kPiece = Workspace::kAlignment;
    const std::size_t rounded = count > kMax - kPiece ? kMax : (count + kPiece - 1) / kPiece * kPiece;
    total_ = rounded > kMax - total_ ? kMax : total_ + rounded;
    return *this;
  }

  /// a * b, or the largest number where it does not fit.
  static constexpr std::size_t product(std::size_t a, std::size_t b) noexcept {
    return b != 0 && a > kMax / b ? kMax : a * b;
  }

  [[nodiscard]] constexpr std::size_t total() const noexcept { return total_; }

 private:
  static constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();

  std::size_t total_ = 0;
};

}  // namespace moxie
