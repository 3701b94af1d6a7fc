// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/kernel/kernel.hpp>

namespace moxie::inline abi1::kernel {

struct MalformedCall;

/// What a Chat is a handle to. A turn is an answer; with tools it has several rounds.
///
/// Functions let std::bad_alloc through unless they are noexcept.
class ChatState {
 public:
  /// What a round begins with.
  struct Prompt {
    std::vector<TokenId> tokens;  ///< to be fed behind what the context has
    AnswerOptions answer;
  };

  static Result<std::shared_ptr<ChatState>> create(std::shared_ptr<KernelState> kernel, const Pathway& pathway,
                                                   const ChatOptions& options);
  [[nodiscard]] Result<std::shared_ptr<ChatState>> fork() const;

  /// Adds the question, where there is one, and holds the conversation until close_turn().
  Status open_turn(std::optional<std::string_view> question);
  [[nodiscard]] Result<Prompt> begin_round();
  /// Adds the answer, and runs the tools that it calls. kNone: another round is to begin.
  [[nodiscard]] Result<StopReason> end_round(GenerationState& generation, StopReason reason);
  /// Not well: the messages are again those before open_turn().
  void close_turn(bool well) noexcept;

  Status append(Message message);
  Status truncate(std::size_t n);

  [[nodiscard]] const std::shared_ptr<KernelState>& kernel() const noexcept { return kernel_; }
  [[nodiscard]] const Model& model() const noexcept { return pathway_.model(); }
  [[nodiscard]] Context& context() noexcept { return context_; }
  [[nodiscard]] const Context& context() const noexcept { return context_; }
  [[nodiscard]] const ChatOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::vector<Message>& messages() const noexcept { return messages_; }

 private:
  ChatState(std::shared_ptr<KernelState> kernel, const Pathway& pathway, const ChatOptions& options, Context context);

  [[nodiscard]] Status at_rest(std::string_view where) const noexcept;
  [[nodiscard]] Result<Rendered> render(const Value& tools) const;
  [[nodiscard]] Result<Value> tools() const;
  [[nodiscard]] Result<std::vector<TokenId>> encode(const Rendered& prompt, std::size_t from) const;
  [[nodiscard]] ToolSyntax syntax() const;
  void answer_call(GenerationState& generation, ToolCall call);
  void answer_malformed(GenerationState& generation, const MalformedCall& malformed);
  [[nodiscard]] std::string next_call_id();

  std::shared_ptr<KernelState> kernel_;
  Pathway pathway_;
  ChatOptions options_;
  Context context_;
  std::vector<Message> messages_;

  // What the context holds, as text, with tokens at its end that were chosen but not fed yet. Empty: unknown.
  std::string spoken_;
  std::vector<TokenId> pending_;
  std::string prompt_;  // of the round that goes on

  bool open_ = false;
  std::size_t messages_before_ = 0;
  std::size_t rounds_ = 0;
  std::size_t calls_ = 0;  // counted, to name them
};

}  // namespace moxie::kernel
