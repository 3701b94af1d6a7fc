// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <moxie/text/answer_stream.hpp>

#include "text/messages/call_reader.hpp"

namespace moxie::inline abi1::text {

/// What AnswerStream does with an answer, byte by byte. Functions let std::bad_alloc through.
class AnswerReader {
 public:
  using Events = std::vector<AnswerEvent>;

  explicit AnswerReader(const AnswerOptions& options);
  AnswerReader(const AnswerReader&) = delete;  // a call points into it
  AnswerReader& operator=(const AnswerReader&) = delete;
  ~AnswerReader() = default;

  void take(char c, Events& events);
  void finish(Events& events);

 private:
  // kHeader: of a message in a channel, in front of its text. kBetween: behind one.
  enum class State : std::uint8_t { kText, kReasoning, kCall, kAfterCall, kHeader, kBetween };
  enum class Marker : std::uint8_t { kCall, kCallEnd, kReasoning, kReasoningEnd, kChannel };

  void take_text(char c, Events& events);
  void plain(char c, Events& events);
  void take_after_call(char c, Events& events);
  void take_header(char c, Events& events);
  void enter(Marker kind, std::string_view marker, Events& events);
  void enter_channel(std::string_view marker);
  void end_header(Events& events);
  void take_call(char c, Events& events);
  void end_call(Events& events);
  void give_up_call(Events& events);
  void begin_call(std::string_view marker, Events& events);
  void flush_held(Events& events);
  void emit(std::string_view text, Events& events) const;
  /// Begins one without a marker, where the character may be its first.
  bool begin_bare_call(char c, Events& events);
  void announce_call(Events& events);
  /// The marker that the text is the beginning of, or all of; empty where there is none.
  [[nodiscard]] std::string_view find_marker(std::string_view text, Marker& kind) const noexcept;

  const AnswerOptions options_;
  CallMarkers call_markers_;
  bool bare_ = false;                  // an answer may begin with a call that has no marker
  const CallForm* channel_ = nullptr;  // where calls may come in channels
  const ReasoningForm* thinking_ = nullptr;

  State state_ = State::kText;
  bool at_start_ = true;             // of the answer: nothing but white space yet
  bool may_think_ = true;            // it has not yet
  bool skip_breaks_ = false;         // line breaks behind a marker
  const CallForm* again_ = nullptr;  // another call of this form may follow without a marker
  bool announced_ = false;           // the call
  bool cut_thinking_ = false;        // a call began in it
  std::size_t breaks_ = 0;           // line breaks held back
  std::string held_;                 // what may become a marker
  std::string header_;
  CallReader call_;
};

}  // namespace moxie::text
