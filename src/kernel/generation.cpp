// SPDX-License-Identifier: Apache-2.0
#include <moxie/kernel/generation.hpp>

#include "kernel/kernel_state.hpp"

namespace moxie::inline abi1 {

std::string_view name(StopReason reason) noexcept {
  switch (reason) {
    case StopReason::kNone: return "none";
    case StopReason::kEndToken: return "end token";
    case StopReason::kStopString: return "stop string";
    case StopReason::kMaxTokens: return "max tokens";
    case StopReason::kContextFull: return "context full";
    case StopReason::kToolCalls: return "tool calls";
    case StopReason::kToolRounds: return "tool rounds";
    case StopReason::kCancelled: return "cancelled";
    case StopReason::kDeadline: return "deadline";
    case StopReason::kError: return "error";
  }
  return "unknown";
}

namespace {

/// One step with nobody else. False: it cannot go on now.
bool step_alone(const std::shared_ptr<kernel::GenerationState>& state) noexcept {
  if (state->finished()) return false;
  const std::shared_ptr<kernel::KernelState> kernel = state->kernel();
  Status status = kernel->step(state).status();
  if (status.ok()) return true;
  if (status.code() == Code::kPrecondition) {
    state->refuse(std::move(status));
  } else {
    state->fail(std::move(status));
  }
  return false;
}

}  // namespace

Generation::Generation(std::shared_ptr<kernel::GenerationState> state) noexcept : state_(std::move(state)) {}
Generation::Generation(Generation&&) noexcept = default;
Generation& Generation::operator=(Generation&& other) noexcept {
  Generation incoming(std::move(other));
  std::swap(state_, incoming.state_);
  return *this;
}
Generation::~Generation() { cancel(); }

// A callback may destroy or move this handle in any step, so the loops below hold the state by themselves and touch
// nothing of the handle.

bool Generation::advance(std::string_view& piece) noexcept {
  piece = {};
  const std::shared_ptr<kernel::GenerationState> state = state_;
  if (state == nullptr) return false;
  while (!state->text().has_piece() && step_alone(state)) {
  }
  if (state.use_count() == 1) return false;  // nobody is left to whom the piece would stay good
  piece = state->take_piece();
  return !piece.empty();
}

Generation::Iterator Generation::begin() noexcept { return Iterator(this); }

std::string_view Generation::take() noexcept { return state_ == nullptr ? std::string_view() : state_->take_piece(); }

Status Generation::run() noexcept {
  const std::shared_ptr<kernel::GenerationState> state = state_;
  if (state == nullptr) return status();
  while (step_alone(state)) {
  }
  return state->status();
}

void Generation::cancel() noexcept {
  if (state_ != nullptr) state_->cancel();
}

bool Generation::finished() const noexcept { return state_ == nullptr || state_->finished(); }

Status Generation::status() const noexcept {
  if (state_ != nullptr) return state_->status();
  if (missing_ == Code::kNoMemory) return Status(missing_, "generation", "memory for it", "a refusal from the system");
  return Status(missing_, "generation", "one that a kernel made", "one that was moved from, or a kernel that was");
}

StopReason Generation::stop_reason() const noexcept {
  return state_ == nullptr ? StopReason::kError : state_->reason();
}

Usage Generation::usage() const noexcept { return state_ == nullptr ? Usage() : state_->usage(); }

std::string_view Generation::text() const noexcept {
  return state_ == nullptr ? std::string_view() : std::string_view(state_->text().text());
}

std::string_view Generation::reasoning() const noexcept {
  return state_ == nullptr ? std::string_view() : std::string_view(state_->text().reasoning());
}

std::span<const TokenId> Generation::tokens() const noexcept {
  return state_ == nullptr ? std::span<const TokenId>() : std::span<const TokenId>(state_->sequence().tokens());
}

std::span<const ToolCall> Generation::tool_calls() const noexcept {
  return state_ == nullptr ? std::span<const ToolCall>() : std::span<const ToolCall>(state_->text().calls());
}

TokenLogprob Generation::logprob(std::size_t i) const noexcept {
  if (state_ == nullptr || i >= state_->sequence().logprobs().size()) return {};
  return state_->sequence().logprobs()[i];
}

std::span<const TokenLogprob> Generation::top_logprobs(std::size_t i) const noexcept {
  return state_ == nullptr ? std::span<const TokenLogprob>() : state_->sequence().top_logprobs(i);
}

const TokenConstraint* Generation::constraint() const noexcept {
  return state_ == nullptr ? nullptr : state_->sequence().constraint();
}

}  // namespace moxie
