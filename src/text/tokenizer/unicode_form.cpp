// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/unicode_form.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include <utf8proc.h>

#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

namespace moxie::inline abi1::text {
namespace {

constexpr std::string_view kWhere = "Unicode normalization";

// Tokenizers normalize by Unicode 9, whose tables the `tokenizers` library has, and vocabularies were made of what
// comes out. These characters have got a combining class or a decomposition since; to Unicode 9 they are plain ones.
// Source   the library's answers for all characters, against those of Unicode 16.
struct Range {
  char32_t first;
  char32_t last;
};
constexpr std::array<Range, 61> kYoung = {{
    {0x7fd, 0x7fd},     {0x897, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},     {0xc3c, 0xc3c},
    {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},
    {0x32ff, 0x32ff},   {0xa7f2, 0xa7f4},   {0xa82c, 0xa82c},   {0xab69, 0xab69},   {0x105c9, 0x105c9},
    {0x105e4, 0x105e4}, {0x10781, 0x10785}, {0x10787, 0x107b0}, {0x107b2, 0x107ba}, {0x10d24, 0x10d27},
    {0x10d69, 0x10d6d}, {0x10eab, 0x10eac}, {0x10efd, 0x10eff}, {0x10f46, 0x10f50}, {0x10f82, 0x10f85},
    {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x11383, 0x11383}, {0x11385, 0x11385}, {0x1138e, 0x1138e},
    {0x11391, 0x11391}, {0x113c5, 0x113c5}, {0x113c7, 0x113c8}, {0x113ce, 0x113d0}, {0x1145e, 0x1145e},
    {0x11839, 0x1183a}, {0x11938, 0x11938}, {0x1193d, 0x1193e}, {0x11943, 0x11943}, {0x119e0, 0x119e0},
    {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99}, {0x11d42, 0x11d42}, {0x11d44, 0x11d45},
    {0x11d97, 0x11d97}, {0x11f41, 0x11f42}, {0x16121, 0x16128}, {0x1612f, 0x1612f}, {0x16d68, 0x16d6a},
    {0x16ff0, 0x16ff1}, {0x1ccd6, 0x1ccf9}, {0x1e030, 0x1e06d}, {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136},
    {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef}, {0x1e4ec, 0x1e4ef}, {0x1e5ee, 0x1e5ef}, {0x1f16c, 0x1f16c},
    {0x1fbf0, 0x1fbf9},
}};

constexpr char32_t kYoungEnd = 0x20000;
static_assert(kYoung.back().last < kYoungEnd);

constexpr auto kYoungBits = [] {
  std::array<std::uint64_t, kYoungEnd / 64> bits{};
  for (const Range& range : kYoung) {
    for (char32_t c = range.first; c <= range.last; ++c) bits[c / 64] |= std::uint64_t{1} << (c % 64);
  }
  return bits;
}();

bool young(std::int32_t code) noexcept {
  const auto c = static_cast<char32_t>(code);
  return c < kYoungEnd && (kYoungBits[c / 64] >> (c % 64) & 1) != 0;
}

int combining_class(std::int32_t code) noexcept {
  return young(code) ? 0 : utf8proc_get_property(code)->combining_class;
}

// A code with its combining class above it, so that it is looked up once.
std::int32_t with_class(std::int32_t code) noexcept {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(combining_class(code)) << 24 |
                                   static_cast<std::uint32_t>(code));
}
std::uint32_t class_of(std::int32_t code) noexcept { return static_cast<std::uint32_t>(code) >> 24; }

utf8proc_option_t options(UnicodeForm::Kind kind) noexcept {
  const bool compatible = kind == UnicodeForm::Kind::kNfkc || kind == UnicodeForm::Kind::kNfkd;
  return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0));
}

// 18 characters are the most that one decomposes into (U+FDFA).
using Decomposition = std::array<utf8proc_int32_t, 32>;

// How many there are; negative for utf8proc's errors.
utf8proc_ssize_t decompose(std::int32_t code, utf8proc_option_t options, Decomposition& parts) noexcept {
  if (young(code)) return parts[0] = code, 1;
  int bound = 0;
  return utf8proc_decompose_char(code, parts.data(), static_cast<utf8proc_ssize_t>(parts.size()), options, &bound);
}

// Ascending by class, marks of one class in their order. A long run is counted instead of compared.
void sort_by_class(std::span<std::int32_t> marks) {
  const auto earlier = [](std::int32_t a, std::int32_t b) { return class_of(a) < class_of(b); };
  if (std::ranges::is_sorted(marks, earlier)) return;
  if (marks.size() < 1024) {
    std::ranges::stable_sort(marks, earlier);
    return;
  }
  std::array<std::size_t, 257> begins{};
  for (const std::int32_t mark : marks) ++begins[class_of(mark) + 1];
  for (std::size_t i = 1; i < begins.size(); ++i) begins[i] += begins[i - 1];
  const std::vector<std::int32_t> old(marks.begin(), marks.end());
  for (const std::int32_t mark : old) marks[begins[class_of(mark)]++] = mark;
}

