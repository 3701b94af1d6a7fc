// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/unicode.hpp"

#include <utf8proc.h>

namespace moxie::inline abi1::text {
namespace {

// Of a byte that is no UTF-8 (utf8::kNoCharacter), as of a character that nobody uses.
utf8proc_category_t category(char32_t c) noexcept {
  return c > 0x10ffff ? UTF8PROC_CATEGORY_CO : utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

// Letters in circles and squares: symbols that are alphabetic nevertheless (Other_Alphabetic).
constexpr bool is_enclosed_letter(char32_t c) noexcept {
  return (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
         (c >= 0x1f170 && c <= 0x1f189);
}

}  // namespace

bool is_number(char32_t c) noexcept {
  if (c < 0x80) return c >= '0' && c <= '9';
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO;
}

bool is_punctuation(char32_t c) noexcept {
  if (c < 0x80)
    return (c >= 0x21 && c <= 0x2f) || (c >= 0x3a && c <= 0x40) || (c >= 0x5b && c <= 0x60) || (c >= 0x7b && c <= 0x7e);
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO;
}

bool is_word(char32_t c) noexcept {
  const auto kind = category(c);
  return (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_ME) || kind == UTF8PROC_CATEGORY_ND ||
         kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_PC || c == 0x200c || c == 0x200d ||
         is_enclosed_letter(c);
}

std::string_view category_name(char32_t c) noexcept {
  return c > 0x10ffff ? "Co" : utf8proc_category_string(static_cast<utf8proc_int32_t>(c));
}

char32_t lower(char32_t c) noexcept {
  return c > 0x10ffff ? c : static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

}  // namespace moxie::text
