// SPDX-License-Identifier: Apache-2.0
#include "kernel/step.hpp"

#include <algorithm>

#include <moxie/core/scratch.hpp>

#include "context/access.hpp"

namespace moxie::inline abi1::kernel {

std::size_t Step::table_bytes(std::size_t rows) noexcept {
  // A request of a step has at least one row, so there are never more of anything than rows.
  return ScratchSize()
      .take<Share>(rows)
      .take<TokenId>(rows)
      .take<Position>(rows)
      .take<model::Segment>(rows)
      .take<model::Output>(rows)
      .total();
}

bool is_cancelled(const Request& request) noexcept {
  return request.cancel != nullptr && request.cancel->load(std::memory_order_relaxed);
}

Status stop_error(Code code, const Request& request) noexcept {
  return Status(code, "Kernel::step", code == Code::kDeadline ? "an end within the time given" : "the request to go on",
                Text(code == Code::kDeadline ? "the deadline" : "a cancel", " after ", request.done, " of ",
                     request.tokens.size(), " tokens"));
}

namespace {

/// Why the host wants it to stop: kCancelled, kDeadline, or ok.
Code stop_code(const Request& request) noexcept {
  if (is_cancelled(request)) return Code::kCancelled;
  return request.deadline != Clock::time_point::max() && Clock::now() >= request.deadline ? Code::kDeadline : Code::kOk;
}

}  // namespace

bool Step::belongs(std::size_t index) const noexcept {
  return models_[index] == &model_ && planned_[index].turn == Turn::kRuns;
}

std::size_t Step::outputs_of(const Request& request, std::size_t fresh) const noexcept {
  if (request.want == Logits::kAll) return fresh;
  return request.want == Logits::kLast && fresh != 0 && request.done + fresh == request.tokens.size() ? 1 : 0;
}

void Step::add(Request& request, Planned& planned) noexcept {
  const std::size_t rows = planned.rows;
  const std::size_t position = ContextAccess::held(*request.context);
  const std::size_t again = std::min(rows, ContextAccess::absent(*request.context));
  auto kv = ContextAccess::prepare(*request.context, rows);
  if (!kv.ok()) {
    // The plan has seen to it that there is room, so another thread has taken it.
    planned.turn = Turn::kWaits;
    if (kv.status().code() != Code::kBudget) request.status = kv.status();
    return;
  }
  segments_[n_shares_] = {.begin = n_rows_,
                          .rows = rows,
                          .position = position,
                          .kv = *kv,
                          .edits = static_cast<const model::Edits*>(ContextAccess::edits(*request.context))};
  const std::size_t n_outputs = outputs_of(request, rows - again);
  shares_[n_shares_++] = {.request = &request,
                          .begin = n_rows_,
                          .rows = rows,
                          .again = again,
                          .first_output = n_outputs_,
                          .n_outputs = n_outputs};
  for (std::size_t i = 0; i < n_outputs; ++i) {
    const std::size_t from = rows - n_outputs + i;
    const std::size_t to = request.want == Logits::kAll ? request.done + i : 0;
    outputs_[n_outputs_++] = {.row = n_rows_ + from, .logits = request.logits.row(to)};
  }
  for (std::size_t i = 0; i < rows; ++i) {
    tokens_[n_rows_] = i < again ? request.context->tokens()[position + i] : request.tokens[request.done + (i - again)];
    positions_[n_rows_++] = static_cast<Position>(position + i);
  }
}

bool Step::all_cancelled(const void* object) noexcept {
  const auto& step = *static_cast<const Step*>(object);
  step.host_stopped_ = std::ranges::all_of(step.shares_.first(step.n_shares_),
                                           [](const Share& share) { return stop_code(*share.request) != Code::kOk; });
  return step.host_stopped_;
}

Status Step::take_tables(std::size_t room) noexcept {
  Workspace tables = model_.step_tables();
  MOXIE_TRY_LET(shares_, tables.take<Share>(room));
  MOXIE_TRY_LET(tokens_, tables.take<TokenId>(room));
  MOXIE_TRY_LET(positions_, tables.take<Position>(room));
  MOXIE_TRY_LET(segments_, tables.take<model::Segment>(room));
  MOXIE_TRY_LET(outputs_, tables.take<model::Output>(room));
  return {};
}

void Step::run(StepReport& report) noexcept {
  std::size_t room = 0;
  for (std::size_t i = 0; i < requests_.size(); ++i) room += belongs(i) ? planned_[i].rows : 0;
  if (room == 0) return;
  const Status tables = take_tables(room);
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (!belongs(i)) continue;
    if (tables.ok()) {
      add(requests_[i], planned_[i]);
    } else {
      requests_[i].status = tables;
    }
  }
  if (n_rows_ == 0) return;
  const Status outcome = model_.runner().forward(batch());
  phases_.enter(Phase::kPlan, n_rows_);
  // A plug-in may say kCancelled too; only the host's own wish ends all of them.
  if (!outcome.ok() && n_shares_ > 1 && !host_stopped_) {
    run_one_by_one();
  } else {
    for (const Share& share : shares_.first(n_shares_)) {
      finish(share, tokens_.subspan(share.begin, share.rows), outcome);
    }
  }
  report.rows += n_rows_;
  for (const Share& share : shares_.first(n_shares_)) report.recomputed += share.again;
}

