// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text/template/meter.hpp"

namespace moxie::inline abi1::text {

enum class TokenKind : std::uint8_t {
  kData,  ///< template text
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kReal,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::uint32_t line = 0;
  std::string_view text{};  ///< as it stands in the source; of a string: without its quotes, not unescaped

  [[nodiscard]] bool is(TokenKind k) const noexcept { return kind == k; }
  [[nodiscard]] bool is_name(std::string_view name) const noexcept { return kind == TokenKind::kName && text == name; }
  [[nodiscard]] bool is_operator(std::string_view op) const noexcept {
    return kind == TokenKind::kOperator && text == op;
  }
};

/// Cuts a template into tokens as Jinja does with trim_blocks and lstrip_blocks: one at a time, so that a template
/// costs no list of them.
///
/// Errors   kFormat, as Failure.
class Lexer {
 public:
  /// `source` with "\n" as its only line break; it must outlive every token.
  explicit Lexer(std::string_view source) noexcept : source_(source) {}

  Token next();
  [[nodiscard]] std::size_t size() const noexcept { return source_.size(); }
  [[nodiscard]] std::uint32_t line() const noexcept { return line_; }

 private:
  enum class State : std::uint8_t { kText, kBlock, kVariable };

  [[nodiscard]] std::string_view rest() const noexcept { return source_.substr(position_); }
  void advance(std::size_t bytes) noexcept;
  void skip_space() noexcept;
  void skip_comment();
  bool enter_raw(std::size_t tag);
  Token raw();
  Token text();
  Token tag_end();
  Token in_tag();
  Token number();
  Token string();
  Token operator_token();
  [[nodiscard]] std::string_view strip_before_tag(std::string_view text, char sign, bool variable) const noexcept;

  std::string_view source_;
  std::size_t position_ = 0;
  std::uint32_t line_ = 1;
  State state_ = State::kText;
  bool line_starting_ = true;
  bool in_raw_ = false;
  std::string open_;  // brackets of the current tag: what closes each
};

/// The source with "\r\n" and "\r" as "\n", and without the last line break.
std::string normalize_newlines(std::string_view source, bool drop_last);
/// What a string literal means, its escapes resolved as Python does.
std::string unescape(std::string_view literal);

}  // namespace moxie::text
