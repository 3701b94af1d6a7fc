// SPDX-License-Identifier: Apache-2.0
#include "text/messages/answer_reader.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace moxie::inline abi1::text {

namespace {

using Kind = AnswerEvent::Kind;
using Marks = ChannelMarks;
using Progress = CallReader::Progress;

constexpr std::string_view kMessageEnds[] = {Marks::kEnd, Marks::kCall, Marks::kReturn, Marks::kStart, Marks::kChannel};
constexpr std::string_view kHeaderEnds[] = {Marks::kMessage, Marks::kEnd, Marks::kCall, Marks::kReturn, Marks::kStart};
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kMaxHeaderBytes = 1024;

bool is_space(char c) noexcept { return kSpace.find(c) != std::string_view::npos; }

/// What a header may begin with where no marker said that one is to come.
bool may_be_header(std::string_view text) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  for (const std::string_view begin : {std::string_view("assistant"), std::string_view("to="), Marks::kChannel}) {
    if (begin.starts_with(text) || text.starts_with(begin)) return true;
  }
  return false;
}

}  // namespace

AnswerReader::AnswerReader(const AnswerOptions& options)
    : options_(options), call_markers_(options.forms), thinking_(options.begins_in), may_think_(options.reasoning) {
  for (const CallForm* form : options.forms) {
    bare_ = bare_ || form->bare;
    if (form->encoding == CallForm::Encoding::kChannel) channel_ = form;
  }
  if (options.begins_in != nullptr) {
    state_ = State::kReasoning;
    skip_breaks_ = true;
  } else if (options.begins_in_call != nullptr) {
    state_ = State::kCall;
    call_.begin(options_, call_markers_, {}, options.begins_in_call, {});
  } else if (options.channels) {
    state_ = State::kHeader;
  }
}

void AnswerReader::take(char c, Events& events) {
  switch (state_) {
    case State::kCall: return take_call(c, events);
    case State::kHeader: return take_header(c, events);
    case State::kAfterCall:
    case State::kBetween: return take_after_call(c, events);
    default: return take_text(c, events);
  }
}

void AnswerReader::finish(Events& events) {
  while (state_ == State::kCall) {
    if (call_.finish() == Progress::kWhole) {
      end_call(events);
    } else {
      give_up_call(events);
    }
  }
  if (state_ == State::kHeader) {
    // Of a message that never came. Text that was taken for one is text.
    if (header_.find("<|") == std::string::npos && held_.empty()) emit(std::exchange(header_, {}), events);
    return;
  }
  if (state_ == State::kText || state_ == State::kReasoning) flush_held(events);
}

std::string_view AnswerReader::find_marker(std::string_view text, Marker& kind) const noexcept {
  const auto look = [&](Marker as, const auto& markers) -> std::string_view {
    for (const std::string_view marker : markers) {
      if (marker.empty() || !marker.starts_with(text)) continue;
      kind = as;
      return marker;
    }
    return {};
  };
  std::string_view found;
  if (options_.channels && (found = look(Marker::kChannel, kMessageEnds), !found.empty())) return found;
  if (state_ == State::kReasoning) {
    if (thinking_ == nullptr) return {};
    if (found = look(Marker::kReasoningEnd, std::array{thinking_->end}); !found.empty()) return found;
    return look(Marker::kCall, call_markers_.in_reasoning);
  }
  if (found = look(Marker::kCall, call_markers_.begins); !found.empty()) return found;
  if (state_ == State::kAfterCall) {
    // The end of reasoning that a call has cut means nothing any more.
    if (cut_thinking_ && (found = look(Marker::kCallEnd, std::array{thinking_->end}), !found.empty())) return found;
    return look(Marker::kCallEnd, call_markers_.ends);
  }
  if (options_.reasoning) {
    for (const ReasoningForm& form : kReasoningForms) {
      if (!form.anywhere && !(at_start_ && may_think_)) continue;
      if (form.anywhere && (found = look(Marker::kReasoningEnd, std::array{form.end}), !found.empty())) return found;
      if (found = look(Marker::kReasoning, std::array{form.begin}); !found.empty()) return found;
    }
  }
  return {};
}

