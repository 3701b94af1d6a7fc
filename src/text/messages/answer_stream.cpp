// SPDX-License-Identifier: Apache-2.0
#include <moxie/text/answer_stream.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <moxie/core/guard.hpp>

#include "text/messages/answer_reader.hpp"

namespace moxie::inline abi1 {

namespace {

constexpr std::string_view kWhere = "AnswerStream";

}  // namespace

AnswerStream::AnswerStream(AnswerOptions options) noexcept : options_(std::move(options)) {}
AnswerStream::AnswerStream(AnswerStream&&) noexcept = default;
AnswerStream& AnswerStream::operator=(AnswerStream&&) noexcept = default;
AnswerStream::~AnswerStream() = default;

Status AnswerStream::feed(std::string_view piece, std::vector<AnswerEvent>& events) noexcept {
  if (finished_) return Status(Code::kPrecondition, kWhere, "a stream that goes on", "a finished one");
  return guarded(kWhere, [&]() -> Status {
    if (reader_ == nullptr) reader_ = std::make_unique<text::AnswerReader>(options_);
    for (const char c : piece) reader_->take(c, events);
    return {};
  });
}

Status AnswerStream::finish(std::vector<AnswerEvent>& events) noexcept {
  MOXIE_TRY(feed({}, events));
  finished_ = true;
  return guarded(kWhere, [&]() -> Status {
    reader_->finish(events);
    return {};
  });
}

bool AnswerStream::reads(std::string_view token) const noexcept {
  const auto in = [&](const auto&... markers) {
    return ((!markers.empty() && markers.find(token) != std::string_view::npos) || ...);
  };
  if (token.size() < 2) return false;
  if (options_.reasoning || options_.begins_in != nullptr) {
    for (const ReasoningForm& form : kReasoningForms) {
      if (in(form.begin, form.end)) return true;
    }
  }
  if (options_.channels && in(ChannelMarks::kStart, ChannelMarks::kChannel, ChannelMarks::kConstrain,
                              ChannelMarks::kMessage, ChannelMarks::kEnd, ChannelMarks::kCall, ChannelMarks::kReturn)) {
    return true;
  }
  return std::ranges::any_of(options_.forms, [&](const CallForm* form) {
    return in(form->section_begin, form->section_end, form->begin, form->end, form->name_begin, form->id_begin,
              form->name_end, form->arguments_end, form->key_begin, form->key_end, form->json_key_end,
              form->value_begin, form->value_end);
  });
}

}  // namespace moxie
