// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <moxie/core/checked.hpp>
#include <moxie/core/utf8.hpp>
#include <moxie/tool/toolbox.hpp>

#include "format/json.hpp"
#include "tool/utf8.hpp"

namespace moxie::inline abi1 {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxNameBytes = 256;

// A deadline that cannot wrap around; none where the time is longer than the clock.
Clock::time_point deadline_after(Clock::time_point begin, std::chrono::nanoseconds time) noexcept {
  const auto left = Clock::time_point::max() - begin;
  return time < left ? begin + time : Clock::time_point::max();
}

std::string error_text(const Status& status) {
  ResultText text(static_cast<std::size_t>(-1));
  text.add(R"({"error":)");
  text.quote(tools::printable_utf8(status.message()));
  text.add("}");
  return text.take();
}

Status check_answer(std::string_view name, const ResultText& answer, const ToolLimits& limits) noexcept {
  if (!answer.whole()) {
    return Status(Code::kBudget, name, Text("an answer of at most ", limits.max_answer_bytes, " bytes"),
                  Text(answer.size()));
  }
  const std::size_t good = utf8::valid_size(answer.kept());
  if (good != answer.kept().size()) {
    return Status(Code::kFormat, name, "an answer in UTF-8", Text("another byte at byte ", good + 1));
  }
  return {};
}

}  // namespace

Status Toolbox::open_record(std::string_view name, std::string_view arguments, const ToolLimits& limits,
                            std::uint64_t& number) noexcept {
  return guarded("Toolbox::call", [&]() -> Status {
    Slot slot;
    slot.record.name = name.substr(0, kMaxNameBytes);
    slot.record.arguments = arguments.substr(0, limits.max_argument_bytes);
    slot.record.argument_bytes = arguments.size();
    // What the call may come to need: an answer, and the text of an error, which core/status.hpp bounds.
    constexpr std::uint64_t kError = 13U * 1024;
    const auto charge = checked::add(std::uint64_t{sizeof(Slot)}, slot.record.name.size(), slot.record.arguments.size(),
                                     std::uint64_t{limits.max_answer_bytes}, kError);
    const std::lock_guard lock(mutex_);
    const std::size_t left = options_.max_record_bytes - record_bytes_;
    if (!charge || *charge > left) {
      return Status(Code::kBudget, "Toolbox::call",
                    Text("room for the record of a call, up to ", charge.value_or(UINT64_MAX), " bytes"),
                    Text(left, " of ", options_.max_record_bytes, " left; take_records() makes room"));
    }
    slot.charged = static_cast<std::size_t>(*charge);
    slot.record.number = number = next_number_;
    records_.push_back(std::move(slot));
    record_bytes_ += static_cast<std::size_t>(*charge);
    ++next_number_;
    return {};
  });
}

void Toolbox::close_record(std::uint64_t number, ToolVerdict verdict, const Status& status, std::string answer,
                           std::uint64_t answer_bytes, std::chrono::nanoseconds duration) noexcept {
  const std::lock_guard lock(mutex_);
  // It is there: only records of calls that ended are taken.
  const auto slot = std::lower_bound(records_.begin(), records_.end(), number,
                                     [](const Slot& s, std::uint64_t n) { return s.record.number < n; });
  ToolRecord& record = slot->record;
  record.verdict = verdict;
  record.status = status;
  record.answer = std::move(answer);
  record.answer_bytes = answer_bytes;
  record.duration = duration;
  const std::size_t used =
      sizeof(Slot) + record.name.size() + record.arguments.size() + record.answer.size() + status.message().size();
  record_bytes_ += used;
  record_bytes_ -= slot->charged;
  slot->charged = used;
}

ToolOutcome Toolbox::call(std::string_view name, std::string_view arguments, const ToolLimits& limits) noexcept {
  const Clock::time_point begin = Clock::now();
  ToolOutcome outcome;
  std::uint64_t number = 0;
  bool recorded = false;
  ResultText answer(limits.max_answer_bytes);
  const ToolControl control{.deadline = deadline_after(begin, limits.time), .stop = limits.stop};

  const auto decide = [&]() -> Status {
    outcome.verdict = ToolVerdict::kNotRun;
    MOXIE_TRY(open_record(name, arguments, limits, number));
    recorded = true;

    std::optional<AnyTool> tool;
    {
      const std::lock_guard lock(mutex_);
      const Entry* entry = find(name);
      if (entry == nullptr) {
        outcome.verdict = ToolVerdict::kUnknownTool;
        return no_such_tool("Toolbox::call", name, true);
      }
      if (!entry->granted) {
        outcome.verdict = ToolVerdict::kNotGranted;
        return Status(Code::kPrecondition, "Toolbox::call", Text("a grant for ", name), "none");
      }
      tool = entry->tool;
    }
    MOXIE_TRY(control.check(name));

    outcome.verdict = ToolVerdict::kBadArguments;
    if (arguments.empty()) arguments = "{}";
    const format::JsonLimits json{.max_bytes = limits.max_argument_bytes,
                                  .max_depth = limits.max_argument_depth,
                                  .max_values = limits.max_argument_values,
                                  .max_token_bytes = limits.max_argument_bytes};
    MOXIE_TRY_LET(const format::JsonDocument document, format::JsonDocument::parse(arguments, json, name));

    bool ran = false;
    Status status = tool->run(document.root(), control, answer, ran);
    if (!ran) return status;
    outcome.verdict = ToolVerdict::kLate;
    MOXIE_TRY(control.check(name));
    outcome.verdict = ToolVerdict::kFailed;
    MOXIE_TRY(std::move(status));
    outcome.verdict = ToolVerdict::kBadAnswer;
    MOXIE_TRY(check_answer(name, answer, limits));
    outcome.text = answer.kept();
    outcome.verdict = ToolVerdict::kAnswered;
    return {};
  };

  outcome.status = guarded("Toolbox::call", decide);
  if (!outcome.status.ok() && outcome.verdict == ToolVerdict::kAnswered) outcome.verdict = ToolVerdict::kBadAnswer;
  if (!outcome.status.ok()) {
    // Without memory for the words, the verdict and the status still say what happened.
    static_cast<void>(guarded("Toolbox::call", [&]() -> Status {
      outcome.text = error_text(outcome.status);
      return {};
    }));
  }
  if (recorded) {
    const std::uint64_t bytes = answer.size();
    close_record(number, outcome.verdict, outcome.status, answer.take(), bytes, Clock::now() - begin);
  }
  return outcome;
}

}  // namespace moxie
