// SPDX-License-Identifier: Apache-2.0
#include "tool/ready/expression.hpp"

#include <array>
#include <vector>

#include <moxie/core/text.hpp>

#include "tool/utf8.hpp"

namespace moxie::inline abi1::tools {
namespace {

constexpr std::string_view kWhere = "calculate";

// The sign '~' is the minus before a number.
constexpr int rank_of(char sign) noexcept {
  switch (sign) {
    case '+':
    case '-': return 1;
    case '*':
    case '/':
    case '%': return 2;
    case '~': return 3;
    case '^': return 4;
    default: return 0;  // an open bracket
  }
}

struct Spelling {
  std::string_view text;
  char sign;
};
constexpr std::array<Spelling, 13> kSpellings{{{"**", '^'},
                                               {"+", '+'},
                                               {"-", '-'},
                                               {"\u2212", '-'},
                                               {"*", '*'},
                                               {"\u00d7", '*'},
                                               {"\u00b7", '*'},
                                               {"/", '/'},
                                               {"\u00f7", '/'},
                                               {"%", '%'},
                                               {"^", '^'},
                                               {"(", '('},
                                               {")", ')'}}};

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Dijkstra's two stacks: numbers, and signs that wait for their right side.
class Evaluation {
 public:
  Evaluation(std::string_view text, const ToolControl& control) noexcept : text_(text), control_(control) {}

  Result<Rational> run() {
    bool wants_number = true;
    for (skip_space(); at_ < text_.size(); skip_space()) {
      if (wants_number && (is_digit(text_[at_]) || text_[at_] == '.')) {
        MOXIE_TRY(number());
        wants_number = false;
        continue;
      }
      const std::size_t begin = at_;
      const char sign = next_sign();
      if (wants_number) {
        if (sign == '(') {
          if (++open_ > kMaxBrackets) {
            return Status(Code::kBudget, kWhere, Text("at most ", kMaxBrackets, " open brackets"), "more");
          }
          signs_.push_back('(');
        } else if (sign == '-') {
          signs_.push_back('~');
        } else if (sign != '+') {
          return unexpected("a number or a bracket", begin);
        }
        continue;
      }
      if (sign == ')') {
        MOXIE_TRY(close(begin));
      } else if (rank_of(sign) != 0) {
        MOXIE_TRY(reduce(sign == '^' ? rank_of(sign) + 1 : rank_of(sign)));
        signs_.push_back(sign);
        wants_number = true;
      } else {
        return unexpected("an operator or the end", begin);
      }
    }
    if (wants_number) return unexpected("a number or a bracket", at_);
    MOXIE_TRY(reduce(1));
    if (!signs_.empty()) return unexpected("a closing bracket", at_);
    return std::move(numbers_.back());
  }

 private:
  void skip_space() noexcept {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  char next_sign() noexcept {
    for (const Spelling& spelling : kSpellings) {
      if (!text_.substr(at_).starts_with(spelling.text)) continue;
      at_ += spelling.text.size();
      return spelling.sign;
    }
    return 0;
  }

  Status number() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
    // An exponent only where digits follow, so that the error for "2e" names the letter.
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      std::size_t digits = at_ + 1;
      if (digits < text_.size() && (text_[digits] == '-' || text_[digits] == '+')) ++digits;
      if (digits < text_.size() && is_digit(text_[digits])) {
        at_ = digits;
        while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
      }
    }
    MOXIE_TRY_LET(Rational value, Rational::parse(text_.substr(begin, at_ - begin)));
    numbers_.push_back(std::move(value));
    return {};
  }

  Status close(std::size_t begin) {
    MOXIE_TRY(reduce(1));
    if (signs_.empty()) return unexpected("an operator or the end", begin);
    signs_.pop_back();
    --open_;
    return {};
  }

  // Does every operation that waits and binds at least as much as `rank`.
  Status reduce(int rank) {
    while (!signs_.empty() && rank_of(signs_.back()) >= rank) {
      MOXIE_TRY(control_.check(kWhere));
      const char sign = signs_.back();
      signs_.pop_back();
      if (sign == '~') {
        numbers_.back() = numbers_.back().negated();
        continue;
      }
      const Rational right = std::move(numbers_.back());
      numbers_.pop_back();
      MOXIE_TRY_LET(numbers_.back(), operate(sign, numbers_.back(), right));
    }
    return {};
  }

  static Result<Rational> operate(char sign, const Rational& left, const Rational& right) {
    switch (sign) {
      case '+': return Rational::add(left, right);
      case '-': return Rational::subtract(left, right);
      case '*': return Rational::multiply(left, right);
      case '/': return Rational::divide(left, right);
      case '%': return Rational::remainder(left, right);
      default: return Rational::power(left, right);
    }
  }

  [[nodiscard]] Status unexpected(std::string_view needed, std::size_t at) const {
    const std::string came = at < text_.size() ? "'" + printable_utf8(text_.substr(at, 20)) + "'" : "the end";
    return Status(Code::kInvalidArgument, kWhere, Text(needed, " at byte ", at + 1), came);
  }

  std::string_view text_;
  const ToolControl& control_;
  std::size_t at_ = 0;
  std::size_t open_ = 0;
  std::vector<Rational> numbers_;
  std::vector<char> signs_;
};

}  // namespace

Result<Rational> evaluate(std::string_view expression, const ToolControl& control) {
  if (expression.size() > kMaxExpressionBytes) {
    return Status(Code::kBudget, kWhere, Text("an expression of at most ", kMaxExpressionBytes, " bytes"),
                  Text(expression.size()));
  }
  return Evaluation(expression, control).run();
}

}  // namespace moxie::tools