void AnswerReader::take_text(char c, Events& events) {
  Marker kind{};
  held_.push_back(c);
  const std::string_view marker = find_marker(held_, kind);
  if (!marker.empty()) {
    if (marker.size() == held_.size()) enter(kind, marker, events);
    return;
  }
  // The first byte begins no marker; the others may.
  const std::string held = std::exchange(held_, {});
  plain(held[0], events);
  for (const char each : std::string_view(held).substr(1)) take(each, events);
}

// A character that begins no marker.
void AnswerReader::plain(char c, Events& events) {
  if (c == '\n') {
    if (!skip_breaks_) ++breaks_;
    return;
  }
  skip_breaks_ = false;
  flush_held(events);
  if (state_ == State::kText && begin_bare_call(c, events)) return;
  emit({&c, 1}, events);
  if (state_ == State::kText && !is_space(c)) at_start_ = false;
}

bool AnswerReader::begin_bare_call(char c, Events& events) {
  if (c != '{' && c != '[') return false;
  if (again_ == nullptr && !(at_start_ && bare_)) return false;
  state_ = State::kCall;
  announced_ = false;
  call_.begin(options_, call_markers_, {}, again_, {});
  take_call(c, events);
  return true;
}

/// White space between calls is nobody's, and neither are their end markers.
void AnswerReader::take_after_call(char c, Events& events) {
  if (held_.empty() && is_space(c)) return;
  if (held_.empty() && again_ != nullptr && c == again_->separator) return;
  Marker kind{};
  held_.push_back(c);
  const std::string_view marker = find_marker(held_, kind);
  if (!marker.empty()) {
    if (marker.size() == held_.size()) enter(kind, marker, events);
    return;
  }
  // Text behind a message in a channel has no place there; it is text all the same.
  state_ = State::kText;
  const std::string text = std::exchange(held_, {});
  for (const char each : text) take(each, events);
  if (state_ != State::kCall) again_ = nullptr;
}

void AnswerReader::enter(Marker kind, std::string_view marker, Events& events) {
  held_.clear();
  if (kind != Marker::kCall) breaks_ = 0;  // in front of a call they wait until it is one
  skip_breaks_ = true;
  switch (kind) {
    case Marker::kCall: return begin_call(marker, events);
    case Marker::kCallEnd: return;
    case Marker::kChannel: return enter_channel(marker);
    case Marker::kReasoning:
      for (const ReasoningForm& form : kReasoningForms) {
        if (form.begin == marker) thinking_ = &form;
      }
      state_ = State::kReasoning;
      at_start_ = false;
      return;
    case Marker::kReasoningEnd:
      state_ = State::kText;
      at_start_ = true;    // a bare call may come here
      may_think_ = false;  // but no second thinking
  }
}

void AnswerReader::enter_channel(std::string_view marker) {
  header_.clear();
  if (marker == Marks::kChannel) header_ = marker;  // the answer goes on in another
  state_ = marker == Marks::kStart || marker == Marks::kChannel ? State::kHeader : State::kBetween;
}

void AnswerReader::take_header(char c, Events& events) {
  header_.push_back(c);
  for (const std::string_view end : kHeaderEnds) {
    if (!std::string_view(header_).ends_with(end)) continue;
    header_.resize(header_.size() - end.size());
    if (end == Marks::kMessage) return end_header(events);
    header_.clear();
    if (end != Marks::kStart) state_ = State::kBetween;
    return;
  }
  if (may_be_header(header_) && header_.size() <= kMaxHeaderBytes) return;
  // Text without a header.
  state_ = State::kText;
  at_start_ = true;
  const std::string text = std::exchange(header_, {});
  for (const char each : text) take_text(each, events);
}

