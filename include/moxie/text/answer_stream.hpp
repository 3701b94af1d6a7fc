// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/text/call_form.hpp>
#include <moxie/text/message.hpp>
#include <moxie/text/offered_tools.hpp>

namespace moxie::inline abi1 {

namespace text {
class AnswerReader;
}

struct AnswerOptions {
  std::vector<const CallForm*> forms{};      ///< in which calls are read; none: calls are text
  OfferedTools offered{};                    ///< types the arguments that a form writes as text
  bool channels = false;                     ///< the answer is messages in channels, as those of gpt-oss
  bool reasoning = true;                     ///< kReasoningForms at the beginning are no part of the answer
  const ReasoningForm* begins_in = nullptr;  ///< the prompt ended in its `begin`
  const CallForm* begins_in_call = nullptr;  ///< the same of a form whose names are recipients (CallForm::text_name)
  std::size_t max_call_bytes = 1U << 20U;    ///< of one call as written; a longer one is malformed
};

struct AnswerEvent {
  enum class Kind : std::uint8_t {
    kText,
    kReasoning,
    kCallBegin,      ///< a call begins; kCall or kMalformedCall will follow, with nothing between
    kCall,           ///< `call`, whole; its arguments are a JSON object, its numbers as the model wrote them
    kMalformedCall,  ///< `text`: what looked like a call, as it came; `note` says what is wrong with it
  };

  Kind kind = Kind::kText;
  std::string text{};
  ToolCall call{};
  Status note{};
  const CallForm* form = nullptr;  ///< of kCall and kMalformedCall
};

/// Separates an answer into text, reasoning and tool calls while it streams.
///
///     AnswerStream stream({.forms = {find_call_form("hermes")}});
///     for (const std::string_view piece : pieces) {
///       MOXIE_TRY(stream.feed(piece, events));     // appends to events
///     }
///     MOXIE_TRY(stream.finish(events));
///
/// However the answer is cut into pieces, the events are the same once neighbours of kind kText, and of kind
/// kReasoning, are joined. Only what may be the beginning of a marker is held back, with the line breaks in front
/// of it; line breaks around markers belong to them. A call is held back until it is whole, so a malformed one is
/// never half announced: it comes as kMalformedCall.
///
/// A call has a name and arguments, both said by the model: arguments that are missing are not taken for none. What
/// has no marker (CallForm::bare) is a call only if a tool of its name was offered; otherwise it is text.
/// Behind a marker the name may be any. A call that lacks no more than its last marker when the answer ends is one. One
/// that goes wrong ends at the next marker, so it does not take a good one with it.
///
/// Errors   kNoMemory: the stream cannot go on.  kPrecondition: it is finished.
/// Threads  one at a time.
class MOXIE_API AnswerStream {
 public:
  explicit AnswerStream(AnswerOptions options = {}) noexcept;
  AnswerStream(AnswerStream&&) noexcept;
  AnswerStream& operator=(AnswerStream&&) noexcept;
  ~AnswerStream();

  Status feed(std::string_view piece, std::vector<AnswerEvent>& events) noexcept;
  Status finish(std::vector<AnswerEvent>& events) noexcept;

  /// Whether a control token is a part of what is looked for, and so belongs into the pieces.
  [[nodiscard]] bool reads(std::string_view token) const noexcept;

 private:
  AnswerOptions options_;
  std::unique_ptr<text::AnswerReader> reader_;
  bool finished_ = false;
};

}  // namespace moxie
