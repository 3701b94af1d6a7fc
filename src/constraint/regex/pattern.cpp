// SPDX-License-Identifier: Apache-2.0
#include "constraint/regex/pattern.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

namespace moxie::inline abi1::constraint {
namespace {

constexpr std::string_view kWhere = "pattern";
// Bytes that no UTF-8 has stand for the two ends of the text: w matches where any number of the one, w, and any number
// of the other does. An anchor reads one of them.
constexpr unsigned kBegin = 0xfe;
constexpr unsigned kEnd = 0xff;
constexpr std::uint32_t kMaxCount = 1U << 20U;

CharSet digits() { return CharSet::of({{'0', '9'}}); }

CharSet word() { return CharSet::of({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}); }

CharSet space() {
  return CharSet::of({{0x09, 0x0d},
                      {0x20, 0x20},
                      {0xa0, 0xa0},
                      {0x1680, 0x1680},
                      {0x2000, 0x200a},
                      {0x2028, 0x2029},
                      {0x202f, 0x202f},
                      {0x205f, 0x205f},
                      {0x3000, 0x3000},
                      {0xfeff, 0xfeff}});
}

class Parser {
 public:
  Parser(Regexes& regexes, std::string_view text, Writing writing)
      : regexes_(regexes), text_(text), writing_(writing) {}

  Result<RegexId> run() {
    MOXIE_TRY_LET(const RegexId all, alternatives());
    if (!at_end()) return wrong("nothing behind the expression", "a )");
    return all;
  }

 private:
  struct Depth {
    std::size_t& depth;
    explicit Depth(std::size_t& d) : depth(d) { ++depth; }
    ~Depth() { --depth; }
  };

  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] bool sees(std::string_view what) const noexcept { return text_.substr(at_).starts_with(what); }
  bool take(std::string_view what) noexcept {
    if (!sees(what)) return false;
    at_ += what.size();
    return true;
  }
  [[nodiscard]] Status wrong(std::string_view needed, std::string_view came) const {
    return Status(Code::kFormat, kWhere, needed, Text(came, " at byte ", at_));
  }
  [[nodiscard]] Status unsupported(std::string_view what) const {
    return Status(Code::kUnsupported, kWhere, "an expression without look-around, word boundaries and references",
                  Text(what, " at byte ", at_));
  }

  Result<RegexId> alternatives() {
    const Depth depth(depth_);
    if (depth_ > kMaxPatternDepth) {
      return Status(Code::kBudget, kWhere, Text("groups at most ", kMaxPatternDepth, " deep"), "deeper ones");
    }
    std::vector<RegexId> choices;
    do {
      MOXIE_TRY_LET(const RegexId one, sequence());
      choices.push_back(one);
    } while (take("|"));
    return regexes_.alt(choices);
  }

  Result<RegexId> sequence() {
    std::vector<RegexId> parts;
    while (!at_end() && text_[at_] != '|' && text_[at_] != ')') {
      MOXIE_TRY_LET(const RegexId one, term());
      parts.push_back(one);
    }
    RegexId result = Regexes::kEmpty;
    for (std::size_t i = parts.size(); i-- > 0;) result = regexes_.cat(parts[i], result);
    return result;
  }

  Result<RegexId> term() {
    MOXIE_TRY_LET(RegexId what, atom());
    bool counted = false;
    while (!at_end()) {
      std::uint32_t least = 0;
      std::uint32_t most = kNoLimit;
      if (take("*")) {
      } else if (take("+")) {
        least = 1;
      } else if (take("?")) {
        most = 1;
      } else if (sees("{")) {
        MOXIE_TRY(count(least, most));
      } else {
        break;
      }
      if (counted) return wrong("one quantifier", "two");
      counted = true;
      take("?");  // a lazy one matches the same texts
      what = regexes_.repeat(what, least, most);
    }
    return what;
  }

  Status count(std::uint32_t& least, std::uint32_t& most) {
    ++at_;
    const std::optional<std::uint32_t> first = whole();
    if (!first) return wrong("{n}, {n,} or {n,m}", "something else");
    least = most = *first;
    if (take(",")) {
      const std::optional<std::uint32_t> second = whole();
      most = second.value_or(kNoLimit);
    }
    if (!take("}")) return wrong("a }", "something else");
    if (most < least) return wrong("{n,m} with n at most m", "the opposite");
    return {};
  }

