// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace moxie::inline abi1::text {

// Properties of characters, by the tables of utf8proc.

/// White_Space.
constexpr bool is_space(char32_t c) noexcept {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}
/// General category N: digits and all other numbers.
bool is_number(char32_t c) noexcept;
/// General category P, and the ASCII symbols.
bool is_punctuation(char32_t c) noexcept;
/// What \w of Unicode's regular expressions means (UTS 18, annex C).
bool is_word(char32_t c) noexcept;
/// The general category in two letters: "Lu", "Nd".
std::string_view category_name(char32_t c) noexcept;
/// The simple lower case.
char32_t lower(char32_t c) noexcept;

}  // namespace moxie::text
