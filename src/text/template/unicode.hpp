// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace moxie::inline abi1::text {

/// One character at the beginning of a text. A byte that begins no well-formed UTF-8 is a character of its own
/// whose code lies beyond Unicode, so that no text is refused and none is changed.
struct Point {
  std::uint32_t code;
  std::uint32_t size;  ///< bytes, at least 1
};
inline constexpr std::uint32_t kNoUnicode = 0x110000;  // codes from here on: stray bytes

/// `text` must not be empty.
Point first_point(std::string_view text) noexcept;
std::size_t count_points(std::string_view text) noexcept;
/// Where the character before `end` begins; end > 0.
std::size_t previous_point(std::string_view text, std::size_t end) noexcept;
/// The offset of character `index`; the size of the text where there are fewer.
std::size_t offset_of_point(std::string_view text, std::size_t index) noexcept;
void append_point(std::string& out, std::uint32_t code);
/// A character as Python escapes it: \xe9, \u20ac or \U0001f600.
void append_escape(std::string& out, std::uint32_t code);

/// What Python's str.isspace says, its regular expressions' \s too.
bool is_space(std::uint32_t code) noexcept;
/// What str.splitlines splits at ("\r\n" being one break).
bool is_line_break(std::uint32_t code) noexcept;
/// What repr() shows as it is.
bool is_printable(std::uint32_t code) noexcept;

/// Whether a letter has case (modifier letters left out).
bool is_cased(std::uint32_t code) noexcept;

std::string_view strip_left(std::string_view text) noexcept;
std::string_view strip_right(std::string_view text) noexcept;

/// Upper, lower and title case by Unicode's full mappings; at most 3 characters from one.
void append_upper(std::string& out, std::uint32_t code);
void append_title(std::string& out, std::uint32_t code);
/// `before` and `after` the character decide how a capital sigma ends a word.
void append_lower(std::string& out, std::uint32_t code, std::string_view before, std::string_view after);
std::string lower(std::string_view text);

}  // namespace moxie::text
