// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/core/result.hpp>

#include "constraint/regex/regexes.hpp"

namespace moxie::inline abi1::constraint {

class CharSet;
Result<CharSet> unicode_property(std::string_view name);

/// A set of Unicode characters, surrogates not among them: ranges in order, which do not touch.
class CharSet {
 public:
  using Range = std::pair<char32_t, char32_t>;

  CharSet() = default;
  static CharSet of(std::initializer_list<Range> ranges);
  static CharSet all() { return of({{0, 0x10ffff}}); }
  void add(char32_t first, char32_t last);
  void add(const CharSet& other);
  [[nodiscard]] CharSet complement() const;
  [[nodiscard]] CharSet without(const CharSet& other) const;
  [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
  [[nodiscard]] std::span<const Range> ranges() const noexcept { return ranges_; }

 private:
  friend Result<CharSet> unicode_property(std::string_view name);
  void settle();
  std::vector<Range> ranges_;
};

/// How characters are written in the text that a pattern is for.
enum class Writing {
  kPlain,  ///< UTF-8
  /// UTF-8 inside a JSON string: a quotation mark, a backslash and control characters escaped, in one way each
  /// (\n rather than \u000a), everything else as it is
  kJsonString,
};

/// One character of the set.
RegexId one_of(Regexes& regexes, const CharSet& set, Writing writing);
/// A text as it is written.
std::string written(std::string_view text, Writing writing);

/// A property of Unicode by its name, as \p{...} has it: a general category, short or long (L, Letter, Lu), Any or
/// ASCII. Scripts are not known.
///
/// Errors   kUnsupported.
Result<CharSet> unicode_property(std::string_view name);

}  // namespace moxie::constraint
