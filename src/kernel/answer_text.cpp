// SPDX-License-Identifier: Apache-2.0
#include "kernel/answer_text.hpp"

#include <moxie/core/guard.hpp>

namespace moxie::inline abi1::kernel {

namespace {

constexpr std::string_view kWhere = "generation";

}  // namespace

Status AnswerText::start(const Model& model, const GenerationOptions& options) {
  for (const std::string& stop : options.stop) {
    if (stop.empty()) return Status(Code::kInvalidArgument, kWhere, "stop strings of a byte or more", "an empty one");
  }
  if (model.tokenizer().ok()) {
    tokenizer_ = *model.tokenizer();
    MOXIE_TRY_LET(decode_, tokenizer_->stream());
  } else if (!options.stop.empty()) {
    return model.tokenizer().status();
  }
  stop_list_ = options.stop;
  stops_ = StopStrings(stop_list_);
  on_event_ = options.on_event;
  return {};
}

void AnswerText::begin_round(const AnswerOptions& options) {
  round_text_ = text_.size();
  round_reasoning_ = reasoning_.size();
  calls_.clear();
  malformed_.clear();
  answer_.emplace(options);
  stops_ = StopStrings(stop_list_);
}

bool AnswerText::shows(TokenId id) const noexcept {
  if (!tokenizer_) return false;
  const std::string_view token = tokenizer_->token(id);
  if (token.empty()) return false;
  if (!tokenizer_->is_special(id)) return true;
  return answer_.has_value() && answer_->reads(token);
}

Status AnswerText::take(TokenId id) {
  if (!shows(id)) return {};
  MOXIE_TRY_LET(const std::string_view piece, decode_->push(id));
  return show(piece);
}

Status AnswerText::show(std::string_view text) {
  if (text.empty() || stopped_by_string_) return {};
  shown_.clear();
  stopped_by_string_ = stops_.feed(text, shown_);
  if (shown_.empty()) return {};
  if (answer_) {
    MOXIE_TRY(answer_->feed(shown_, events_));
    return emit_all();
  }
  AnswerEvent event{.kind = AnswerEvent::Kind::kText, .text = shown_};
  return emit(event);
}

Status AnswerText::emit_all() {
  Status first;
  for (AnswerEvent& event : events_) {
    if (Status status = emit(event); first.ok()) first = std::move(status);
  }
  events_.clear();
  return first;
}

/// Tells the host last, so that nothing is lost where it throws.
Status AnswerText::emit(AnswerEvent& event) {
  switch (event.kind) {
    case AnswerEvent::Kind::kText:
      text_ += event.text;
      ready_ += event.text;
      break;
    case AnswerEvent::Kind::kMalformedCall:
      malformed_.push_back({.after = calls_.size(), .text = event.text, .note = event.note, .form = event.form});
      break;
    case AnswerEvent::Kind::kReasoning: reasoning_ += event.text; break;
    case AnswerEvent::Kind::kCall: calls_.push_back(event.call); break;
    case AnswerEvent::Kind::kCallBegin: break;
  }
  if (silent_ || !on_event_) return {};
  bool goes_on = true;
  calling_ = true;
  Status status = guarded("GenerationOptions::on_event", [&]() -> Status {
    goes_on = on_event_(event);
    return {};
  });
  calling_ = false;
  if (status.ok() && silent_) goes_on = false;  // ended by the host in its own way
  if (status.ok() && !goes_on) {
    status = Status(Code::kCancelled, kWhere, "the host to let it go on", silent_ ? "a cancel" : "on_event: false");
  }
  if (!status.ok()) silence();
  return status;
}

void AnswerText::silence() noexcept {
  silent_ = true;
  if (!calling_) on_event_ = nullptr;
}

Status AnswerText::flush() {
  if (decode_) {
    MOXIE_TRY_LET(const std::string_view rest, decode_->finish());
    MOXIE_TRY(show(rest));
  }
  if (!stopped_by_string_) {
    shown_.clear();
    stops_.flush(shown_);
    if (answer_) {
      MOXIE_TRY(answer_->feed(shown_, events_));
    } else if (!shown_.empty()) {
      AnswerEvent event{.kind = AnswerEvent::Kind::kText, .text = shown_};
      MOXIE_TRY(emit(event));
    }
  }
  if (answer_) MOXIE_TRY(answer_->finish(events_));
  return emit_all();
}

std::string_view AnswerText::take_piece() noexcept {
  piece_.swap(ready_);
  ready_.clear();
  return piece_;
}

}  // namespace moxie
