// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include <moxie/text/answer_stream.hpp>

namespace moxie::inline abi1::text {

/// The calls that the text between markers holds: one object, a list of them (Mistral), or name[ARGS]{...}.
///
/// Errors   kFormat: no call.  Lets std::bad_alloc through.
Result<std::vector<ToolCall>> read_calls(std::string_view body, ToolSyntax syntax, std::size_t max_bytes);

}  // namespace moxie::text