model::Batch Step::batch() const noexcept {
  return {.tokens = tokens_.first(n_rows_),
          .positions = positions_.first(n_rows_),
          .segments = segments_.first(n_shares_),
          .outputs = outputs_.first(n_outputs_),
          .stop = {.object = this, .ask = all_cancelled},
          .phases = &phases_};
}

/// Something in the batch failed: each request is run by itself, so that only the one at fault gets the error. The
/// others get the bits that they would have got.
void Step::run_one_by_one() noexcept {
  for (std::size_t i = 0; i < n_shares_; ++i) {
    const Share& share = shares_[i];
    const auto outputs = outputs_.subspan(share.first_output, share.n_outputs);
    for (model::Output& output : outputs) output.row -= share.begin;
    segments_[i].begin = 0;
    const auto tokens = tokens_.subspan(share.begin, share.rows);
    struct Asked {
      const Request& request;
      bool& stopped;
    } asked{*share.request, host_stopped_};
    const auto stop = [](const void* object) noexcept {
      const auto& of = *static_cast<const Asked*>(object);
      return of.stopped = stop_code(of.request) != Code::kOk;
    };
    finish(share, tokens,
           model_.runner().forward({.tokens = tokens,
                                    .positions = positions_.subspan(share.begin, share.rows),
                                    .segments = segments_.subspan(i, 1),
                                    .outputs = outputs,
                                    .stop = {.object = &asked, .ask = stop},
                                    .phases = &phases_}));
  }
}

void Step::finish(const Share& share, std::span<const TokenId> tokens, const Status& outcome) const noexcept {
  Request& request = *share.request;
  const Code stop = stop_code(request);
  if (outcome.ok() && stop == Code::kOk) {
    request.status = ContextAccess::commit(*request.context, tokens);
    if (!request.status.ok()) return;
    request.done += share.rows - share.again;
    request.recomputed += share.again;
    return;
  }
  ContextAccess::rollback(*request.context);
  if (stop != Code::kOk) {
    request.status = stop_error(stop, request);
  } else if (!host_stopped_ && (outcome.code() == Code::kCancelled || outcome.code() == Code::kDeadline)) {
    // The host did not ask to stop, so this is a plug-in's failure like any other.
    request.status = Status(Code::kHostException, "Kernel::step", "a plug-in that finishes", outcome.message());
  } else {
    request.status = outcome;
  }
}

}  // namespace moxie