// Bytes of text that are brought into a form at once, where there is a choice.
constexpr std::size_t kMaxStretch = 4096;

std::size_t utf8_size(const std::vector<std::int32_t>& codes) noexcept {
  std::size_t size = 0;
  for (const std::int32_t code : codes) size += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  return size;
}

constexpr auto kCanonical = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);

}  // namespace

UnicodeForm UnicodeForm::make(Kind kind) {
  UnicodeForm form;
  form.kind_ = kind;
  form.stable_.assign(kTableEnd / 64, 0);
  form.joins_.assign(kTableEnd / 64, 0);
  form.anew_.assign(kTableEnd / 64, 0);
  const auto set = [](std::vector<std::uint64_t>& bits, char32_t c) {
    if (c < kTableEnd) bits[c / 64] |= std::uint64_t{1} << (c % 64);
  };
  // Nothing beyond the table is made of two but compatibility ideographs, which take the slow way.
  for (char32_t c = 0; c < kTableEnd; ++c) {
    const auto code = static_cast<utf8proc_int32_t>(c);
    Decomposition parts{};
    if (decompose(code, options(kind), parts) == 1 && parts[0] == code && combining_class(code) == 0) {
      set(form.stable_, c);
    }
    // Whatever stands behind the first place of a canonical decomposition can be joined to what is before.
    const auto size = decompose(code, kCanonical, parts);
    for (utf8proc_ssize_t i = 1; i < size && i < static_cast<utf8proc_ssize_t>(parts.size()); ++i) {
      set(form.joins_, static_cast<char32_t>(parts[static_cast<std::size_t>(i)]));
    }
  }
  for (char32_t c = 0; c < kTableEnd; ++c) {
    if (form.find_whether_anew(c)) set(form.anew_, c);
  }
  if (!form.composes()) return form;
  // What is composed already is as good as what has no parts.
  std::vector<std::int32_t> codes;
  for (char32_t c = 0; c < kTableEnd; ++c) {
    const auto code = static_cast<utf8proc_int32_t>(c);
    Decomposition parts{};
    const auto size = decompose(code, options(kind), parts);
    if (size < 1 || size > static_cast<utf8proc_ssize_t>(parts.size()) || !form.begins_anew(c)) {
      form.stable_[c / 64] &= ~(std::uint64_t{1} << (c % 64));
    } else if (size > 1) {
      codes.assign(parts.begin(), parts.begin() + size);
      if (compose(codes).ok() && codes.size() == 1 && codes[0] == code) set(form.stable_, c);
    }
  }
  return form;
}

bool UnicodeForm::find_whether_anew(char32_t c) const noexcept {
  Decomposition parts{};
  if (decompose(static_cast<std::int32_t>(c), options(kind_), parts) < 1 || combining_class(parts[0]) != 0)
    return false;
  const auto first = static_cast<char32_t>(parts[0]);
  return !composes() || (first < kTableEnd && (joins_[first / 64] >> (first % 64) & 1) == 0);
}

