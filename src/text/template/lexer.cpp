// SPDX-License-Identifier: Apache-2.0
#include "text/template/lexer.hpp"

#include <algorithm>
#include <array>

#include "text/template/unicode.hpp"

namespace moxie::inline abi1::text {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_name_start(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_char(char c) noexcept { return is_name_start(c) || is_digit(c); }

std::size_t space_at(std::string_view text) noexcept { return text.size() - strip_left(text).size(); }

char sign_at(std::string_view text) noexcept {
  return !text.empty() && (text[0] == '-' || text[0] == '+') ? text[0] : '\0';
}

// Digits with single underscores between them, from `at` on; where they end.
template <class IsDigit>
std::size_t digits(std::string_view text, std::size_t at, IsDigit&& is) noexcept {
  std::size_t end = at;
  while (end < text.size() && (is(text[end]) || (text[end] == '_' && end > at && end + 1 < text.size() &&
                                                 text[end - 1] != '_' && is(text[end + 1])))) {
    ++end;
  }
  return end;
}

}  // namespace

std::string normalize_newlines(std::string_view source, bool drop_last) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out.push_back('\n');
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out.push_back(source[i]);
    }
  }
  if (drop_last && !out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

void Lexer::advance(std::size_t bytes) noexcept {
  const std::string_view passed = rest().substr(0, bytes);
  line_ += static_cast<std::uint32_t>(std::count(passed.begin(), passed.end(), '\n'));
  if (!passed.empty()) line_starting_ = passed.back() == '\n';
  position_ += passed.size();
}

void Lexer::skip_space() noexcept { advance(space_at(rest())); }

Token Lexer::next() {
  while (true) {
    if (in_raw_) return raw();
    if (state_ == State::kText) {
      if (position_ == source_.size()) return {.kind = TokenKind::kEnd, .line = line_};
      Token token = text();
      if (token.is(TokenKind::kEnd)) continue;  // a comment or the begin of raw text, and nothing before it
      return token;
    }
    skip_space();
    return in_tag();
  }
}

std::string_view Lexer::strip_before_tag(std::string_view text, char sign, bool variable) const noexcept {
  if (sign == '-') return strip_right(text);
  if (sign == '+' || variable) return text;
  const std::size_t line_begin = text.rfind('\n') + 1;  // npos + 1 is 0
  if (line_begin == 0 && !line_starting_) return text;
  const std::string_view blank = text.substr(line_begin);
  return !blank.empty() && strip_left(blank).empty() ? text.substr(0, line_begin) : text;
}

// Text up to the next tag; or, where there is none of it, the begin of that tag.
Token Lexer::text() {
  const std::string_view ahead = rest();
  std::size_t tag = ahead.find('{');
  while (tag != std::string_view::npos &&
         (tag + 1 >= ahead.size() || (ahead[tag + 1] != '{' && ahead[tag + 1] != '%' && ahead[tag + 1] != '#'))) {
    tag = ahead.find('{', tag + 1);
  }
  const std::uint32_t line = line_;
  if (tag == std::string_view::npos) {
    advance(ahead.size());
    return {.kind = TokenKind::kData, .line = line, .text = ahead};
  }
  const char what = ahead[tag + 1];
  const char sign = sign_at(ahead.substr(tag + 2));
  const std::string_view before = strip_before_tag(ahead.substr(0, tag), sign, what == '{');
  if (!before.empty()) {
    // The tag comes with the next call; it finds no text before it, so its own stripping changes nothing.
    advance(tag);
    return {.kind = TokenKind::kData, .line = line, .text = before};
  }
  advance(tag);
  if (what == '#') {
    advance(sign == '\0' ? 2 : 3);
    skip_comment();
    return {};
  }
  if (what == '%' && enter_raw(sign == '\0' ? 2 : 3)) return {};
  advance(sign == '\0' ? 2 : 3);
  state_ = what == '%' ? State::kBlock : State::kVariable;
  open_.clear();
  return {.kind = what == '%' ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, .line = line_};
}

void Lexer::skip_comment() {
  const std::size_t end = rest().find("#}");
  if (end == std::string_view::npos) fail(Code::kFormat, "'#}' at the end of a comment", "the end of the template");
  const char sign = end > 0 ? rest()[end - 1] : '\0';
  advance(end + 2);
  if (sign == '-') {
    skip_space();
  } else if (sign != '+' && rest().starts_with('\n')) {
    advance(1);
  }
}

// {% raw %}: no line break is dropped behind it, unlike behind other blocks.
bool Lexer::enter_raw(std::size_t tag) {
  std::string_view ahead = strip_left(rest().substr(tag));
  if (!ahead.starts_with("raw")) return false;
  ahead = strip_left(ahead.substr(3));
  const bool strips = ahead.starts_with("-%}");
  if (!strips && !ahead.starts_with("%}")) return false;
  advance(rest().size() - ahead.size() + (strips ? 3U : 2U));
  if (strips) skip_space();
  in_raw_ = true;
  return true;
}

Token Lexer::raw() {
  const std::string_view ahead = rest();
  for (std::size_t tag = ahead.find("{%"); tag != std::string_view::npos; tag = ahead.find("{%", tag + 1)) {
    const char sign = sign_at(ahead.substr(tag + 2));
    std::string_view end = strip_left(ahead.substr(tag + (sign == '\0' ? 2 : 3)));
    if (!end.starts_with("endraw")) continue;
    end = strip_left(end.substr(6));
    const char end_sign = sign_at(end);
    if (!end.substr(end_sign == '\0' ? 0 : 1).starts_with("%}")) continue;
    const std::uint32_t line = line_;
    const std::string_view text = strip_before_tag(ahead.substr(0, tag), sign, false);
    advance(ahead.size() - end.size() + (end_sign == '\0' ? 2U : 3U));
    if (end_sign == '-') {
      skip_space();
    } else if (end_sign == '\0' && rest().starts_with('\n')) {
      advance(1);
    }
    in_raw_ = false;
    return {.kind = TokenKind::kData, .line = line, .text = text};
  }
  fail(Code::kFormat, "'{% endraw %}'", "the end of the template");
}

// The end of the tag, where it stands here; a token of kind kEnd where it does not.
Token Lexer::tag_end() {
  if (!open_.empty()) return {};  // '}}' may also close two dictionaries
  const std::string_view ahead = rest();
  const bool block = state_ == State::kBlock;
  const std::string_view close = block ? "%}" : "}}";
  const char sign = sign_at(ahead);
  const bool signed_end = (sign == '-' || (sign == '+' && block)) && ahead.substr(1).starts_with(close);
  if (!signed_end && !ahead.starts_with(close)) return {};
  Token token{.kind = block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, .line = line_};
  advance(signed_end ? 3 : 2);
  if (signed_end && sign == '-') {
    skip_space();
  } else if (block && !signed_end && rest().starts_with('\n')) {
    advance(1);
  }
  state_ = State::kText;
  return token;
}

Token Lexer::in_tag() {
  if (position_ == source_.size()) return {.kind = TokenKind::kEnd, .line = line_};
  if (Token end = tag_end(); !end.is(TokenKind::kEnd)) return end;
  const char c = rest()[0];
  if (is_digit(c)) return number();
  if (c == '"' || c == '\'') return string();
  if (is_name_start(c)) {
    std::size_t end = 1;
    while (end < rest().size() && is_name_char(rest()[end])) ++end;
    if (end < rest().size() && static_cast<unsigned char>(rest()[end]) >= 0x80) {
      fail(Code::kUnsupported, "names of ASCII letters", "another character");
    }
    Token token{.kind = TokenKind::kName, .line = line_, .text = rest().substr(0, end)};
    advance(end);
    return token;
  }
  return operator_token();
}

Token Lexer::number() {
  const std::string_view ahead = rest();
  const bool after_point = position_ > 0 && source_[position_ - 1] == '.';
  // A real has a point with digits behind it, an exponent, or both; and no point stands before it ("a.1.2").
  std::size_t end = digits(ahead, 0, is_digit);
  bool real = false;
  if (!after_point) {
    if (end + 1 < ahead.size() && ahead[end] == '.' && is_digit(ahead[end + 1])) {
      end = digits(ahead, end + 1, is_digit);
      real = true;
    }
    if (end < ahead.size() && (ahead[end] == 'e' || ahead[end] == 'E')) {
      const std::size_t sign = end + 1 < ahead.size() && (ahead[end + 1] == '+' || ahead[end + 1] == '-') ? 1 : 0;
      const std::size_t after = digits(ahead, end + 1 + sign, is_digit);
      if (after > end + 1 + sign) {
        end = after;
        real = true;
      }
    }
  }
  if (!real && ahead.size() > 2 && ahead[0] == '0') {
    const char base = static_cast<char>(ahead[1] | 0x20);
    const auto is_base_digit = [base](char c) {
      if (base == 'x') return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
      return c >= '0' && c <= (base == 'o' ? '7' : '1');
    };
    if (base == 'x' || base == 'o' || base == 'b') {
      const std::size_t from = ahead[2] == '_' ? 3 : 2;
      const std::size_t after = digits(ahead, from, is_base_digit);
      if (after > from) end = after;
    }
    // "007" is three numbers to Jinja, which no expression can hold.
    if (end > 1 && is_digit(ahead[1]) && ahead.substr(0, end).find_first_not_of("0_") != std::string_view::npos) {
      end = ahead.find_first_not_of("0_");
    }
  }
  Token token{.kind = real ? TokenKind::kReal : TokenKind::kInteger, .line = line_, .text = ahead.substr(0, end)};
  advance(end);
  return token;
}

Token Lexer::string() {
  const std::string_view ahead = rest();
  const char quote = ahead[0];
  std::size_t end = 1;
  while (end < ahead.size() && ahead[end] != quote) end += ahead[end] == '\\' ? 2U : 1U;
  if (end >= ahead.size()) fail(Code::kFormat, "a string that ends", "the end of the template");
  Token token{.kind = TokenKind::kString, .line = line_, .text = ahead.substr(1, end - 1)};
  advance(end + 1);
  return token;
}

Token Lexer::operator_token() {
  static constexpr std::array<std::string_view, 25> kOperators = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                                  "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                                  ">",  "<",  "=",  ".",  ":",  "|",  ","};
  const std::string_view ahead = rest();
  const auto* found =
      std::find_if(kOperators.begin(), kOperators.end(), [&](std::string_view op) { return ahead.starts_with(op); });
  if (found == kOperators.end()) {
    fail(Code::kFormat, "an expression", Text("the character '", ahead.substr(0, first_point(ahead).size), "'"));
  }
  const std::string_view op = ahead.substr(0, found->size());
  if (op == "(" || op == "[" || op == "{") {
    open_.push_back(op == "(" ? ')' : op == "[" ? ']' : '}');
  } else if (op == ")" || op == "]" || op == "}") {
    if (open_.empty() || open_.back() != op[0]) {
      fail(Code::kFormat, open_.empty() ? std::string_view("an expression") : std::string_view(&open_.back(), 1),
           Text("'", op, "'"));
    }
    open_.pop_back();
  }
  Token token{.kind = TokenKind::kOperator, .line = line_, .text = op};
  advance(op.size());
  return token;
}

std::string unescape(std::string_view literal) {
  std::string out;
  out.reserve(literal.size());
  const auto value_of = [](char c) -> std::uint32_t {
    if (is_digit(c)) return static_cast<std::uint32_t>(c - '0');
    const char low = static_cast<char>(c | 0x20);
    return low >= 'a' && low <= 'f' ? static_cast<std::uint32_t>(low - 'a' + 10) : 16;
  };
  for (std::size_t i = 0; i < literal.size();) {
    if (literal[i] != '\\') {
      out.push_back(literal[i++]);
      continue;
    }
    const char c = i + 1 < literal.size() ? literal[i + 1] : '\0';
    i += 2;
    static constexpr std::string_view kNames = "abfnrtv\\'\"";
    static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
    if (const std::size_t at = kNames.find(c); at != std::string_view::npos && c != '\0') {
      out.push_back(kMeanings[at]);
    } else if (c == '\n') {
      // a line that goes on
    } else if (c >= '0' && c <= '7') {
      std::uint32_t code = value_of(c);
      for (int more = 0; more < 2 && i < literal.size() && literal[i] >= '0' && literal[i] <= '7'; ++more) {
        code = code * 8 + value_of(literal[i++]);
      }
      append_point(out, code);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const std::size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      std::uint32_t code = 0;
      bool good = literal.size() - i >= count;
      for (std::size_t k = 0; good && k < count; ++k) {
        const std::uint32_t digit = value_of(literal[i + k]);
        good = digit < 16 && code < 0x10000000;
        code = code * 16 + digit;
      }
      if (!good || code >= kNoUnicode || (code >= 0xd800 && code < 0xe000)) {
        fail(Code::kFormat, Text("a character behind '\\", c, "'"), literal.substr(i, count));
      }
      append_point(out, code);
      i += count;
    } else if (c == 'N') {
      fail(Code::kUnsupported, "characters by number ('\\u00e9')", "one by name ('\\N')");
    } else if (const Point point = first_point(literal.substr(i - 1)); point.code < 0x80 || point.code >= kNoUnicode) {
      out += {'\\', c};
    } else {
      // Jinja writes what is not ASCII as an escape before it reads escapes; the backslash here makes that one text.
      append_escape(out, point.code);
      i += point.size - 1;
    }
  }
  return out;
}

}  // namespace moxie::text