  std::optional<std::uint32_t> whole() {
    std::optional<std::uint32_t> n;
    while (!at_end() && text_[at_] >= '0' && text_[at_] <= '9') {
      n = std::min(n.value_or(0) * 10 + static_cast<std::uint32_t>(text_[at_] - '0'), kMaxCount);
      ++at_;
    }
    return n;
  }

  Result<RegexId> atom() {
    const char c = text_[at_];
    switch (c) {
      case '^': ++at_; return regexes_.bytes(ByteSet::range(kBegin, kBegin));
      case '$': ++at_; return regexes_.bytes(ByteSet::range(kEnd, kEnd));
      case '.': ++at_; return one(CharSet::of({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}).complement());
      case '(': return group();
      case '[': {
        MOXIE_TRY_LET(const CharSet set, char_class());
        return one(set);
      }
      case '\\': {
        MOXIE_TRY_LET(const CharSet set, escape(false));
        return one(set);
      }
      case '*':
      case '+':
      case '?': return wrong("something in front of a quantifier", "nothing");
      case '{':
        if (at_ + 1 < text_.size() && text_[at_ + 1] >= '0' && text_[at_ + 1] <= '9') {
          return wrong("something in front of a quantifier", "nothing");
        }
        break;
      default: break;
    }
    MOXIE_TRY_LET(const char32_t code, character());
    return one(CharSet::of({{code, code}}));
  }

  RegexId one(const CharSet& set) { return one_of(regexes_, set, writing_); }

  Result<char32_t> character() {
    const utf8::Character c = utf8::decode_at(text_, at_);
    if (c.code == utf8::kNoCharacter) return wrong("UTF-8", "another byte");
    at_ += c.size;
    return c.code;
  }

  Result<RegexId> group() {
    ++at_;
    if (take("?")) {
      if (sees("=") || sees("!")) return unsupported("a look-ahead");
      if (sees("<=") || sees("<!")) return unsupported("a look-behind");
      if (take("<") || take("P<")) {
        const std::size_t end = text_.find('>', at_);
        if (end == std::string_view::npos) return wrong("the end of a group's name", "none");
        at_ = end + 1;
      } else if (!take(":")) {
        return unsupported("a (?");
      }
    }
    MOXIE_TRY_LET(const RegexId inner, alternatives());
    if (!take(")")) return wrong("a )", "the end");
    return inner;
  }

  Result<CharSet> char_class() {
    ++at_;
    const bool inverted = take("^");
    CharSet set;
    while (!take("]")) {
      if (at_end()) return wrong("a ]", "the end");
      bool single = true;
      MOXIE_TRY_LET(const CharSet first, class_atom(single));
      if (single && sees("-") && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        bool second_single = true;
        MOXIE_TRY_LET(const CharSet second, class_atom(second_single));
        if (!second_single) {
          set.add(first), set.add(second), set.add('-', '-');
          continue;
        }
        const char32_t from = first.ranges().empty() ? 0xd800 : first.ranges().front().first;
        const char32_t to = second.ranges().empty() ? 0xdfff : second.ranges().front().first;
        if (to < from) return wrong("a range in order", "the opposite");
        set.add(from, to);
      } else {
        set.add(first);
      }
    }
    return inverted ? set.complement() : set;
  }

  Result<CharSet> class_atom(bool& single) {
    if (at_end()) return wrong("a ]", "the end");
    if (text_[at_] == '\\') {
      const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
      single = std::string_view("dDwWsSpP").find(next) == std::string_view::npos;
      return escape(true);
    }
    MOXIE_TRY_LET(const char32_t code, character());
    return CharSet::of({{code, code}});
  }