Status UnicodeForm::stretch(std::string_view in, std::vector<std::int32_t>& codes) const {
  codes.clear();
  if (in.size() > kMaxStretch) {
    // Marks without end: as much room as they take and no more.
    std::size_t n = 0;
    for (std::size_t at = 0; at < in.size();) {
      const utf8::Character c = utf8::decode_at(in, at);
      Decomposition parts{};
      n += static_cast<std::size_t>(
          std::max<utf8proc_ssize_t>(decompose(static_cast<std::int32_t>(c.code), options(kind_), parts), 0));
      at += c.size;
    }
    codes.reserve(n);
  }
  for (std::size_t at = 0; at < in.size();) {
    const utf8::Character c = utf8::decode_at(in, at);
    at += c.size;
    Decomposition parts;
    const auto size = decompose(static_cast<std::int32_t>(c.code), options(kind_), parts);
    if (size < 0 || size > static_cast<utf8proc_ssize_t>(parts.size())) {
      return Status(Code::kInternal, kWhere, "a decomposition", Text("utf8proc's answer ", size));
    }
    for (utf8proc_ssize_t i = 0; i < size; ++i) codes.push_back(with_class(parts[static_cast<std::size_t>(i)]));
  }
  // utf8proc would sort marks by exchanging neighbours, which takes time squared in a long run of them.
  for (auto begin = codes.begin(); begin != codes.end();) {
    if (class_of(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, codes.end(), [](std::int32_t code) { return class_of(code) == 0; });
    sort_by_class({begin, end});
    begin = end;
  }
  for (std::int32_t& code : codes) code &= 0xffffff;
  return composes() ? compose(codes) : Status();
}

// Between two young characters, which join nothing and let nothing join across them.
Status UnicodeForm::compose(std::vector<std::int32_t>& codes) {
  std::size_t written = 0;
  for (std::size_t begin = 0; begin < codes.size();) {
    std::size_t end = begin + 1;
    while (end < codes.size() && !young(codes[end])) ++end;
    const auto size = utf8proc_normalize_utf32(codes.data() + begin, static_cast<utf8proc_ssize_t>(end - begin),
                                               static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (size < 0) return Status(Code::kInternal, kWhere, "a composition", Text("utf8proc's answer ", size));
    std::copy_n(codes.begin() + static_cast<std::ptrdiff_t>(begin), size,
                codes.begin() + static_cast<std::ptrdiff_t>(written));
    written += static_cast<std::size_t>(size);
    begin = end;
  }
  codes.resize(written);
  return {};
}

// The forms of characters that stand between two that begin anew, where nothing joins them: most of those in real text.
// The last ones are remembered.
class UnicodeForm::Alone {
 public:
  explicit Alone(const UnicodeForm& form) noexcept : form_(form) {}

  /// `bytes` are the character's. Valid until the next call.
  Result<std::string_view> form_of(char32_t code, std::string_view bytes) {
    if (known_.empty()) known_.resize(kKnown);  // most texts have none of them
    Known& known = known_[code % kKnown];
    if (known.code == code) return std::string_view(known.bytes.data(), known.size);
    MOXIE_TRY(form_.stretch(bytes, codes_));
    text_.clear();
    for (const std::int32_t part : codes_) utf8::append(text_, static_cast<char32_t>(part));
    if (text_.size() <= known.bytes.size()) {
      known.code = code;
      known.size = static_cast<std::uint32_t>(text_.size());
      std::copy(text_.begin(), text_.end(), known.bytes.begin());
    }
    return std::string_view(text_);
  }

 private:
  static constexpr std::size_t kKnown = 256;

  struct Known {
    char32_t code = utf8::kNoCharacter;
    std::uint32_t size = 0;
    std::array<char, 40> bytes{};  // 33 for U+FDFA
  };

  const UnicodeForm& form_;
  std::vector<Known> known_;
  std::vector<std::int32_t> codes_;
  std::string text_;
};

Result<bool> UnicodeForm::apply(const MarkedView& in, Rewriter& out) const {
  const std::string_view text = in.text;
  std::size_t copied = 0;  // up to here, in is in out (once there is a change)
  std::vector<std::int32_t> codes;
  std::string bytes;
  std::size_t previous = 0;  // where the character before `at` begins
  Alone alone(*this);
  const auto ends_or_begins_anew = [&](std::size_t i) {
    if (i == text.size()) return true;
    const utf8::Character next = utf8::decode_at(text, i);
    return stable(next.code) || begins_anew(next.code);
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t ascii = utf8::ascii_run(text, at);
    if (ascii > 0) {
      at += ascii;
      previous = at - 1;
      continue;
    }
    const utf8::Character c = utf8::decode_at(text, at);
    if (stable(c.code)) {
      previous = c.code == utf8::kNoCharacter ? at + c.size : at;
      at += c.size;
      continue;
    }
    if (begins_anew(c.code) && ends_or_begins_anew(at + c.size)) {
      const std::string_view character = text.substr(at, c.size);
      MOXIE_TRY_LET(const std::string_view form, alone.form_of(c.code, character));
      if (form != character) {
        out.copy(copied, at);
        out.append(form, in.marked(at, at + c.size));
        copied = at + c.size;
      }
      previous = at;
      at += c.size;
      continue;
    }
    // The stretch takes in the character before, to which this one may be joined, and ends before a stable one; a long
    // one wherever it may.
    const std::size_t begin = composes() ? std::max(previous, copied) : at;
    std::size_t end = at + c.size;
    while (end < text.size()) {
      const utf8::Character next = utf8::decode_at(text, end);
      if (stable(next.code) || (end - begin > kMaxStretch && begins_anew(next.code))) break;
      end += next.size;
    }
    MOXIE_TRY(stretch(text.substr(begin, end - begin), codes));
    bytes.clear();
    if (end - begin > kMaxStretch) bytes.reserve(utf8_size(codes));
    for (const std::int32_t code : codes) utf8::append(bytes, static_cast<char32_t>(code));
    if (end - begin > 2 * kMaxStretch) std::vector<std::int32_t>().swap(codes);
    if (bytes != text.substr(begin, end - begin)) {
      out.copy(copied, begin);
      out.append(bytes, in.marked(begin, end));
      copied = end;
    }
    at = end;
    previous = end;  // nothing before a stable character changes with it
  }
  if (copied == 0) return false;
  out.copy(copied, text.size());
  return true;
}

}  // namespace moxie::text
