// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/text/message.hpp>

namespace moxie::inline abi1 {

/// How a model writes down the tools it calls.
enum class ToolSyntax : std::uint8_t {
  kNone,    ///< it does not; everything is text
  kHermes,  ///< Hermes, Qwen2.5, Qwen3: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`
  kLlama3,  ///< Llama 3.1: `<|python_tag|>{"name": ..., "parameters": {...}}`, or that object as the whole answer
  kMistral  ///< `[TOOL_CALLS][{"name": ..., "arguments": {...}}]`, and `[TOOL_CALLS]name[ARGS]{...}`
};

struct AnswerOptions {
  ToolSyntax tools = ToolSyntax::kHermes;
  bool reasoning = true;                   ///< `<think>...</think>` at the beginning is no part of the answer
  bool begins_in_reasoning = false;        ///< the prompt ended in `<think>`
  std::size_t max_call_bytes = 1U << 20U;  ///< of one call as written; a longer one is malformed
};

struct AnswerEvent {
  enum class Kind : std::uint8_t {
    kText,
    kReasoning,
    kCallBegin,      ///< a call begins; kCall or kMalformedCall will follow, with nothing between
    kCall,           ///< `call`, whole; its arguments are a JSON object
    kMalformedCall,  ///< `text`: what looked like a call, as it came; `note` says what is wrong with it
  };

  Kind kind = Kind::kText;
  std::string text{};
  ToolCall call{};
  Status note{};
};

/// Separates an answer into text, reasoning and tool calls while it streams.
///
///     AnswerStream stream({.tools = ToolSyntax::kHermes});
///     for (const std::string_view piece : pieces) {
///       MOXIE_TRY(stream.feed(piece, events));     // appends to events
///     }
///     MOXIE_TRY(stream.finish(events));
///
/// However the answer is cut into pieces, the events are the same once neighbours of kind kText, and of kind
/// kReasoning, are joined. Only what may be the beginning of a marker is held back, with the line breaks in front
/// of it; line breaks around markers belong to them. A call is held back until it is whole, so a malformed one is
/// never half announced: it comes as kMalformedCall, and no byte of the answer is lost.
///
/// Errors   kNoMemory: the stream cannot go on.  kPrecondition: it is finished.
/// Threads  one at a time.
class MOXIE_API AnswerStream {
 public:
  explicit AnswerStream(const AnswerOptions& options = {}) noexcept;

  Status feed(std::string_view piece, std::vector<AnswerEvent>& events) noexcept;
  Status finish(std::vector<AnswerEvent>& events) noexcept;

 private:
  enum class State : std::uint8_t { kAnswer, kReasoning, kCall, kAfterCall, kFinished };
  // Of the call that is being read: JSON behind a marker, JSON alone, or still the name before [ARGS].
  enum class Form : std::uint8_t { kMarked, kBare, kNamed };
  using Events = std::vector<AnswerEvent>;

  void take(char c, Events& events);
  void take_text(char c, Events& events);
  void take_call(char c, Events& events);
  void scan_json(char c) noexcept;
  void emit(AnswerEvent::Kind kind, std::string_view text, Events& events) const;
  void flush_held(Events& events);
  void plain(char c, Events& events);
  void enter(std::string_view marker, Events& events);
  void begin_call(std::string_view marker, Form form, Events& events);
  void end_call(Events& events);
  void give_up_call(const Status& note, Events& events);
  [[nodiscard]] bool call_is_whole() const noexcept;
  [[nodiscard]] AnswerEvent::Kind kind() const noexcept;

  AnswerOptions options_;
  State state_;
  bool at_start_ = true;      // of the answer: nothing but white space yet
  bool skip_breaks_ = false;  // line breaks behind a marker
  std::size_t breaks_ = 0;    // line breaks held back
  std::string held_;          // what may become a marker

  // The call that is being read.
  Form form_ = Form::kMarked;
  std::string marker_;
  std::string body_;
  std::size_t depth_ = 0;
  bool opened_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace moxie
