// SPDX-License-Identifier: Apache-2.0
#include <moxie/text/answer_stream.hpp>

#include <array>
#include <utility>

#include <moxie/core/guard.hpp>

#include "text/messages/tool_syntax.hpp"

namespace moxie::inline abi1 {

namespace {

constexpr std::string_view kWhere = "AnswerStream";
constexpr std::string_view kThink = "<think>";
constexpr std::string_view kThinkEnd = "</think>";
constexpr std::string_view kCallEnd = "</tool_call>";
constexpr std::string_view kArgs = "[ARGS]";

std::string_view call_marker(ToolSyntax syntax) noexcept {
  switch (syntax) {
    case ToolSyntax::kHermes: return "<tool_call>";
    case ToolSyntax::kLlama3: return "<|python_tag|>";
    case ToolSyntax::kMistral: return "[TOOL_CALLS]";
    case ToolSyntax::kNone: break;
  }
  return {};
}

bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

}  // namespace

AnswerStream::AnswerStream(const AnswerOptions& options) noexcept
    : options_(options),
      state_(options.begins_in_reasoning ? State::kReasoning : State::kAnswer),
      skip_breaks_(options.begins_in_reasoning) {}

Status AnswerStream::feed(std::string_view piece, Events& events) noexcept {
  if (state_ == State::kFinished) return Status(Code::kPrecondition, kWhere, "a stream that goes on", "a finished one");
  return guarded(kWhere, [&]() -> Status {
    for (const char c : piece) take(c, events);
    return {};
  });
}

Status AnswerStream::finish(Events& events) noexcept {
  if (state_ == State::kFinished) return Status(Code::kPrecondition, kWhere, "a stream that goes on", "a finished one");
  return guarded(kWhere, [&]() -> Status {
    if (state_ == State::kCall)
      give_up_call(Status(Code::kFormat, kWhere, "a whole call", "the end of the answer"), events);
    flush_held(events);
    state_ = State::kFinished;
    return {};
  });
}

AnswerEvent::Kind AnswerStream::kind() const noexcept {
  return state_ == State::kReasoning ? AnswerEvent::Kind::kReasoning : AnswerEvent::Kind::kText;
}

void AnswerStream::emit(AnswerEvent::Kind kind, std::string_view text, Events& events) const {
  if (text.empty()) return;
  if (!events.empty() && events.back().kind == kind) {
    events.back().text += text;
  } else {
    events.push_back({.kind = kind, .text = std::string(text)});
  }
}

// What was held back is no marker after all.
void AnswerStream::flush_held(Events& events) {
  for (; breaks_ > 0; --breaks_) emit(kind(), "\n", events);
  emit(kind(), held_, events);
  if (!held_.empty()) at_start_ = false;
  held_.clear();
}

void AnswerStream::take(char c, Events& events) {
  if (state_ == State::kCall) return take_call(c, events);
  if (state_ == State::kAfterCall) {
    // White space between calls is nobody's; Llama also writes ';' there.
    const bool llama = options_.tools == ToolSyntax::kLlama3;
    if (is_space(c) || (llama && c == ';')) return;
    state_ = State::kAnswer;
    if (llama && c == '{') {
      begin_call({}, Form::kBare, events);
      return take_call(c, events);
    }
  }
  take_text(c, events);
}

void AnswerStream::take_text(char c, Events& events) {
  const std::array<std::string_view, 2> markers =
      state_ == State::kReasoning
          ? std::array<std::string_view, 2>{kThinkEnd, {}}
          : std::array<std::string_view, 2>{call_marker(options_.tools),
                                            options_.reasoning && at_start_ ? kThink : std::string_view()};
  held_.push_back(c);
  for (const std::string_view marker : markers) {
    if (marker.empty() || !marker.starts_with(held_)) continue;
    if (marker.size() == held_.size()) enter(marker, events);
    return;
  }
  held_.pop_back();
  if (!held_.empty()) {
    // No marker has its first character a second time, so only c itself can begin another.
    flush_held(events);
    return take_text(c, events);
  }
  plain(c, events);
}

// A character that begins no marker.
void AnswerStream::plain(char c, Events& events) {
  if (c == '\n') {
    if (!skip_breaks_) ++breaks_;
    return;
  }
  skip_breaks_ = false;
  if (state_ == State::kAnswer && at_start_ && c == '{' && options_.tools == ToolSyntax::kLlama3) {
    flush_held(events);
    begin_call({}, Form::kBare, events);
    return take_call(c, events);
  }
  flush_held(events);
  emit(kind(), {&c, 1}, events);
  if (state_ == State::kAnswer && !is_space(c)) at_start_ = false;
}

void AnswerStream::enter(std::string_view marker, Events& events) {
  held_.clear();
  breaks_ = 0;
  if (marker == kThink) {
    state_ = State::kReasoning;
    skip_breaks_ = true;
    at_start_ = false;
  } else if (marker == kThinkEnd) {
    state_ = State::kAnswer;
    skip_breaks_ = true;
    at_start_ = true;            // a bare call may come here
    options_.reasoning = false;  // but no second thinking
  } else {
    begin_call(marker, Form::kMarked, events);
  }
}

void AnswerStream::begin_call(std::string_view marker, Form form, Events& events) {
  state_ = State::kCall;
  form_ = form;
  marker_ = marker;
  body_.clear();
  depth_ = 0;
  opened_ = in_string_ = escaped_ = false;
  if (form != Form::kBare) events.push_back({.kind = AnswerEvent::Kind::kCallBegin});
}

// Follows JSON just far enough to know where it ends.
void AnswerStream::scan_json(char c) noexcept {
  if (in_string_) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
    }
    return;
  }
  if (c == '"') {
    in_string_ = true;
  } else if (c == '{' || c == '[') {
    ++depth_;
    opened_ = true;
  } else if ((c == '}' || c == ']') && depth_ > 0) {
    --depth_;
  }
}

