// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

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

// Plain text of one or more lines. What is no ASCII must at least look like UTF-8: lead bytes with what follows them.
constexpr bool is_plain_text(std::string_view text) noexcept {
  std::size_t follows = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool continues = (byte & 0xc0U) == 0x80U;
    if (continues != (follows != 0)) return false;
    if (continues) {
      --follows;
    } else if (byte >= 0x80) {
      if (byte < 0xc2 || byte > 0xf4) return false;
      follows = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    } else if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f) {
      return false;
    }
  }
  return follows == 0;
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
