// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace moxie::inline abi1::tools {

/// The text with a question mark for each byte that is no UTF-8.
std::string printable_utf8(std::string_view text);

}  // namespace moxie::tools
