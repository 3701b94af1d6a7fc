// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <string>
#include <string_view>

#include <moxie/core/utf8.hpp>

#include "support/catch.hpp"

namespace {

using namespace moxie;

// Table 3-7 of the Unicode standard: whether the bytes are one character, well formed.
bool well_formed(std::string_view bytes) {
  const auto within = [bytes](std::size_t i, unsigned least, unsigned greatest) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    return byte >= least && byte <= greatest;
  };
  const auto rest = [&](std::size_t from) {
    for (std::size_t i = from; i < bytes.size(); ++i) {
      if (!within(i, 0x80, 0xbf)) return false;
    }
    return true;
  };
  switch (bytes.size()) {
    case 1: return within(0, 0x00, 0x7f);
    case 2: return within(0, 0xc2, 0xdf) && rest(1);
    case 3:
      return ((within(0, 0xe0, 0xe0) && within(1, 0xa0, 0xbf)) || (within(0, 0xed, 0xed) && within(1, 0x80, 0x9f)) ||
              ((within(0, 0xe1, 0xec) || within(0, 0xee, 0xef)) && within(1, 0x80, 0xbf))) &&
             rest(2);
    default:
      return ((within(0, 0xf0, 0xf0) && within(1, 0x90, 0xbf)) || (within(0, 0xf4, 0xf4) && within(1, 0x80, 0x8f)) ||
              (within(0, 0xf1, 0xf3) && within(1, 0x80, 0xbf))) &&
             rest(2);
  }
}

TEST_CASE("every character is written and read again, from both ends") {
  std::size_t wrong = 0;
  for (char32_t code = 0; code <= 0x10ffff; ++code) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    std::string text = "\xff";
    utf8::append(text, code);
    const utf8::Character first = utf8::decode_at(text, 1);
    const utf8::Character last = utf8::character_before(text, text.size());
    const bool right = first.code == code && first.size == text.size() - 1 && last.code == code &&
                       last.size == first.size && utf8::character_size(text[1]) == first.size &&
                       well_formed(std::string_view(text).substr(1)) &&
                       utf8::valid_size(std::string_view(text).substr(1)) == first.size;
    wrong += right ? 0U : 1U;
  }
  CHECK(wrong == 0);
}

TEST_CASE("characters and their beginnings are told from other bytes as the Unicode standard does") {
  std::size_t wrong = 0;
  std::size_t characters = 0;
  constexpr unsigned char kBytes[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
                                      0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};
  const auto check = [&](std::string_view bytes) {
    const utf8::Character c = utf8::decode_at(bytes, 0);
    std::size_t size = 0;
    for (std::size_t n = 1; n <= bytes.size(); ++n) size = size == 0 && well_formed(bytes.substr(0, n)) ? n : size;
    characters += size != 0 ? 1U : 0U;
    const bool right = size == 0 ? c.code == utf8::kNoCharacter && c.size == 1 : c.size == size;
    wrong += right ? 0U : 1U;
    // A beginning: no character yet, and bytes can be added that make one of all of it.
    bool begins = false;
    for (const unsigned char second : kBytes) {
      for (std::size_t more = 1; size == 0 && bytes.size() + more <= 4; ++more) {
        std::string longer(bytes);
        longer += static_cast<char>(second);
        longer.resize(bytes.size() + more, '\x80');
        begins |= well_formed(longer);
      }
    }
    wrong += (utf8::incomplete_tail(bytes) == bytes.size()) == begins ? 0U : 1U;
  };
  for (const unsigned char a : kBytes) {
    for (const unsigned char b : kBytes) {
      for (const unsigned char c : kBytes) {
        const char bytes[] = {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c), '\x80'};
        for (std::size_t size = 1; size <= 4; ++size) check({bytes, size});
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(characters > 1000);
}

TEST_CASE("UTF-8 ends before the first byte that is none") {
  CHECK(utf8::valid_size("") == 0);
  CHECK(utf8::valid_size("twelve bytes") == 12);
  CHECK(utf8::valid_size("caf\xc3\xa9 \xe2\x82") == 6);
  CHECK(utf8::valid_size("\xed\xa0\x80") == 0);
  CHECK(utf8::ascii_run("ten bytes.\xc3\xa9", 1) == 9);
}

}  // namespace
