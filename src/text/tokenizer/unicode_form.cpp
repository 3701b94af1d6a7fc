// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/unicode_form.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <utf8proc.h>

#include <moxie/core/text.hpp>

#include "text/tokenizer/utf8.hpp"

namespace moxie::text {
namespace {

constexpr std::string_view kWhere = "Unicode normalization";

int combining_class(std::int32_t code) noexcept { return utf8proc_get_property(code)->combining_class; }

utf8proc_option_t options(UnicodeForm::Kind kind) noexcept {
  const bool compatible = kind == UnicodeForm::Kind::kNfkc || kind == UnicodeForm::Kind::kNfkd;
  return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0));
}

// 18 characters are the most that one decomposes into (U+FDFA).
using Decomposition = std::array<utf8proc_int32_t, 32>;

}  // namespace

UnicodeForm UnicodeForm::make(Kind kind) {
  UnicodeForm form;
  form.kind_ = kind;
  form.stable_.assign(kTableEnd / 64, 0);
  std::vector<std::uint64_t> joins(kTableEnd / 64, 0);  // what may join a character before it
  const auto set = [](std::vector<std::uint64_t>& bits, char32_t c) {
    if (c < kTableEnd) bits[c / 64] |= std::uint64_t{1} << (c % 64);
  };
  const auto canonical = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
  for (char32_t c = 0; c < 0x110000; ++c) {
    // Nothing there is made of two but in the first two planes and the compatibility ideographs.
    if (c == kTableEnd) break;
    const auto code = static_cast<utf8proc_int32_t>(c);
    Decomposition parts{};
    int bound = 0;
    const auto size = utf8proc_decompose_char(code, parts.data(), static_cast<utf8proc_ssize_t>(parts.size()),
                                              options(kind), &bound);
    if (size == 1 && parts[0] == code && combining_class(code) == 0) set(form.stable_, c);
    // Whatever stands behind the first place of a canonical decomposition can be joined to what is before.
    const auto pair = utf8proc_decompose_char(code, parts.data(), static_cast<utf8proc_ssize_t>(parts.size()),
                                              canonical, &bound);
    for (utf8proc_ssize_t i = 1; i < pair && i < static_cast<utf8proc_ssize_t>(parts.size()); ++i) {
      set(joins, static_cast<char32_t>(parts[static_cast<std::size_t>(i)]));
    }
  }
  if (form.composes()) {
    for (std::size_t i = 0; i < joins.size(); ++i) form.stable_[i] &= ~joins[i];
  }
  return form;
}

Status UnicodeForm::stretch(std::string_view in, std::vector<std::int32_t>& codes) const {
  codes.clear();
  for (std::size_t at = 0; at < in.size();) {
    const Character c = decode_at(in, at);
    at += c.size;
    Decomposition parts{};
    int bound = 0;
    const auto size = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.code), parts.data(),
                                              static_cast<utf8proc_ssize_t>(parts.size()), options(kind_), &bound);
    if (size < 0 || size > static_cast<utf8proc_ssize_t>(parts.size())) {
      return Status(Code::kInternal, kWhere, "a decomposition", Text("utf8proc's answer ", size));
    }
    codes.insert(codes.end(), parts.begin(), parts.begin() + size);
  }
  // utf8proc would sort marks by exchanging neighbours, which takes time squared in a long run of them.
  for (auto begin = codes.begin(); begin != codes.end();) {
    if (combining_class(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, codes.end(), [](std::int32_t code) { return combining_class(code) == 0; });
    std::stable_sort(begin, end,
                     [](std::int32_t a, std::int32_t b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
  if (composes() && !codes.empty()) {
    const auto size =
        utf8proc_normalize_utf32(codes.data(), static_cast<utf8proc_ssize_t>(codes.size()),
                                 static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (size < 0) return Status(Code::kInternal, kWhere, "a composition", Text("utf8proc's answer ", size));
    codes.resize(static_cast<std::size_t>(size));
  }
  return {};
}

Result<bool> UnicodeForm::apply(const MarkedView& in, MarkedText& out) const {
  const std::string_view text = in.text;
  bool changed = false;
  std::size_t copied = 0;  // up to here, in is in out (once there is a change)
  std::vector<std::int32_t> codes;
  std::string bytes;
  std::size_t previous = 0;  // where the character before `at` begins
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t ascii = ascii_run(text, at);
    if (ascii > 0) {
      at += ascii;
      previous = at - 1;
      continue;
    }
    const Character c = decode_at(text, at);
    if (stable(c.code)) {
      previous = at;
      at += c.size;
      continue;
    }
    // The stretch takes in the character before, to which this one may be joined, and ends before a stable one.
    const std::size_t begin = composes() ? std::max(previous, copied) : at;
    std::size_t end = at + c.size;
    while (end < text.size()) {
      const Character next = decode_at(text, end);
      if (stable(next.code)) break;
      end += next.size;
    }
    MOXIE_TRY(stretch(text.substr(begin, end - begin), codes));
    bytes.clear();
    for (const std::int32_t code : codes) append_utf8(bytes, static_cast<char32_t>(code));
    if (bytes != text.substr(begin, end - begin)) {
      if (!changed) out.start(in.marks != nullptr, text.size() + bytes.size());
      changed = true;
      out.copy(in, copied, begin);
      out.append(bytes, in.marked(begin, end));
      copied = end;
    }
    at = end;
    previous = end;  // nothing before a stable character changes with it
  }
  if (changed) out.copy(in, copied, text.size());
  return changed;
}

}  // namespace moxie::text