bool AnswerStream::call_is_whole() const noexcept {
  if (options_.tools == ToolSyntax::kHermes) return !in_string_ && std::string_view(body_).ends_with(kCallEnd);
  return opened_ && depth_ == 0 && !in_string_;
}

void AnswerStream::take_call(char c, Events& events) {
  // Mistral's newer form has a name in front of its JSON, and [ARGS] between them.
  if (options_.tools == ToolSyntax::kMistral && form_ == Form::kMarked && !is_space(c) && !opened_ && c != '[' &&
      c != '{') {
    form_ = Form::kNamed;
  }
  body_.push_back(c);
  if (form_ == Form::kNamed) {
    if (std::string_view(body_).ends_with(kArgs)) form_ = Form::kMarked;
  } else {
    scan_json(c);
  }
  if (body_.size() > options_.max_call_bytes) {
    return give_up_call(
        Status(Code::kBudget, kWhere, Text("a call of at most ", options_.max_call_bytes, " bytes"), "a longer one"),
        events);
  }
  if (call_is_whole()) end_call(events);
}

void AnswerStream::end_call(Events& events) {
  std::string_view body = body_;
  if (options_.tools == ToolSyntax::kHermes) body.remove_suffix(kCallEnd.size());
  Result<std::vector<ToolCall>> calls = text::read_calls(body, options_.tools, options_.max_call_bytes);
  if (!calls.ok()) return give_up_call(calls.status(), events);
  bool begun = form_ != Form::kBare;
  for (ToolCall& call : *calls) {
    if (!std::exchange(begun, false)) events.push_back({.kind = AnswerEvent::Kind::kCallBegin});
    events.push_back({.kind = AnswerEvent::Kind::kCall, .call = std::move(call)});
  }
  state_ = State::kAfterCall;
  at_start_ = false;
}

void AnswerStream::give_up_call(const Status& note, Events& events) {
  state_ = State::kAnswer;
  at_start_ = false;
  // An object that is no call is an answer in JSON, if nothing said that it would be one.
  if (form_ == Form::kBare) {
    emit(AnswerEvent::Kind::kText, body_, events);
  } else {
    events.push_back({.kind = AnswerEvent::Kind::kMalformedCall, .text = marker_ + body_, .note = note});
  }
  body_.clear();
}

}  // namespace moxie
