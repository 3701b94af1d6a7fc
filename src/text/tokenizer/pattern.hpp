// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <moxie/core/result.hpp>

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;

namespace moxie::inline abi1::text {

/// Where a pattern matched: the bytes [begin, end).
struct Match {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool found = false;
};

/// What one thread needs to match patterns; made by the first match.
///
/// It also counts steps. The published patterns take time linear in the text, and run at full speed. Any other pattern
/// runs with a callout before each of its items: the callouts and the bytes between them are the work that it does,
/// and where that goes beyond all reason the match ends in an error, the same one on every machine.
class Matcher {
 public:
  Matcher() noexcept = default;
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;
  ~Matcher();

  /// Steps granted to the patterns of one text.
  static constexpr std::uint64_t allowance(std::size_t text_bytes) noexcept {
    // 512 for each byte: the published patterns take up to 40. 20 million in any case, about a fifth of a second.
    return 20'000'000 + 512 * static_cast<std::uint64_t>(text_bytes);
  }
  void allow(std::uint64_t steps) noexcept { steps_left_ = steps; }

 private:
  friend class Pattern;
  Status prepare();

  pcre2_real_match_data_8* data_ = nullptr;
  pcre2_real_match_context_8* context_ = nullptr;
  std::uint64_t steps_left_ = 0;
};

/// A regular expression as tokenizer.json has it (Oniguruma, Ruby syntax), or a plain text to look for.
///
/// Errors   of making one: kUnsupported: a construct whose meaning is not sure to be the same here; it is named.
///          kFormat: no regular expression.
///          of find(): kFormat: more steps than Matcher allows.  kNoMemory.
/// Threads  immutable; each thread brings its Matcher.
class Pattern {
 public:
  static Result<Pattern> regex(std::string_view expression);
  static Pattern literal(std::string_view text);

  Pattern(Pattern&&) noexcept = default;
  Pattern& operator=(Pattern&&) noexcept = default;

  /// The leftmost match in `text` (UTF-8) at `from` or behind. Lookbehind sees what lies before `from`.
  Status find(std::string_view text, std::size_t from, Matcher& matcher, Match& match) const;

  [[nodiscard]] bool is_literal() const noexcept { return code_ == nullptr; }
  /// Of a literal.
  [[nodiscard]] std::string_view text() const noexcept { return literal_; }
  /// Whether machine code was made for it (a hardened system may refuse that), and whether it is a published one.
  [[nodiscard]] bool by_jit() const noexcept { return jit_; }
  [[nodiscard]] bool published() const noexcept { return published_; }

 private:
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const noexcept;
  };
  Pattern() noexcept = default;
  Status try_single_characters();

  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
  std::string literal_;
  std::bitset<128> single_;  // whether a text of that one ASCII character matches
  bool jit_ = false;
  bool published_ = false;
};

}  // namespace moxie::text
