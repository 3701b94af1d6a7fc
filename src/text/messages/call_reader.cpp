// SPDX-License-Identifier: Apache-2.0
#include "text/messages/call_reader.hpp"

#include <algorithm>
#include <utility>

#include "text/messages/read_calls.hpp"

namespace moxie::inline abi1::text {

namespace {

using Encoding = CallForm::Encoding;
using Progress = CallReader::Progress;

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kMaxHeaderBytes = 1024;  // names have 64 bytes, ids not many more

enum class Fit : std::uint8_t { kNo, kMaybe, kYes };

/// Whether `text` begins as a call does that has no marker.
Fit fits_bare(const CallForm& form, std::string_view text) noexcept {
  if (!form.bare) return Fit::kNo;
  if (form.encoding == Encoding::kObject) return text[0] == '{' ? Fit::kYes : Fit::kNo;
  if (text[0] != '[' || text.size() > 64) return Fit::kNo;
  const std::size_t at = text.find_first_not_of(kSpace, 1);
  if (at == std::string_view::npos) return Fit::kMaybe;
  return (text[at] == '{') == (form.encoding == Encoding::kList) ? Fit::kYes : Fit::kNo;
}

/// Whether `text`, without space in front, is how what stands behind `marker` begins in this form.
Fit fits(const CallForm& form, std::string_view marker, std::string_view text) noexcept {
  if (text.empty()) return Fit::kMaybe;
  if (marker.empty()) return fits_bare(form, text);
  if (marker == form.section_begin && marker != form.begin) {
    if (form.begin.empty()) return text[0] == '{' ? Fit::kYes : Fit::kNo;
    if (text.starts_with(form.begin)) return Fit::kYes;
    return form.begin.starts_with(text) ? Fit::kMaybe : Fit::kNo;
  }
  if (marker != form.begin) return Fit::kNo;
  const bool json = text[0] == '{' || text[0] == '[';
  switch (form.encoding) {
    case Encoding::kObject: return text[0] == '{' ? Fit::kYes : Fit::kNo;
    case Encoding::kList: return json ? Fit::kYes : Fit::kNo;
    case Encoding::kPython: return Fit::kYes;
    case Encoding::kTagged: return json || text[0] == '<' ? Fit::kNo : Fit::kYes;
    case Encoding::kNamed:
      if (json) return Fit::kNo;
      if (form.name_begin.empty() || form.id_first || form.name_is_id || text.starts_with(form.name_begin)) {
        return Fit::kYes;
      }
      return form.name_begin.starts_with(text) ? Fit::kMaybe : Fit::kNo;
    case Encoding::kChannel: break;
  }
  return Fit::kNo;
}

void add_once(std::vector<std::string_view>& list, std::string_view marker) {
  if (!marker.empty() && std::ranges::find(list, marker) == list.end()) list.push_back(marker);
}

bool is_literal(const CallForm& form) noexcept {
  return form.encoding == Encoding::kPython || !form.string_mark.empty();
}

Status wrong(std::string_view needed, std::string_view came) { return Status(Code::kFormat, kToolCall, needed, came); }

}  // namespace

CallMarkers::CallMarkers(std::span<const CallForm* const> forms) {
  for (const CallForm* form : forms) {
    add_once(begins, form->section_begin);
    if (!form->words || form->section_begin.empty()) add_once(begins, form->begin);
    using InReasoning = CallForm::InReasoning;
    if (form->in_reasoning != InReasoning::kNone) add_once(in_reasoning, form->section_begin);
    if (form->in_reasoning == InReasoning::kAny) add_once(in_reasoning, form->begin);
    add_once(ends, form->section_end);
    add_once(ends, form->end);
  }
}

void CallReader::begin(const AnswerOptions& options, const CallMarkers& markers, std::string_view marker,
                       const CallForm* form, std::string_view header) {
  options_ = &options;
  markers_ = &markers;
  form_ = form;
  phase_ = form == nullptr ? Phase::kChoose : form->encoding == Encoding::kNamed ? Phase::kHeader : Phase::kJson;
  if (form == nullptr) {
    form_ = *std::ranges::find_if(options.forms, [&](const CallForm* each) {
      return marker.empty() ? each->bare : marker == each->begin || marker == each->section_begin;
    });
  }
  unsure_ = marker.empty() || form_->words;
  in_section_ = too_long_ = false;
  marker_ = marker;
  header_ = header;
  body_.clear();
  json_ = tail_ = swallowed_ = space_ = 0;
  quoted_ = false;
  scan_ = JsonScan();
  literal_ = LiteralScan(form_->string_mark);
  calls_.clear();
  written_.clear();
  rest_.clear();
  note_ = Status();
}

Progress CallReader::take(char c) {
  if (too_long_) {  // only the end of it matters now
    if (body_.size() > 256) body_.erase(0, body_.size() - 128);
  } else if (body_.size() >= options_->max_call_bytes) {
    written_ = marker_ + body_;
    too_long_ = true;
    const Progress progress = break_off(Status(
        Code::kBudget, kToolCall, Text("a call of at most ", options_->max_call_bytes, " bytes"), "a longer one"));
    if (progress != Progress::kOpen) {
      rest_ += c;
      return progress;
    }
  }
  body_.push_back(c);
  switch (phase_) {
    case Phase::kChoose: return choose();
    case Phase::kHeader: return take_header(c);
    case Phase::kJson: return take_json(c);
    case Phase::kTail: return take_tail();
    case Phase::kText: return take_text();
    case Phase::kBroken: return take_broken();
  }
  return Progress::kOpen;
}

Progress CallReader::finish() {
  Status note = wrong("a whole call", "the end of the answer");
  if (phase_ == Phase::kTail) {
    if (tail_lacks_no_more_than_its_end()) return read(header_, json(), body_.size());
    const std::string_view tail = trimmed(std::string_view(body_).substr(tail_));
    note = wrong(Text(form_->end, " behind the arguments"), Text("'", tail.substr(0, 40), "'"));
  } else if (phase_ == Phase::kText) {
    const std::string_view text = trimmed(body_);
    const bool ended = !form_->value_end.empty() && text.ends_with(form_->value_end);
    if ((ended && !quoted_) || form_->encoding == Encoding::kPython) return read({}, text, body_.size());
  }
  if (phase_ != Phase::kBroken) {
    const Progress progress = break_off(std::move(note));
    if (progress != Progress::kOpen) return progress;
  }
  return give_up(body_.size());
}

Progress CallReader::choose() {
  if (space_ + 1 == body_.size() && kSpace.find(body_.back()) != std::string_view::npos) ++space_;
  const std::string_view text = std::string_view(body_).substr(space_);
  bool open = false;
  for (const CallForm* form : options_->forms) {
    if (!marker_.empty() && marker_ != form->begin && marker_ != form->section_begin) continue;
    const Fit fit = fits(*form, marker_, text);
    if (fit == Fit::kMaybe) open = true;
    if (fit == Fit::kYes && !open) return enter(*form, space_);
  }
  if (open) return Progress::kOpen;
  in_section_ = !marker_.empty() && marker_ == form_->section_begin;
  return break_off(wrong(in_section_ && !form_->begin.empty() ? Text(form_->begin) : Text("a call"),
                         Text("'", trimmed(text).substr(0, 40), "'")));
}

/// `space`: so much of it is in front of what decided.
Progress CallReader::enter(const CallForm& form, std::size_t space) {
  form_ = &form;
  literal_ = LiteralScan(form.string_mark);
  const bool python = form.encoding == Encoding::kPython;
  phase_ = form.encoding == Encoding::kNamed                                    ? Phase::kHeader
           : form.encoding == Encoding::kTagged || (python && !marker_.empty()) ? Phase::kText
                                                                                : Phase::kJson;
  if (!marker_.empty() && marker_ == form.section_begin && marker_ != form.begin) {
    in_section_ = true;
    if (!form.begin.empty()) {
      unsure_ = false;
      marker_ += body_;
      body_.clear();
      return Progress::kOpen;
    }
  }
  const std::string taken = std::move(body_);
  body_ = taken.substr(0, space);
  json_ = space;
  for (std::size_t i = space; i < taken.size(); ++i) {
    const Progress progress = take(taken[i]);
    if (progress == Progress::kOpen) continue;
    rest_ += std::string_view(taken).substr(i + 1);
    return progress;
  }
  return Progress::kOpen;
}

Progress CallReader::take_header(char c) {
  const std::string_view end = form_->name_end;
  if (end.empty() ? c == '{' : ends(end)) {
    header_ = std::string_view(body_).substr(0, body_.size() - (end.empty() ? 1 : end.size()));
    json_ = header_.size() + end.size();
    phase_ = Phase::kJson;
    const std::string_view name = trimmed(header_);
    if (!form_->text_name.empty() && name == form_->text_name) {
      rest_.clear();
      return Progress::kText;
    }
    if (unsure_ && !options_->offered.offers(name)) return break_off(wrong("the name of a tool", name.substr(0, 100)));
    unsure_ = false;
    return end.empty() ? take_json(c) : Progress::kOpen;
  }
  if (body_.size() > kMaxHeaderBytes || ends(form_->end) || !marker_at_end().empty()) {
    return break_off(wrong(Text(end.empty() ? "arguments" : trimmed(end), " behind the name"), "none"));
  }
  return Progress::kOpen;
}

Progress CallReader::take_text() {
  if (!form_->quote_begin.empty()) {
    if (ends(form_->quote_begin)) quoted_ = true;
    if (ends(form_->quote_end)) quoted_ = false;
    if (quoted_) return Progress::kOpen;
  }
  if (ends(form_->end)) return read({}, without(form_->end), body_.size());
  if (in_section_ && ends(form_->section_end)) {
    // Without its own end marker, where all else is there.
    const std::string_view text = trimmed(without(form_->section_end));
    if (!form_->value_end.empty() && text.ends_with(form_->value_end)) return read({}, text, body_.size());
    return break_off(wrong(form_->end, form_->section_end));
  }
  return Progress::kOpen;
}

Progress CallReader::take_json(char c) {
  const bool literal = is_literal(*form_);
  const JsonScan::State state = literal ? literal_.take(c) : scan_.take(c);
  if (state == JsonScan::State::kWhole) {
    tail_ = body_.size();
    phase_ = Phase::kTail;
    if (form_->end.empty() && form_->arguments_end.empty()) return finish();
    return Progress::kOpen;
  }
  if (state == JsonScan::State::kBroken) {
    return break_off(wrong(literal ? "a literal" : "JSON",
                           Text("a mistake at '", std::string_view(body_).substr(body_.size() - 1), "'")));
  }
  if (!(literal ? literal_.in_string() : scan_.in_string())) {
    swallowed_ = 0;
  } else if (ends(form_->end)) {
    if (swallowed_ == 0) swallowed_ = body_.size();
  } else if (swallowed_ > 0 && !marker_at_end().empty()) {
    // The string has taken the end of this call and the beginning of the next: a quote is missing or too many.
    return break_off(wrong("JSON", "a string that does not end"));
  }
  return Progress::kOpen;
}

Progress CallReader::take_tail() {
  const std::string_view tail = std::string_view(body_).substr(tail_);
  const std::string_view end = form_->end.empty() ? form_->arguments_end : form_->end;
  const std::string_view next = marker_at_end();
  if (!ends(end) && next.empty()) return Progress::kOpen;
  // Where the next call begins, this one lacks its end marker.
  const std::string_view marker = ends(end) ? end : next;
  const std::size_t behind = ends(end) ? body_.size() : body_.size() - next.size();
  const std::string_view between = trimmed(tail.substr(0, tail.size() - marker.size()));
  if (between.empty() || between == trimmed(form_->arguments_end)) return read(header_, json(), behind);
  note_ = wrong(Text(end, " behind the arguments"), Text("'", between.substr(0, 40), "'"));
  return give_up(behind);
}

bool CallReader::tail_lacks_no_more_than_its_end() const noexcept {
  std::string_view tail = trimmed(std::string_view(body_).substr(tail_));
  const std::string_view fence = trimmed(form_->arguments_end);
  if (tail.size() < fence.size() && fence.starts_with(tail)) return true;
  if (tail.starts_with(fence)) tail = trimmed(tail.substr(fence.size()));
  return form_->end.starts_with(tail);
}

/// Until a marker says that it is over.
Progress CallReader::take_broken() {
  if (ends(form_->end) || (in_section_ && ends(form_->section_end))) return give_up(body_.size());
  if (const std::string_view next = marker_at_end(); !next.empty()) return give_up(body_.size() - next.size());
  return Progress::kOpen;
}

/// `end`: of what belongs to the call.
Progress CallReader::read(std::string_view header, std::string_view body, std::size_t end) {
  Result<std::vector<ToolCall>> calls = read_calls(*form_, header, body, options_->offered, options_->max_call_bytes);
  if (!calls.ok()) {
    note_ = calls.status();
    return give_up(end);
  }
  if (options_->forms.empty()) {  // in a channel
    note_ = wrong("no call, for no tool was offered", "one");
    return give_up(end);
  }
  // Without a marker, only a tool's name tells a call from an answer in JSON.
  for (const ToolCall& call : *calls) {
    if (!unsure_ || options_->offered.offers(call.name)) continue;
    note_ = wrong("the name of a tool", call.name);
    return give_up(end);
  }
  calls_ = *std::move(calls);
  rest_ = body_.substr(end);
  return Progress::kWhole;
}

/// It goes wrong here. Where it ends is at an end marker that a string has swallowed, or what comes will tell.
Progress CallReader::break_off(Status note) {
  note_ = std::move(note);
  const Phase phase_was = std::exchange(phase_, Phase::kBroken);
  // Words: what is behind the first of them is looked at again.
  if (unsure_) return give_up(too_long_ || phase_was == Phase::kJson || phase_was == Phase::kTail ? body_.size() : 0);
  if (!too_long_) {
    std::size_t end = std::string_view::npos;
    for (const std::string_view marker : {form_->end, in_section_ ? form_->section_end : std::string_view()}) {
      if (marker.empty()) continue;
      if (const std::size_t at = body_.find(marker); at < end) end = at + marker.size();
    }
    if (end != std::string_view::npos) return give_up(end);
    for (const std::string_view marker : markers_->begins) {
      if (const std::size_t at = body_.find(marker); at < end) end = at;
    }
    if (end != std::string_view::npos) return give_up(end);
  }
  return Progress::kOpen;
}

Progress CallReader::give_up(std::size_t end) {
  if (!too_long_) written_ = marker_ + body_.substr(0, end);
  rest_ = body_.substr(end);
  body_.clear();
  return Progress::kMalformed;
}

/// The marker of a next call that the body ends with, if it does.
std::string_view CallReader::marker_at_end() const noexcept {
  for (const std::string_view marker : markers_->begins) {
    if (ends(marker)) return marker;
  }
  if (form_->encoding == Encoding::kChannel) {
    for (const std::string_view marker :
         {ChannelMarks::kEnd, ChannelMarks::kStart, ChannelMarks::kCall, ChannelMarks::kReturn}) {
      if (ends(marker)) return marker;
    }
  }
  return {};
}

}  // namespace moxie::text
