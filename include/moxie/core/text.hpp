// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace moxie::inline abi1 {

/// A short text put together on the stack: the words of an error, made without allocating, so that
/// even an out-of-memory error can say what it needed.
///
///     Text("x of [", rows, ", ", width, "]")
///
/// What does not fit in kCapacity bytes is cut and ends in "...".
class Text {
 public:
  static constexpr std::size_t kCapacity = 240;

  template <class... Parts>
  explicit Text(const Parts&... parts) noexcept {
    (add(parts), ...);
  }

  [[nodiscard]] std::string_view view() const noexcept { return {data_.data(), size_}; }
  operator std::string_view() const noexcept { return view(); }  // NOLINT(google-explicit-constructor)

 private:
  void add(std::string_view part) noexcept {
    for (const char c : part) {
      if (size_ == kCapacity) {
        data_[kCapacity - 1] = data_[kCapacity - 2] = data_[kCapacity - 3] = '.';
        return;
      }
      data_[size_++] = c;
    }
  }
  void add(const char* part) noexcept { add(std::string_view(part)); }
  void add(char part) noexcept { add(std::string_view(&part, 1)); }
  void add(bool part) noexcept { add(part ? std::string_view("true") : std::string_view("false")); }

  template <class N>
  requires(std::integral<N> && !std::same_as<N, bool> && !std::same_as<N, char>) void add(N part) noexcept {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), part).ptr;
    add(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
  }
  // The fewest digits that read back as the same number: a float has fewer than the same value as a double.
  template <std::floating_point F>
  void add(F part) noexcept {
    std::array<char, 40> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), part).ptr;
    add(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
  }

  std::array<char, kCapacity> data_;
  std::size_t size_ = 0;
};

}  // namespace moxie
