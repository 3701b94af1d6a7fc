// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/constraint/grammar.hpp>
#include <moxie/core/guard.hpp>
#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

#include "constraint/engine/engine.hpp"
#include "constraint/grammar/rule_network.hpp"
#include "constraint/regex/char_set.hpp"

namespace moxie::inline abi1::constraint {
namespace {

constexpr std::string_view kWhere = "grammar";
constexpr std::size_t kMaxBytes = std::size_t{1} << 20U;
constexpr std::size_t kMaxDepth = 64;
constexpr std::uint32_t kMaxCount = 1U << 20U;

/// Reads GBNF as llama.cpp's files have it: NAME ::= ..., with "texts", [classes], ., groups, * + ? {m,n}, | and #
/// comments.
///
/// Source   github.com/ggml-org/llama.cpp, grammars/README.md
class GbnfReader {
 public:
  GbnfReader(Regexes& regexes, std::string_view text) : regexes_(regexes), text_(text) {}

  Status run(std::vector<Rule>& rules, std::uint32_t& start) {
    if (text_.size() > kMaxBytes) return Status(Code::kBudget, kWhere, Text("at most ", kMaxBytes, " bytes"), "more");
    skip(true);
    while (!at_end()) MOXIE_TRY(rule());
    for (const Rule& one : rules_) {
      if (!one.defined) return Status(Code::kFormat, kWhere, Text("a rule called ", one.name), "none");
    }
    const auto root = index_.find("root");
    if (root == index_.end()) return Status(Code::kFormat, kWhere, "a rule called root", "none");
    start = root->second;
    rules = std::move(rules_);
    return {};
  }

 private:
  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] bool sees(std::string_view what) const noexcept { return text_.substr(at_).starts_with(what); }
  bool take(std::string_view what) noexcept {
    if (!sees(what)) return false;
    at_ += what.size();
    return true;
  }
  [[nodiscard]] Status wrong(std::string_view needed) const {
    const auto line = 1 + std::ranges::count(text_.substr(0, at_), '\n');
    return Status(Code::kFormat, kWhere, needed, Text(at_end() ? "the end" : "something else", " in line ", line));
  }

