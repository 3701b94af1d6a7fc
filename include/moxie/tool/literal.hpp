// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <moxie/core/utf8.hpp>

namespace moxie::inline abi1 {

namespace detail {

constexpr bool is_tool_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 64) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-') return false;
  }
  return true;
}

// Plain text of one or more lines, in UTF-8.
constexpr bool is_plain_text(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Character c = utf8::decode_at(text, at);
    if (c.code == utf8::kNoCharacter || (c.code < 0x20 && c.code != '\n' && c.code != '\t') || c.code == 0x7f)
      return false;
    at += c.size;
  }
  return true;
}

// Never defined: a compile-time check that fails calls one of them, and the compiler says its name.
void a_tool_is_named_by_1_to_64_letters_digits_underscores_or_hyphens();
void a_description_is_plain_utf8_text();

}  // namespace detail

/// A literal as a template argument: the "city" of Arg<"city", std::string>.
template <std::size_t N>
struct FixedString {
  std::array<char, N> chars{};

  consteval FixedString(const char (&text)[N]) {  // NOLINT(google-explicit-constructor)
    for (std::size_t i = 0; i < N; ++i) chars[i] = text[i];
  }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {chars.data(), N - 1}; }
};

/// The name of a tool, checked when it is compiled: 1 to 64 of a-z A-Z 0-9 _ and -, which every chat interface takes.
class ToolName {
 public:
  consteval ToolName(const char* literal) : text_(literal) {  // NOLINT(google-explicit-constructor)
    if (!detail::is_tool_name(text_)) detail::a_tool_is_named_by_1_to_64_letters_digits_underscores_or_hyphens();
  }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return text_; }

 private:
  std::string_view text_;
};

/// What a model reads about a tool, checked when it is compiled.
class ToolDescription {
 public:
  consteval ToolDescription(const char* literal) : text_(literal) {  // NOLINT(google-explicit-constructor)
    if (!detail::is_plain_text(text_)) detail::a_description_is_plain_utf8_text();
  }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return text_; }

 private:
  std::string_view text_;
};

}  // namespace moxie
