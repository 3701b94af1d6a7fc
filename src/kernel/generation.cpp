// SPDX-License-Identifier: Apache-2.0
#include <moxie/kernel/generation.hpp>

#include "kernel/generation_state.hpp"

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

Generation::Generation(std::unique_ptr<kernel::GenerationState> state) noexcept : state_(std::move(state)) {}
Generation::Generation(Generation&&) noexcept = default;
Generation& Generation::operator=(Generation&&) noexcept = default;
Generation::~Generation() = default;

bool Generation::advance(std::string_view& piece) noexcept {
  if (state_ == nullptr) return false;
  while (!state_->has_piece() && !state_->finished()) state_->step_alone();
  piece = state_->take();
  return !piece.empty();
}

Generation::Iterator Generation::begin() noexcept { return Iterator(this); }

std::string_view Generation::take() noexcept { return state_ == nullptr ? std::string_view() : state_->take(); }

Status Generation::run() noexcept {
  while (state_ != nullptr && !state_->finished()) state_->step_alone();
  return status();
}

void Generation::cancel() noexcept {
  if (state_ != nullptr) state_->cancel();
}

bool Generation::finished() const noexcept { return state_ == nullptr || state_->finished(); }

Status Generation::status() const noexcept {
  if (state_ != nullptr) return state_->status();
  return Status(Code::kNoMemory, "generation", "memory for it", "a refusal, or it was moved from");
}

StopReason Generation::stop_reason() const noexcept {
  return state_ == nullptr ? StopReason::kError : state_->reason();
}

Usage Generation::usage() const noexcept { return state_ == nullptr ? Usage() : state_->usage(); }

std::string_view Generation::text() const noexcept {
  return state_ == nullptr ? std::string_view() : std::string_view(state_->text());
}

std::string_view Generation::reasoning() const noexcept {
  return state_ == nullptr ? std::string_view() : std::string_view(state_->reasoning());
}

std::span<const TokenId> Generation::tokens() const noexcept {
  return state_ == nullptr ? std::span<const TokenId>() : std::span<const TokenId>(state_->tokens());
}

std::span<const ToolCall> Generation::tool_calls() const noexcept {
  return state_ == nullptr ? std::span<const ToolCall>() : std::span<const ToolCall>(state_->calls());
}

std::span<const ToolUse> Generation::tool_uses() const noexcept {
  return state_ == nullptr ? std::span<const ToolUse>() : std::span<const ToolUse>(state_->uses());
}

TokenLogprob Generation::logprob(std::size_t i) const noexcept {
  return state_ == nullptr || i >= state_->logprobs().size() ? TokenLogprob{} : state_->logprobs()[i];
}

std::span<const TokenLogprob> Generation::top_logprobs(std::size_t i) const noexcept {
  return state_ == nullptr ? std::span<const TokenLogprob>() : state_->top_logprobs(i);
}

}  // namespace moxie
