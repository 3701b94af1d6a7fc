// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace moxie::inline abi1::tools {

/// Where UTF-8 ends in `text`: its size, if all of it is. No overlong forms, no surrogates, nothing beyond U+10FFFF.
std::size_t utf8_end(std::string_view text) noexcept;

/// The text with a question mark for each byte that is no UTF-8.
std::string printable_utf8(std::string_view text);

}  // namespace moxie::tools
