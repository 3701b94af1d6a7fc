// SPDX-License-Identifier: Apache-2.0
#include "text/template/unicode.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include <moxie/core/utf8.hpp>

namespace moxie::inline abi1::text {

namespace {

struct Range {
  std::uint32_t first, last;
};
/// Every `step`th character from first to last moves by `delta`.
struct Shift {
  std::uint32_t first, last, step;
  std::int32_t delta;
};
struct Special {
  std::uint32_t code;
  const char* to;
};

#include "text/template/unicode_tables.inc"

template <class Table>
bool in_ranges(const Table& table, std::uint32_t code) noexcept {
  const auto after = std::upper_bound(std::begin(table), std::end(table), code,
                                      [](std::uint32_t c, const Range& range) { return c < range.first; });
  return after != std::begin(table) && code <= std::prev(after)->last;
}

template <class Table>
const char* special(const Table& table, std::uint32_t code) noexcept {
  const auto at = std::lower_bound(std::begin(table), std::end(table), code,
                                   [](const Special& entry, std::uint32_t c) { return entry.code < c; });
  return at != std::end(table) && at->code == code ? at->to : nullptr;
}

// Runs that interleave (upper and lower case side by side) are found a few entries back.
template <class Table>
std::uint32_t shifted(const Table& table, std::uint32_t code) noexcept {
  auto after = std::upper_bound(std::begin(table), std::end(table), code,
                                [](std::uint32_t c, const Shift& shift) { return c < shift.first; });
  for (int back = 0; back < 4 && after != std::begin(table); ++back) {
    --after;
    if (code <= after->last && (code - after->first) % after->step == 0) {
      return static_cast<std::uint32_t>(static_cast<std::int64_t>(code) + after->delta);
    }
  }
  return code;
}

bool ends_word(std::string_view before, std::string_view after) noexcept {
  bool cased = false;
  while (!before.empty() && !cased) {
    const std::size_t at = previous_point(before, before.size());
    const std::uint32_t code = first_point(before.substr(at)).code;
    before = before.substr(0, at);
    if (in_ranges(kCaseIgnorable, code)) continue;
    cased = in_ranges(kCased, code);
    break;
  }
  if (!cased) return false;
  while (!after.empty()) {
    const Point point = first_point(after);
    after.remove_prefix(point.size);
    if (!in_ranges(kCaseIgnorable, point.code)) return !in_ranges(kCased, point.code);
  }
  return true;
}

}  // namespace

Point first_point(std::string_view text) noexcept {
  const utf8::Character c = utf8::decode_at(text, 0);
  if (c.code == utf8::kNoCharacter) return {kNoUnicode + static_cast<unsigned char>(text[0]), 1};
  return {c.code, static_cast<std::uint32_t>(c.size)};
}

std::size_t count_points(std::string_view text) noexcept {
  std::size_t count = 0;
  while (!text.empty()) {
    text.remove_prefix(first_point(text).size);
    ++count;
  }
  return count;
}

std::size_t previous_point(std::string_view text, std::size_t end) noexcept {
  return end - utf8::character_before(text, end).size;
}

std::size_t offset_of_point(std::string_view text, std::size_t index) noexcept {
  std::size_t at = 0;
  for (; index > 0 && at < text.size(); --index) at += first_point(text.substr(at)).size;
  return at;
}

void append_point(std::string& out, std::uint32_t code) {
  if (code >= kNoUnicode) {
    out.push_back(static_cast<char>(code - kNoUnicode));
  } else {
    utf8::append(out, code);
  }
}

void append_escape(std::string& out, std::uint32_t code) {
  out += code <= 0xff ? "\\x" : code <= 0xffff ? "\\u" : "\\U";
  for (unsigned shift = code <= 0xff ? 8 : code <= 0xffff ? 16 : 32; shift != 0; shift -= 4) {
    out.push_back("0123456789abcdef"[code >> (shift - 4) & 0xfU]);
  }
}

bool is_space(std::uint32_t code) noexcept {
  if (code < 0x80) return code == ' ' || (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x1f);
  return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
         code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

bool is_line_break(std::uint32_t code) noexcept {
  return (code >= 0x0a && code <= 0x0d) || (code >= 0x1c && code <= 0x1e) || code == 0x85 || code == 0x2028 ||
         code == 0x2029;
}

bool is_printable(std::uint32_t code) noexcept {
  if (code < 0x7f) return code >= 0x20;
  // Surrogates cannot occur in well-formed text; stray bytes are shown as they are.
  return code >= kNoUnicode || !in_ranges(kUnprintable, code);
}

bool is_cased(std::uint32_t code) noexcept { return in_ranges(kCased, code); }

std::string_view strip_left(std::string_view text) noexcept {
  while (!text.empty()) {
    const Point point = first_point(text);
    if (!is_space(point.code)) break;
    text.remove_prefix(point.size);
  }
  return text;
}

std::string_view strip_right(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t at = previous_point(text, text.size());
    if (!is_space(first_point(text.substr(at)).code)) break;
    text = text.substr(0, at);
  }
  return text;
}

void append_upper(std::string& out, std::uint32_t code) {
  if (const char* full = special(kUpperSpecial, code)) {
    out += full;
  } else {
    append_point(out, shifted(kUpper, code));
  }
}

void append_title(std::string& out, std::uint32_t code) {
  if (const char* full = special(kTitleSpecial, code)) {
    out += full;
  } else {
    append_upper(out, code);
  }
}

void append_lower(std::string& out, std::uint32_t code, std::string_view before, std::string_view after) {
  if (code == 0x3a3) {
    out += ends_word(before, after) ? "\xcf\x82" : "\xcf\x83";
  } else if (const char* full = special(kLowerSpecial, code)) {
    out += full;
  } else {
    append_point(out, shifted(kLower, code));
  }
}

std::string lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Point point = first_point(text.substr(at));
    append_lower(out, point.code, text.substr(0, at), text.substr(at + point.size));
    at += point.size;
  }
  return out;
}

}  // namespace moxie::text
