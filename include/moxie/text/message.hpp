// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/text/value.hpp>

namespace moxie::inline abi1 {

/// One function that a model asked for.
struct ToolCall {
  std::string id{};         ///< empty: none
  std::string name{};       ///< of the function
  std::string arguments{};  ///< a JSON object, as text

  bool operator==(const ToolCall&) const = default;
};

/// One part of a message's content; what a template does with types other than "text" is its business.
struct ContentPart {
  std::string type = "text";
  std::string text{};

  bool operator==(const ContentPart&) const = default;
};

/// One message of a chat, in the terms of OpenAI's interface.
struct Message {
  std::string role{};                    ///< system, developer, user, assistant, tool, or what a template knows
  std::optional<std::string> content{};  ///< none: null, as beside tool calls
  std::vector<ContentPart> parts{};      ///< where not empty, these are the content
  std::string reasoning{};               ///< what the model thought before it answered; empty: nothing
  std::vector<ToolCall> tool_calls{};
  std::string tool_call_id{};  ///< of a tool's result: the call that it answers; empty: none
  std::string name{};          ///< empty: none

  bool operator==(const Message&) const = default;
};

/// The messages of a JSON array in OpenAI's form. `content` is a string, null, or parts; `arguments` of a tool call may
/// be a string that holds JSON, as OpenAI sends it, or the object itself; `reasoning` is also read as
/// `reasoning_content`. `where` names the text in errors. A JSON text may be of 8 MiB, 64 deep, and have
/// 65,536 values and one more for each 64 bytes.
///
/// Errors   kFormat: not JSON, not that form, beyond the limits.  kNoMemory.
MOXIE_API Result<std::vector<Message>> parse_messages(std::string_view json, std::string_view where) noexcept;

/// Any JSON as a Value, as for tools and documents. Within the limits of parse_messages().
///
/// Whole numbers of any size keep their digits; a template can show those beyond 64 bits, not reckon with them.
///
/// Errors   kFormat, kNoMemory.
MOXIE_API Result<Value> parse_value(std::string_view json, std::string_view where) noexcept;

/// A JSON array of messages as templates know it, with every field that it has: parse_value(), and `arguments` of tool
/// calls as objects. What a host that keeps its chats as JSON needs; Message is for those that do not.
MOXIE_API Result<Value> parse_chat(std::string_view json, std::string_view where) noexcept;

/// The value that templates know as `messages`: mappings with role and content, and whatever else is set.
/// `arguments` become an object; reasoning is there as `reasoning_content` and as `reasoning`, for templates ask for
/// either. All of it is data: no byte of it can become part of a control token.
///
/// Errors   kFormat: the arguments of a call are no JSON object.  kNoMemory.
MOXIE_API Result<Value> to_value(std::span<const Message> messages) noexcept;

}  // namespace moxie