  Result<CharSet> escape(bool in_class) {
    ++at_;
    if (at_end()) return wrong("a character behind \\", "the end");
    const char c = text_[at_++];
    const auto just = [](char32_t code) { return CharSet::of({{code, code}}); };
    switch (c) {
      case 'd': return digits();
      case 'D': return digits().complement();
      case 'w': return word();
      case 'W': return word().complement();
      case 's': return space();
      case 'S': return space().complement();
      case 't': return just('\t');
      case 'n': return just('\n');
      case 'r': return just('\r');
      case 'v': return just('\v');
      case 'f': return just('\f');
      case '0':
        if (!at_end() && text_[at_] >= '0' && text_[at_] <= '9') return unsupported("a number in base eight");
        return just(0);
      case 'c': {
        const char letter = at_end() ? '\0' : text_[at_];
        if ((letter < 'a' || letter > 'z') && (letter < 'A' || letter > 'Z'))
          return wrong("a letter behind \\c", "none");
        ++at_;
        return just(static_cast<unsigned char>(letter) % 32U);
      }
      case 'x': {
        MOXIE_TRY_LET(const char32_t code, hex(2));
        return just(code);
      }
      case 'u': return unicode();
      case 'p':
      case 'P': {
        if (!take("{")) return wrong("\\p{...}", "something else");
        const std::size_t end = text_.find('}', at_);
        if (end == std::string_view::npos) return wrong("a }", "the end");
        MOXIE_TRY_LET(const CharSet set, unicode_property(text_.substr(at_, end - at_)));
        at_ = end + 1;
        return c == 'p' ? set : set.complement();
      }
      case 'b':
        if (in_class) return just('\b');
        --at_;
        return unsupported("\\b");
      case 'B':
      case 'k':
      case 'A':
      case 'Z':
      case 'z': --at_; return unsupported(std::string_view(&c, 1));
      default:
        if (c >= '1' && c <= '9') {
          --at_;
          return unsupported("a reference to a group");
        }
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
          --at_;
          return wrong("an escape that there is", std::string_view(&c, 1));
        }
        --at_;
        MOXIE_TRY_LET(const char32_t code, character());
        return just(code);
    }
  }

  Result<char32_t> hex(std::size_t size) {
    char32_t code = 0;
    for (std::size_t i = 0; i < size; ++i, ++at_) {
      const char c = at_end() ? '\0' : text_[at_];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return wrong("a hexadecimal digit", "none");
      code = code * 16 + static_cast<char32_t>(digit);
    }
    return code;
  }

  Result<CharSet> unicode() {
    char32_t code = 0;
    if (take("{")) {
      const std::size_t end = text_.find('}', at_);
      if (end == std::string_view::npos || end == at_ || end - at_ > 6) return wrong("\\u{H}", "something else");
      MOXIE_TRY_LET(code, hex(end - at_));
      ++at_;
    } else {
      MOXIE_TRY_LET(code, hex(4));
      if (code >= 0xd800 && code < 0xdc00 && take("\\u")) {
        MOXIE_TRY_LET(const char32_t low, hex(4));
        if (low < 0xdc00 || low > 0xdfff) return wrong("the second half of a pair of surrogates", "another character");
        code = 0x10000 + ((code - 0xd800) << 10U) + (low - 0xdc00);
      }
    }
    if (code > 0x10ffff) return wrong("a character up to U+10FFFF", "more");
    return CharSet::of({{code, code}});
  }

  Regexes& regexes_;
  std::string_view text_;
  Writing writing_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

Result<RegexId> pattern(Regexes& regexes, std::string_view text, Writing writing, Match match) {
  if (text.size() > kMaxPatternBytes) {
    return Status(Code::kBudget, kWhere, Text("at most ", kMaxPatternBytes, " bytes"), Text(text.size()));
  }
  MOXIE_TRY_LET(const RegexId parsed, Parser(regexes, text, writing).run());
  const RegexId begin = regexes.bytes(ByteSet::range(kBegin, kBegin));
  const RegexId end = regexes.bytes(ByteSet::range(kEnd, kEnd));
  const RegexId around =
      match == Match::kWhole ? RegexId{Regexes::kEmpty} : regexes.repeat(one_of(regexes, CharSet::all(), writing), 0);
  RegexId result = regexes.cat(regexes.repeat(begin, 0),
                               regexes.cat(around, regexes.cat(parsed, regexes.cat(around, regexes.repeat(end, 0)))));
  // Any number of each end was there: as many as there are anchors one behind another.
  const auto strip = [&](auto&& one_less) {
    RegexId all = result;
    for (std::size_t i = 0; i <= kMaxPatternDepth; ++i) {
      const RegexId more = regexes.alt(all, one_less(all));
      if (more == all) break;
      all = more;
    }
    result = all;
  };
  strip([&](RegexId what) { return regexes.after(what, kBegin); });
  result = regexes.without(result, kBegin);
  strip([&](RegexId what) { return regexes.before(what, kEnd); });
  result = regexes.without(result, kEnd);
  MOXIE_TRY(regexes.check(kWhere));
  return result;
}

}  // namespace moxie::constraint
