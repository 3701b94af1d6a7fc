// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>

#include <moxie/core/json_string.hpp>

namespace moxie::inline abi1::detail {

// Schemas are written twice by the compiler: once to count, once into an array of that size.
class SchemaCounter {
 public:
  constexpr void put(char) noexcept { ++size_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }

 private:
  std::size_t size_ = 0;
};

template <std::size_t N>
class SchemaText {
 public:
  constexpr void put(char c) noexcept { chars_[size_++] = c; }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {chars_.data(), size_}; }

 private:
  std::array<char, N> chars_{};
  std::size_t size_ = 0;
};

template <class Sink>
constexpr void put_text(Sink& sink, std::string_view text) {
  for (const char c : text) sink.put(c);
}

template <class Sink>
constexpr void put_quoted(Sink& sink, std::string_view text) {
  json::write_string(text, [&sink](std::string_view part) { put_text(sink, part); });
}

template <class Sink, std::integral N>
constexpr void put_number(Sink& sink, N number) {
  std::array<char, 24> digits{};
  std::size_t n = 0;
  const bool negative = number < 0;
  do {
    const int digit = static_cast<int>(number % 10);
    digits[n++] = static_cast<char>('0' + (digit < 0 ? -digit : digit));
    number = static_cast<N>(number / 10);
  } while (number != 0);
  if (negative) sink.put('-');
  while (n != 0) sink.put(digits[--n]);
}

}  // namespace moxie::detail
