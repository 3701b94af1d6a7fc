// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <moxie/core/result.hpp>

#include "constraint/regex/char_set.hpp"

namespace moxie::inline abi1::constraint {

/// Whether a pattern speaks of the whole text or of any part of it.
enum class Match { kWhole, kAnywhere };

/// The texts that a regular expression matches, in the syntax of ECMA-262 with the flag u, as schemas use it:
/// alternatives, groups (also (?:...) and (?<name>...)), quantifiers (lazy ones mean the same), classes, ., ^ and $ at
/// the text's ends, \d \w \s and their opposites (of ASCII, but \s of Unicode), \t \n \r \v \f \0 \cX \xHH \uHHHH
/// \u{H}, \p{...} of general categories.
///
/// Errors   kFormat: no such expression.  kUnsupported: look-around, \b, references to groups, scripts; the message
///          names it and the byte.  kBudget: larger than kMaxPatternBytes, or groups deeper than kMaxPatternDepth.
Result<RegexId> pattern(Regexes& regexes, std::string_view text, Writing writing, Match match);

inline constexpr std::size_t kMaxPatternBytes = 16384;
inline constexpr std::size_t kMaxPatternDepth = 64;

}  // namespace moxie::constraint