void AnswerReader::end_header(Events& events) {
  const std::string header = std::exchange(header_, {});
  skip_breaks_ = false;
  if (header.find("to=") != std::string::npos && header.find("to=assistant") == std::string::npos) {
    announce_call(events);
    state_ = State::kCall;
    const CallForm* form = channel_ != nullptr ? channel_ : find_call_form("gpt-oss");
    return call_.begin(options_, call_markers_, header + std::string(Marks::kMessage), form, header);
  }
  const std::size_t channel = header.find(Marks::kChannel);
  std::string_view name = channel == std::string::npos
                              ? std::string_view()
                              : std::string_view(header).substr(channel + Marks::kChannel.size());
  name = name.substr(std::min(name.find_first_not_of(kSpace), name.size()));
  state_ = name.starts_with(Marks::kReasoning) ? State::kReasoning : State::kText;
  thinking_ = nullptr;
  at_start_ = false;
}

void AnswerReader::begin_call(std::string_view marker, Events& events) {
  if (state_ == State::kReasoning) {
    cut_thinking_ = true;
    may_think_ = false;
  }
  state_ = State::kCall;
  announced_ = false;
  call_.begin(options_, call_markers_, marker, nullptr, {});
  if (!call_.unsure()) announce_call(events);
}

void AnswerReader::announce_call(Events& events) {
  breaks_ = 0;
  announced_ = true;
  events.push_back({.kind = Kind::kCallBegin});
}

void AnswerReader::take_call(char c, Events& events) {
  const Progress progress = call_.take(c);
  if (progress == Progress::kWhole) return end_call(events);
  if (progress == Progress::kMalformed) return give_up_call(events);
  if (progress == Progress::kText) {
    state_ = State::kText;
    const std::string rest = std::move(call_.rest());
    for (const char each : rest) take(each, events);
  } else if (!announced_ && !call_.unsure()) {
    announce_call(events);
  }
}

void AnswerReader::end_call(Events& events) {
  for (ToolCall& call : call_.calls()) {
    if (!announced_) announce_call(events);
    announced_ = false;
    events.push_back({.kind = Kind::kCall, .call = std::move(call), .form = &call_.form()});
  }
  state_ = State::kAfterCall;
  at_start_ = false;
  const CallForm& form = call_.form();
  again_ = form.bare || (form.begin.empty() && !form.section_begin.empty()) ? &form : nullptr;
  const std::string rest = std::move(call_.rest());
  for (const char c : rest) take(c, events);
}

void AnswerReader::give_up_call(Events& events) {
  at_start_ = false;
  again_ = nullptr;
  if (call_.unsure()) {
    // An object that is no call is an answer in JSON, if nothing said that it would be one.
    state_ = State::kText;
    skip_breaks_ = false;
    flush_held(events);
    emit(call_.written(), events);
  } else {
    if (!announced_) announce_call(events);
    state_ = State::kAfterCall;
    events.push_back({.kind = Kind::kMalformedCall,
                      .text = std::string(call_.written()),
                      .note = call_.note(),
                      .form = &call_.form()});
  }
  const std::string rest = std::move(call_.rest());
  for (const char c : rest) take(c, events);
}

void AnswerReader::emit(std::string_view text, Events& events) const {
  if (text.empty()) return;
  const Kind kind = state_ == State::kReasoning ? Kind::kReasoning : Kind::kText;
  if (!events.empty() && events.back().kind == kind) {
    events.back().text += text;
  } else {
    events.push_back({.kind = kind, .text = std::string(text)});
  }
}

// What was held back is no marker after all.
void AnswerReader::flush_held(Events& events) {
  for (; breaks_ > 0; --breaks_) emit("\n", events);
  emit(held_, events);
  if (!held_.empty()) at_start_ = false;
  held_.clear();
}

}  // namespace moxie::text
