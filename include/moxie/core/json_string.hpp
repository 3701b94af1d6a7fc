// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

/// Strings of JSON, escaped as Python's json.dumps escapes them: short where JSON has a short form (`\n`), by number
/// otherwise. Schemas are written by the compiler, so all of this is constexpr.
namespace moxie::inline abi1::json {

/// The escape of one character; empty where the character stands for itself.
class Escape {
 public:
  constexpr explicit Escape(char32_t code, bool ascii_only = false) noexcept {
    constexpr std::string_view kNamed = "\"\\\n\r\t\f\b";
    constexpr std::string_view kLetters = "\"\\nrtfb";
    if (const std::size_t named = code < 0x80 ? kNamed.find(static_cast<char>(code)) : kNamed.npos;
        named != kNamed.npos) {
      put('\\');
      put(kLetters[named]);
    } else if (code < 0x20 || (ascii_only && code >= 0x7f && code < 0x10000)) {
      put_unit(code);
    } else if (ascii_only && code >= 0x10000 && code <= 0x10ffff) {
      put_unit(0xd800 + ((code - 0x10000) >> 10U));
      put_unit(0xdc00 + ((code - 0x10000) & 0x3ffU));
    }
  }

  [[nodiscard]] constexpr std::string_view view() const noexcept { return {chars_, size_}; }

 private:
  constexpr void put(char c) noexcept { chars_[size_++] = c; }
  constexpr void put_unit(char32_t unit) noexcept {
    put('\\');
    put('u');
    for (unsigned shift = 16; shift != 0; shift -= 4) put("0123456789abcdef"[unit >> (shift - 4) & 0xfU]);
  }

  char chars_[12] = {};
  std::size_t size_ = 0;
};

/// Gives `add` the text as a JSON string, in pieces (std::string_view). Bytes beyond ASCII stay as they are.
template <class Add>
constexpr void write_string(std::string_view text, Add&& add) {
  add(std::string_view("\""));
  std::size_t plain = 0;  // from here to `at`, nothing needs escaping
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    if (at > plain) add(text.substr(plain, at - plain));
    add(Escape(byte).view());
    plain = at + 1;
  }
  if (plain < text.size()) add(text.substr(plain));
  add(std::string_view("\""));
}

}  // namespace moxie::json
