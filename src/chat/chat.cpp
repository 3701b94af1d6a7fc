// SPDX-License-Identifier: Apache-2.0
#include <moxie/chat/chat.hpp>

#include <moxie/core/guard.hpp>

#include "chat/chat_state.hpp"

namespace moxie::inline abi1 {

namespace {

Status moved_from(std::string_view where) noexcept {
  return Status(Code::kPrecondition, where, "a chat", "one that was moved from");
}

}  // namespace

Chat::Chat(std::shared_ptr<chat::ChatState> state) noexcept : state_(std::move(state)) {}
Chat::Chat(Chat&&) noexcept = default;
Chat& Chat::operator=(Chat&&) noexcept = default;
Chat::~Chat() = default;

Result<Chat> Chat::create(Kernel& kernel, const Model& model, const ChatOptions& options) noexcept {
  return create(kernel, Pathway(model), options);
}

Result<Chat> Chat::create(Kernel& kernel, const Pathway& pathway, const ChatOptions& options) noexcept {
  if (kernel.state_ == nullptr) {
    return Status(Code::kPrecondition, "Chat::create", "a kernel", "one that was moved from");
  }
  std::shared_ptr<chat::ChatState> state;
  MOXIE_TRY(guarded("Chat::create", [&]() -> Status {
    MOXIE_TRY_LET(state, chat::ChatState::create(kernel.state_, pathway, options));
    return {};
  }));
  return Chat(std::move(state));
}

Generation Chat::ask(std::string_view text) noexcept {
  return state_ == nullptr ? Generation(Code::kPrecondition) : state_->answer(text, state_->options().generation);
}

Generation Chat::ask(std::string_view text, const GenerationOptions& options) noexcept {
  return state_ == nullptr ? Generation(Code::kPrecondition) : state_->answer(text, options);
}

Generation Chat::go_on() noexcept {
  if (state_ == nullptr) return Generation(Code::kPrecondition);
  return state_->answer(std::nullopt, state_->options().generation);
}

Generation Chat::go_on(const GenerationOptions& options) noexcept {
  return state_ == nullptr ? Generation(Code::kPrecondition) : state_->answer(std::nullopt, options);
}

Status Chat::append(Message message) noexcept {
  if (state_ == nullptr) return moved_from("Chat::append");
  return guarded("Chat::append", [&] { return state_->append(std::move(message)); });
}

Status Chat::truncate(std::size_t n) noexcept {
  if (state_ == nullptr) return moved_from("Chat::truncate");
  return guarded("Chat::truncate", [&] { return state_->truncate(n); });
}

Status Chat::clear() noexcept { return truncate(state_ == nullptr || state_->options().system.empty() ? 0 : 1); }

std::span<const Message> Chat::messages() const noexcept {
  return state_ == nullptr ? std::span<const Message>() : std::span<const Message>(state_->messages());
}

std::span<const ToolUse> Chat::tool_uses() const noexcept {
  return state_ == nullptr ? std::span<const ToolUse>() : std::span<const ToolUse>(state_->tool_uses());
}

Result<Chat> Chat::fork() const noexcept {
  if (state_ == nullptr) return moved_from("Chat::fork");
  std::shared_ptr<chat::ChatState> forked;
  MOXIE_TRY(guarded("Chat::fork", [&]() -> Status {
    MOXIE_TRY_LET(forked, state_->fork());
    return {};
  }));
  return Chat(std::move(forked));
}

const Context* Chat::context() const noexcept { return state_ == nullptr ? nullptr : &state_->context(); }

}  // namespace moxie
