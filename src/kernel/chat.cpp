// SPDX-License-Identifier: Apache-2.0
#include <moxie/kernel/chat.hpp>

#include <moxie/core/guard.hpp>

#include "kernel/chat_state.hpp"
#include "kernel/generation_state.hpp"

namespace moxie::inline abi1 {

Chat::Chat(std::shared_ptr<kernel::ChatState> state) noexcept : state_(std::move(state)) {}
Chat::Chat(Chat&&) noexcept = default;
Chat& Chat::operator=(Chat&&) noexcept = default;
Chat::~Chat() = default;

Generation Chat::ask(std::string_view text) noexcept { return ask(text, state_->options().generation); }

Generation Chat::ask(std::string_view text, const GenerationOptions& options) noexcept {
  return kernel::GenerationState::of_chat(state_->kernel(), state_, text, options);
}

Generation Chat::go_on() noexcept { return go_on(state_->options().generation); }

Generation Chat::go_on(const GenerationOptions& options) noexcept {
  return kernel::GenerationState::of_chat(state_->kernel(), state_, std::nullopt, options);
}

Status Chat::append(Message message) noexcept {
  return guarded("Chat::append", [&] { return state_->append(std::move(message)); });
}

Status Chat::truncate(std::size_t n) noexcept {
  return guarded("Chat::truncate", [&] { return state_->truncate(n); });
}

Status Chat::clear() noexcept { return truncate(state_->options().system.empty() ? 0 : 1); }

std::span<const Message> Chat::messages() const noexcept { return state_->messages(); }

Result<Chat> Chat::fork() const noexcept {
  std::shared_ptr<kernel::ChatState> forked;
  MOXIE_TRY(guarded("Chat::fork", [&]() -> Status {
    MOXIE_TRY_LET(forked, state_->fork());
    return {};
  }));
  return Chat(std::move(forked));
}

const Context& Chat::context() const noexcept { return state_->context(); }
const ChatOptions& Chat::options() const noexcept { return state_->options(); }

}  // namespace moxie