  /// Blanks and comments; line breaks where they are allowed.
  void skip(bool lines) {
    while (!at_end()) {
      if (text_[at_] == ' ' || text_[at_] == '\t' || (lines && (text_[at_] == '\n' || text_[at_] == '\r'))) {
        ++at_;
      } else if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  std::string_view name() {
    const std::size_t begin = at_;
    const auto letter = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    while (!at_end() && letter(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  std::uint32_t index_of(std::string_view name) {
    const auto [known, fresh] = index_.emplace(name, static_cast<std::uint32_t>(rules_.size()));
    if (fresh) rules_.push_back({.name = std::string(name)});
    return known->second;
  }

  Status rule() {
    const std::string_view called = name();
    if (called.empty()) return wrong("the name of a rule");
    skip(false);
    if (!take("::=")) return wrong("::=");
    skip(true);
    const std::uint32_t index = index_of(called);
    if (rules_[index].defined) return Status(Code::kFormat, kWhere, Text("one rule called ", called), "two");
    MOXIE_TRY_LET(Expression is, choice(0));
    rules_[index].is = std::move(is);
    rules_[index].defined = true;
    if (!at_end() && text_[at_] != '\n' && text_[at_] != '\r') return wrong("the end of a rule");
    skip(true);
    return {};
  }

  Result<Expression> choice(std::size_t depth) {
    if (depth > kMaxDepth) return Status(Code::kBudget, kWhere, Text("groups at most ", kMaxDepth, " deep"), "deeper");
    Expression all{.kind = Expression::Kind::kChoice};
    for (;;) {
      MOXIE_TRY_LET(Expression one, sequence(depth));
      all.parts.push_back(std::move(one));
      if (!next_alternative(depth)) break;
      skip(true);
    }
    if (all.parts.size() > 1) return all;
    Expression only = std::move(all.parts.front());
    return only;
  }

  /// A | may stand at the beginning of the next line.
  bool next_alternative(std::size_t depth) {
    const std::size_t before = at_;
    skip(true);
    if (take("|")) return true;
    if (depth == 0) at_ = before;
    return false;
  }

  Result<Expression> sequence(std::size_t depth) {
    Expression all;
    for (;;) {
      skip(depth > 0);
      if (at_end() || text_[at_] == '|' || text_[at_] == ')' || text_[at_] == '\n' || text_[at_] == '\r') break;
      MOXIE_TRY_LET(Expression one, item(depth));
      MOXIE_TRY(quantifier(one));
      all.parts.push_back(std::move(one));
    }
    return all;
  }

  Result<Expression> item(std::size_t depth) {
    const auto lexeme = [](RegexId id) { return Expression{.kind = Expression::Kind::kLexeme, .lexeme = id}; };
    if (take("\"")) {
      std::string bytes;
      while (!take("\"")) {
        if (at_end() || text_[at_] == '\n') return wrong("the end of a text");
        MOXIE_TRY_LET(const char32_t code, character());
        utf8::append(bytes, code);
      }
      return lexeme(regexes_.literal(bytes));
    }
    if (take("[")) {
      const bool inverted = take("^");
      CharSet set;
      while (!take("]")) {
        if (at_end()) return wrong("a ]");
        MOXIE_TRY_LET(const char32_t first, character());
        char32_t last = first;
        if (sees("-") && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
          ++at_;
          MOXIE_TRY_LET(last, character());
        }
        if (last < first) return wrong("a range in order");
        set.add(first, last);
      }
      return lexeme(one_of(regexes_, inverted ? set.complement() : set, Writing::kPlain));
    }
    if (take(".")) return lexeme(one_of(regexes_, CharSet::all(), Writing::kPlain));
    if (take("(")) {
      skip(true);
      MOXIE_TRY_LET(Expression inner, choice(depth + 1));
      skip(true);
      if (!take(")")) return wrong("a )");
      return inner;
    }
    const std::string_view called = name();
    if (called.empty()) return wrong("a text, a class, a group or the name of a rule");
    return Expression{.kind = Expression::Kind::kRule, .rule = index_of(called)};
  }

  Status quantifier(Expression& one) {
    bool counted = false;
    while (!at_end()) {
      std::uint32_t least = 0;
      std::uint32_t most = kNoLimit;
      if (take("*")) {
      } else if (take("+")) {
        least = 1;
      } else if (take("?")) {
        most = 1;
      } else if (take("{")) {
        const bool first = number(least);
        most = least;
        if (take(",") && !number(most)) most = kNoLimit;
        if (!first || !take("}")) return wrong("{m}, {m,} or {m,n}");
        if (most < least) return wrong("{m,n} with m at most n");
      } else {
        return {};
      }
      if (counted) return wrong("one quantifier");
      counted = true;
      Expression repeated{.kind = Expression::Kind::kRepeat, .least = least, .most = most};
      repeated.parts.push_back(std::move(one));
      one = std::move(repeated);
    }
    return {};
  }

  bool number(std::uint32_t& out) {
    bool any = false;
    out = 0;
    for (; !at_end() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_, any = true) {
      out = std::min(out * 10 + static_cast<std::uint32_t>(text_[at_] - '0'), kMaxCount);
    }
    return any;
  }

  Result<char32_t> character() {
    if (!take("\\")) {
      const utf8::Character c = utf8::decode_at(text_, at_);
      if (c.code == utf8::kNoCharacter) return wrong("UTF-8");
      at_ += c.size;
      return c.code;
    }
    if (at_end()) return wrong("a character behind \\");
    const char c = text_[at_++];
    switch (c) {
      case 'n': return U'\n';
      case 'r': return U'\r';
      case 't': return U'\t';
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^': return static_cast<char32_t>(c);
      case 'x': return hex(2);
      case 'u': return hex(4);
      case 'U': return hex(8);
      default: --at_; return wrong("an escape that there is");
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
      if (digit < 0) return wrong("a hexadecimal digit");
      code = code * 16 + static_cast<char32_t>(digit);
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return wrong("a character up to U+10FFFF");
    return code;
  }

  Regexes& regexes_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Rule> rules_;
  std::map<std::string, std::uint32_t, std::less<>> index_;
};

class GbnfSource final : public GrammarSource {
 public:
  explicit GbnfSource(std::string_view text) : text_(text) {}
  [[nodiscard]] Result<std::unique_ptr<Network>> network() const override {
    auto regexes = std::make_unique<Regexes>();
    std::vector<Rule> rules;
    std::uint32_t start = 0;
    MOXIE_TRY(GbnfReader(*regexes, text_).run(rules, start));
    auto network = std::make_unique<RuleNetwork>(std::move(regexes));
    MOXIE_TRY(network->build(rules, start));
    return std::unique_ptr<Network>(std::move(network));
  }

 private:
  std::string text_;
};

}  // namespace
}  // namespace moxie::constraint

namespace moxie::inline abi1 {

Result<Grammar> Grammar::gbnf(std::string_view grammar) noexcept {
  std::shared_ptr<const constraint::GrammarSource> source;
  const Status status = guarded("Grammar::gbnf", [&]() -> Status {
    source = std::make_shared<const constraint::GbnfSource>(grammar);
    return constraint::check_source(*source);
  });
  if (!status.ok()) return status;
  return constraint::Engine::grammar(std::move(source));
}

}  // namespace moxie
