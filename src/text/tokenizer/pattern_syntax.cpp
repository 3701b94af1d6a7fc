// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/pattern_syntax.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

namespace moxie::inline abi1::text {
namespace {

constexpr std::string_view kWhere = "regular expression";

// White_Space of Unicode. PCRE2's \s has U+180E as well, which is none since Unicode 6.3.
constexpr std::string_view kSpace =
    R"(\x09-\x0d\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
// Word characters of Oniguruma: those of Unicode's own rule (UTS 18), and six numbers of Latin-1.
constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";

// General categories. Any other name without a prefix is taken for a script, which in Oniguruma is the property
// Script, in PCRE2 Script_Extensions unless one says "sc:".
constexpr std::array<std::string_view, 38> kCategories = {
    "C",  "Cc", "Cf", "Cn", "Co", "Cs", "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",  "Mc", "Me", "Mn", "N",  "Nd", "Nl",
    "No", "P",  "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S",  "Sc", "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs", "Any"};
constexpr std::array<std::string_view, 5> kBinary = {"Alphabetic", "White_Space", "Lowercase", "Uppercase", "Emoji"};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class Translator {
 public:
  explicit Translator(std::string_view in) noexcept : in_(in) {}

  Result<std::string> run() {
    while (at_ < in_.size()) MOXIE_TRY(item());
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool ahead(std::string_view text) const noexcept { return in_.substr(at_).starts_with(text); }
  [[nodiscard]] char peek(std::size_t n = 0) const noexcept { return at_ + n < in_.size() ? in_[at_ + n] : '\0'; }
  void take(std::size_t n) {
    out_.append(in_.substr(at_, n));
    at_ += std::min(n, in_.size() - at_);
  }
  [[nodiscard]] Status unsupported(std::size_t bytes) const {
    return Status(Code::kUnsupported, kWhere,
                  "classes, groups, lookaround, quantifiers, \\p{..} and the escapes that mean the same everywhere",
                  Text("'", in_.substr(at_, bytes), "' at byte ", at_ + 1));
  }
  [[nodiscard]] Status broken(std::string_view came) const {
    return Status(Code::kFormat, kWhere, "a whole one", came);
  }

  Status item() {
    switch (peek()) {
      case '\\': atom_ = out_.size(); return escape(false);
      case '[': atom_ = out_.size(); return set();
      case '(': return open();
      case ')':
        if (groups_.empty()) return broken("a ')' without its '('");
        atom_ = groups_.back();
        groups_.pop_back();
        take(1);
        return {};
      case '*':
      case '+':
      case '?': return simple_quantifier();
      case '{': return counted_quantifier();
      case '|':
      case '^':
      case '$':
        atom_.reset();
        take(1);
        return {};
      default: {
        atom_ = out_.size();
        // The whole character, so that a quantifier behind it wraps all of it.
        std::size_t size = 1;
        while (utf8::is_continuation(peek(size))) ++size;
        take(size);
        return {};
      }
    }
  }

  Status open() {
    groups_.push_back(out_.size());
    atom_.reset();
    if (peek(1) == '*') return unsupported(2);
    if (peek(1) != '?') return take(1), Status();
    for (const std::string_view kind : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"}) {
      if (ahead(kind)) return take(kind.size()), Status();
    }
    return flags();
  }

  // (?i) or (?i-m:…). Ruby's m lets the dot match a line's end, which PCRE2 calls s.
  Status flags() {
    std::string words = "(?";
    std::size_t i = 2;
    for (; peek(i) == 'i' || peek(i) == 'm' || peek(i) == '-'; ++i) words += peek(i) == 'm' ? 's' : peek(i);
    if (i == 2 || (peek(i) != ')' && peek(i) != ':')) return unsupported(i + 1);
    if (peek(i) == ')') groups_.pop_back();
    words += peek(i);
    out_ += words;
    at_ += i + 1;
    return {};
  }

  Status simple_quantifier() {
    if (!atom_) return unsupported(1);
    take(1);
    if (peek() == '?' || peek() == '+') take(1);
    quantified();
    return {};
  }

  // {n}, {n,}, {n,m} and {,m}, which PCRE2 would take for plain text.
  Status counted_quantifier() {
    std::size_t i = 1;
    std::string least, most;
    while (is_digit(peek(i))) least += peek(i++);
    const bool comma = peek(i) == ',';
    if (comma) ++i;
    while (is_digit(peek(i))) most += peek(i++);
    if (peek(i) != '}' || (least.empty() && most.empty()) || !atom_) return unsupported(i + 1);
    if (least.empty()) least = "0";
    out_ += "{" + least + (comma ? "," + most : std::string()) + "}";
    at_ += i + 1;
    if (peek() == '?') {
      if (!comma) return unsupported(1);  // Ruby reads {n}? as "n times or not at all"
      take(1);
    } else if (peek() == '+') {
      // Not possessive in Ruby: the counted item, once or more.
      out_.insert(*atom_, "(?:");
      out_ += ")+";
      at_ += 1;
    }
    quantified();
    return {};
  }

  // A second quantifier would make PCRE2 and Oniguruma think of different things.
  void quantified() noexcept { atom_.reset(); }

  Status escape(bool in_set) {
    const char c = peek(1);
    const auto write = [&](std::string_view text, std::size_t bytes) {
      out_ += text;
      at_ += bytes;
      return Status();
    };
    const auto either = [&](std::string_view in, bool negated) {
      // Beside a '-' the ends of the list would make a range.
      if (in_set && ((peek(2) == '-' && peek(3) != ']') || (out_.ends_with('-') && !out_.ends_with("[-")))) {
        return unsupported(3);
      }
      out_ += in_set ? "" : negated ? "[^" : "[";
      out_ += in;
      out_ += in_set ? "" : "]";
      at_ += 2;
      return Status();
    };
    switch (c) {
      case 's': return either(kSpace, false);
      case 'w': return either(kWord, false);
      case 'd': return write("\\p{Nd}", 2);
      case 'D': return write("\\P{Nd}", 2);
      case 'S': return in_set ? write("\\P{White_Space}", 2) : either(kSpace, true);
      case 'W': return in_set ? unsupported(2) : either(kWord, true);
      case 'h': return either("0-9a-fA-F", false);
      case 'H': return in_set ? unsupported(2) : either("0-9a-fA-F", true);
      case 'v': return write("\\x0b", 2);
      case 't':
      case 'n':
      case 'r':
      case 'f':
      case 'a':
      case 'e': return take(2), Status();
      case 'A':
      case 'z':
        if (in_set) return unsupported(2);
        atom_.reset();
        return take(2), Status();
      case 'p':
      case 'P': return property();
      case 'x':
      case 'u': return code_point();
      default: break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (at_ + 1 >= in_.size()) return broken("a '\\' at the end");
    if (is_letter(c) || is_digit(c) || byte < 0x20) return unsupported(2);
    if (byte >= 0x80) return at_ += 1, Status();  // the character itself follows
    return take(2), Status();
  }

  Status property() {
    const std::size_t end = in_.find('}', at_);
    if (peek(2) != '{' || end == std::string_view::npos || end > at_ + 64) return unsupported(3);
    std::string_view name = in_.substr(at_ + 3, end - at_ - 3);
    bool negated = peek(1) == 'P';
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    if (name.empty() || !std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || c == '_'; })) {
      return unsupported(end + 1 - at_);
    }
    const auto listed = [&](const auto& names) { return std::find(names.begin(), names.end(), name) != names.end(); };
    out_ += negated ? "\\P{" : "\\p{";
    if (!listed(kCategories) && !listed(kBinary)) out_ += "sc:";
    out_ += name;
    out_ += '}';
    at_ = end + 1;
    return {};
  }

  // \xHH, \x{H…} and \uHHHH
  Status code_point() {
    std::string digits;
    std::size_t i = 2;
    if (peek(1) == 'x' && peek(2) == '{') {
      for (i = 3; is_hex(peek(i)); ++i) digits += peek(i);
      if (peek(i++) != '}') return unsupported(3);
    } else {
      const std::size_t most = peek(1) == 'x' ? 2 : 4;
      for (; digits.size() < most && is_hex(peek(i)); ++i) digits += peek(i);
      // Above 0x7f, \xHH is a byte to Oniguruma and a character to PCRE2.
      if (digits.size() != most || (most == 2 && digits[0] >= '8')) return unsupported(2);
    }
    if (digits.empty() || digits.size() > 6) return unsupported(2);
    out_ += "\\x{" + digits + "}";
    at_ += i;
    return {};
  }

  Status set() {
    take(1);
    if (peek() == '^') take(1);
    if (peek() == ']') return unsupported(1);  // empty to some, a plain ']' to others
    while (peek() != ']') {
      if (at_ >= in_.size()) return broken("a '[' without its ']'");
      if (peek() == '[' || ahead("&&")) return unsupported(2);
      if (peek() == '\\') {
        MOXIE_TRY(escape(true));
      } else {
        take(1);
      }
    }
    take(1);
    return {};
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
  std::optional<std::size_t> atom_;  // where in out_ the last thing began that a quantifier may follow
  std::vector<std::size_t> groups_;  // where in out_ each open group began
};

}  // namespace

Result<std::string> to_pcre2(std::string_view expression) { return Translator(expression).run(); }

}  // namespace moxie::text
