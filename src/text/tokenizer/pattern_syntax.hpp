// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <moxie/core/result.hpp>

namespace moxie::inline abi1::text {

/// A regular expression of Oniguruma (Ruby syntax, Unicode) in PCRE2's words, for UTF, UCP and multi-line mode. What
/// the two read differently is written out; what cannot be is refused.
///
/// Errors   kUnsupported: names the construct.  kFormat: not a regular expression.
Result<std::string> to_pcre2(std::string_view expression);

}  // namespace moxie::text
