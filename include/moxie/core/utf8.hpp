// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

/// Reading and writing UTF-8. Overlong forms, surrogates and what lies beyond U+10FFFF are no UTF-8; a byte that begins
/// no character is one step of its own everywhere, so no text is refused.
namespace moxie::inline abi1::utf8 {

/// One character, and how many bytes it takes.
struct Character {
  char32_t code = 0;
  std::size_t size = 1;
};

/// What decode_at() says where the bytes are no UTF-8 (then `size` is 1).
inline constexpr char32_t kNoCharacter = 0xffffffff;

/// Whether the byte goes on with a character that an earlier one began.
constexpr bool is_continuation(char byte) noexcept { return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U; }

/// The character at `at`, which must lie inside the text.
constexpr Character decode_at(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first >= 0xc2 && first < 0xe0 && follows(1)) return {(first & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  if (first >= 0xe0 && first < 0xf0 && follows(1) && follows(2)) {
    const char32_t code = (first & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    if (code >= 0x800 && (code < 0xd800 || code > 0xdfff)) return {code, 3};
  }
  if (first >= 0xf0 && first < 0xf5 && follows(1) && follows(2) && follows(3)) {
    const char32_t code = (first & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
    if (code >= 0x10000 && code <= 0x10ffff) return {code, 4};
  }
  return {kNoCharacter, 1};
}

/// How many bytes the character has that begins with `first`; only for text known to be UTF-8.
constexpr std::size_t character_size(char first) noexcept {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/// The character that ends at `end`, which must not be 0; like decode_at(), also where the bytes are no UTF-8.
constexpr Character character_before(std::string_view text, std::size_t end) noexcept {
  for (std::size_t size = 1; size <= 4 && size <= end; ++size) {
    const Character c = decode_at(text.substr(0, end), end - size);
    if (c.code != kNoCharacter && c.size == size) return c;
  }
  return {kNoCharacter, 1};
}

/// Appends a character to anything with push_back(char).
template <class Out>
constexpr void append(Out& out, char32_t code) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6), put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 0x3f)), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
  }
}

/// How many bytes are ASCII, from `at` on.
inline std::size_t ascii_run(std::string_view text, std::size_t at) noexcept {
  std::size_t i = at;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data() + i, 8);
    if ((eight & 0x8080808080808080U) != 0) break;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i - at;
}

/// Where the first byte is that is no UTF-8; the text's size where all of it is.
inline std::size_t valid_size(std::string_view text) noexcept {
  std::size_t i = 0;
  while (true) {
    i += ascii_run(text, i);
    if (i == text.size()) return i;
    const Character c = decode_at(text, i);
    if (c.code == kNoCharacter) return i;
    i += c.size;
  }
}

/// How many bytes at the end of the text begin a character that more bytes may complete.
constexpr std::size_t incomplete_tail(std::string_view text) noexcept {
  for (std::size_t size = 1; size <= 3 && size <= text.size(); ++size) {
    const std::string_view tail = text.substr(text.size() - size);
    if (is_continuation(tail[0])) continue;
    const auto first = static_cast<unsigned char>(tail[0]);
    if (first < 0xc2 || first > 0xf4 || character_size(tail[0]) <= size) return 0;
    // Complete it with the least and the greatest bytes that may follow: one of them makes a character.
    char whole[4] = {};
    for (const char fill : {'\x80', '\x90', '\xbf'}) {
      for (std::size_t i = 0; i < 4; ++i) whole[i] = i < size ? tail[i] : fill;
      if (decode_at({whole, character_size(tail[0])}, 0).code != kNoCharacter) return size;
    }
    return 0;
  }
  return 0;
}

}  // namespace moxie::utf8
