// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/text/call_form.hpp>
#include <moxie/text/message.hpp>
#include <moxie/text/value.hpp>

namespace moxie::inline abi1 {

class ChatTemplate;

/// What a chat template does with tools and calls, found out by rendering it and reading what it wrote.
struct TemplateTraits {
  /// The forms in which its calls can be read: first what it writes itself, then what its text speaks of.
  std::vector<const CallForm*> forms{};
  bool ignores_tools = false;        ///< a prompt is the same with tools and without
  bool writes_calls = false;         ///< a history with calls shows them
  std::string example{};             ///< of a call as it writes one; empty where it writes none
  bool arguments_as_text = false;    ///< it wants `arguments` as a string with JSON
  bool null_content = true;          ///< beside calls it wants null, otherwise an empty text
  bool content_hides_calls = false;  ///< it leaves out the calls of a message that has content
  bool one_call_each = false;        ///< it takes messages with one call only
  bool stray_results = true;         ///< it takes a result of no call, as a malformed one gets
  bool channels = false;             ///< its answers are messages in channels
  std::string behind_answer{};       ///< what it writes behind an answer; empty: unknown
  std::string behind_call{};         ///< behind a call
};

/// Renders the template some times, with messages of its own. A template that refuses them has none of the traits.
///
/// Errors   kNoMemory.
MOXIE_API Result<TemplateTraits> find_traits(const ChatTemplate& chat, std::string_view source,
                                             std::span<const std::pair<std::string, Value>> special_tokens) noexcept;

/// The messages in the way that the template wants them: to_value() of messages changed according to its traits.
///
/// Errors   as to_value().
MOXIE_API Result<Value> to_value(std::span<const Message> messages, const TemplateTraits& traits) noexcept;

}  // namespace moxie
