// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/chat/chat.hpp>

#include "kernel/kernel_state.hpp"
#include "kernel/rounds.hpp"

namespace moxie::inline abi1::chat {

using kernel::GenerationState;
using kernel::KernelState;
using kernel::MalformedCall;

/// What a Chat is a handle to. A turn is an answer; with tools it has several rounds.
///
/// Functions let std::bad_alloc through unless they are noexcept.
class ChatState final : public kernel::Rounds, public std::enable_shared_from_this<ChatState> {
 public:
  static Result<std::shared_ptr<ChatState>> create(std::shared_ptr<KernelState> kernel, const Pathway& pathway,
                                                   const ChatOptions& options);
  [[nodiscard]] Result<std::shared_ptr<ChatState>> fork() const;

  /// Adds the question, where there is one, and answers.
  Generation answer(std::optional<std::string_view> question, const GenerationOptions& options) noexcept;

  [[nodiscard]] Result<Prompt> begin_round() override;
  /// Adds the answer, and runs the tools that it calls.
  [[nodiscard]] Result<StopReason> end_round(const GenerationState& generation, StopReason reason) override;
  /// Not well: the messages are again those before the question.
  void close(bool well) noexcept override;

  Status append(Message message);
  Status truncate(std::size_t n);

  [[nodiscard]] const Context& context() const noexcept { return context_; }
  [[nodiscard]] const ChatOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::vector<Message>& messages() const noexcept { return messages_; }
  [[nodiscard]] const std::vector<ToolUse>& tool_uses() const noexcept { return uses_; }

 private:
  ChatState(std::shared_ptr<KernelState> kernel, const Pathway& pathway, const ChatOptions& options, Context context);

  /// Holds the conversation until close().
  Status open_turn(std::optional<std::string_view> question);
  [[nodiscard]] Status at_rest(std::string_view where) const noexcept;
  /// The tools that are offered now: as a template knows them, and as answers are read with.
  struct Offer {
    Value value;
    OfferedTools tools;
  };
  [[nodiscard]] Result<Offer> offer() const;
  /// The template for that, and what is known of it.
  struct Chosen {
    const ChatTemplate* chat;
    const TemplateTraits* traits;
  };
  [[nodiscard]] Result<Chosen> choose(bool with_tools) const;
  [[nodiscard]] const CheckpointTemplate& chat_template() const noexcept;
  [[nodiscard]] Result<Rendered> render(const Chosen& chosen, const Value& tools) const;
  /// In which calls are read where tools are offered.
  [[nodiscard]] Result<std::vector<const CallForm*>> forms(const TemplateTraits& traits) const;
  [[nodiscard]] Result<std::vector<TokenId>> encode(const Rendered& prompt, std::size_t from) const;
  void answer_call(const GenerationState& generation, ToolCall call);
  void answer_malformed(const MalformedCall& malformed);
  [[nodiscard]] std::string next_call_id();

  std::shared_ptr<KernelState> kernel_;
  Pathway pathway_;
  ChatOptions options_;
  Context context_;
  kernel::IdleContext idle_;  // while no answer goes on
  std::vector<Message> messages_;
  std::vector<ToolUse> uses_;

  // What the context holds, as text, with tokens at its end that were chosen but not fed yet. Empty: unknown.
  std::string spoken_;
  std::vector<TokenId> pending_;
  std::string prompt_;  // of the round that goes on

  bool open_ = false;
  std::size_t messages_before_ = 0;
  std::size_t rounds_ = 0;
  std::size_t calls_ = 0;  // counted, to name them
};

}  // namespace moxie::chat
