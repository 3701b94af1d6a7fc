// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include <moxie/text/call_form.hpp>
#include <moxie/text/offered_tools.hpp>

#include "format/json.hpp"

namespace moxie::inline abi1::text {

inline constexpr std::string_view kToolCall = "tool call";

/// The calls that stand between the markers of a form: `header` in front of the arguments (kNamed, kChannel), `body`
/// the rest. Arguments are compact JSON with strings and numbers as they were written.
///
/// Errors   kFormat: no call, or one without a name or arguments.  Lets std::bad_alloc through.
Result<std::vector<ToolCall>> read_calls(const CallForm& form, std::string_view header, std::string_view body,
                                         const OfferedTools& offered, std::size_t max_bytes);

/// Of kPython.
Result<std::vector<ToolCall>> read_python_calls(std::string_view body);
/// A literal as Python writes it, as JSON; with a mark as CallForm::string_mark says.
Result<std::string> read_literal(std::string_view text, std::string_view mark = {});
/// Of kTagged.
Result<ToolCall> read_tagged(const CallForm& form, std::string_view body, const OfferedTools& offered,
                             std::size_t max_bytes);

/// Within the limits of one call.
Result<format::JsonDocument> parse_call_json(std::string_view json, std::size_t max_bytes);

/// The value of an argument that was written as text, as JSON of a type that its schema allows. A text that has none is
/// a string, for the tool to refuse.
std::string typed_argument(std::string_view text, format::JsonValue schema, std::size_t max_bytes);

/// Whether a text is a value that the schema allows.
bool allows_text(format::JsonValue schema) noexcept;

std::string_view trimmed(std::string_view text) noexcept;

}  // namespace moxie::text
