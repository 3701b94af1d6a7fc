// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/kernel/kernel.hpp>
#include <moxie/text/decode_stream.hpp>

#include "kernel/stop_strings.hpp"

namespace moxie::inline abi1::kernel {

class ChatState;

/// What looked like a call and could not be read.
struct MalformedCall {
  std::size_t behind = 0;  ///< so many calls of its round came before it
  std::string text;        ///< as the model wrote it
  Status note;
};

/// What a Generation is a handle to. One round computes a prompt and chooses tokens up to an end; a chat with tools
/// may begin another.
///
/// Functions let std::bad_alloc through unless they are noexcept.
class GenerationState {
 public:
  GenerationState(std::shared_ptr<KernelState> kernel, const GenerationOptions& options);
  ~GenerationState();
  GenerationState(const GenerationState&) = delete;
  GenerationState& operator=(const GenerationState&) = delete;

  static Generation of_tokens(std::shared_ptr<KernelState> kernel, Context& context, std::span<const TokenId> prompt,
                              const GenerationOptions& options) noexcept;
  static Generation of_text(std::shared_ptr<KernelState> kernel, Context& context, std::string_view prompt,
                            const GenerationOptions& options) noexcept;
  static Generation of_model(std::shared_ptr<KernelState> kernel, const Model& model, std::string_view prompt,
                             const GenerationOptions& options) noexcept;
  /// The next answer of a chat.
  static Generation of_chat(std::shared_ptr<KernelState> kernel, std::shared_ptr<ChatState> chat,
                            std::optional<std::string_view> question, const GenerationOptions& options) noexcept;

  // For the kernel, in this order in each step.

  [[nodiscard]] std::size_t rows_left() const noexcept { return request_.tokens.size() - request_.done; }
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  [[nodiscard]] Request begin_step() noexcept;
  /// Takes what the step did; says whether there are logits to choose from.
  bool end_step(const Request& request) noexcept;
  void sample(Workspace& workspace) noexcept;
  void cannot_sample(const Status& status) noexcept { sample_status_ = status; }
  /// Makes the chosen token part of the answer.
  void accept() noexcept;

  // For a chat.

  /// What the round that ended brought.
  [[nodiscard]] std::string_view round_text() const noexcept { return std::string_view(text_).substr(round_text_); }
  [[nodiscard]] std::string_view round_reasoning() const noexcept {
    return std::string_view(reasoning_).substr(round_reasoning_);
  }
  [[nodiscard]] std::span<const TokenId> round_tokens() const noexcept {
    return std::span<const TokenId>(tokens_).subspan(round_tokens_);
  }
  /// The token that was chosen last and that the context does not hold yet.
  [[nodiscard]] bool last_is_unfed() const noexcept { return !round_tokens().empty() && !ended_by_token_; }
  [[nodiscard]] std::span<const MalformedCall> malformed_calls() const noexcept { return malformed_; }
  [[nodiscard]] bool shows(TokenId id) const noexcept;
  void use(ToolUse use) { uses_.push_back(std::move(use)); }

  // For the handle.

  [[nodiscard]] bool finished() const noexcept { return reason_ != StopReason::kNone; }
  [[nodiscard]] const Status& status() const noexcept { return status_; }
  [[nodiscard]] StopReason reason() const noexcept { return reason_; }
  [[nodiscard]] const Usage& usage() const noexcept { return usage_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] const std::string& reasoning() const noexcept { return reasoning_; }
  [[nodiscard]] const std::vector<TokenId>& tokens() const noexcept { return tokens_; }
  [[nodiscard]] const std::vector<ToolCall>& calls() const noexcept { return calls_; }
  [[nodiscard]] const std::vector<ToolUse>& uses() const noexcept { return uses_; }
  [[nodiscard]] const std::vector<TokenLogprob>& logprobs() const noexcept { return logprobs_; }
  [[nodiscard]] std::span<const TokenLogprob> top_logprobs(std::size_t token) const noexcept;
  [[nodiscard]] const GenerationOptions& options() const noexcept { return options_; }
  std::string_view take() noexcept;
  [[nodiscard]] bool has_piece() const noexcept { return !ready_.empty(); }
  /// One step with nobody else.
  void step_alone() noexcept;
  void cancel() noexcept;

 private:
  template <class Start>
  static Generation make(std::shared_ptr<KernelState> kernel, const GenerationOptions& options, Start&& start) noexcept;
  Status start(const Model& model, Context& context);
  Status begin_prompt(std::vector<TokenId> tokens);
  Status begin_chat_round();
  Status take_token(TokenId id);
  Status show(std::string_view text);
  Status emit(AnswerEvent& event);
  Status emit_all();
  /// The model is done for this round. Afterwards it is finished, or another round has begun.
  Status end_round(StopReason reason);
  Status flush_text();
  void finish(StopReason reason, Status status) noexcept;
  void fail(Status status) noexcept;
  void mark_time(bool prompt) noexcept;

  std::uint64_t number_;
  std::shared_ptr<KernelState> kernel_;
  GenerationOptions options_;
  std::shared_ptr<ChatState> chat_;
  std::optional<Context> own_context_;
  Context* context_ = nullptr;
  std::optional<Sampler> sampler_;
  AlignedBuffer logits_;
  std::vector<TokenId> end_tokens_;
  std::vector<TokenId> prompt_;
  TokenId next_ = 0;  // what is fed after the prompt, one by one
  Request request_;

  std::optional<Tokenizer> tokenizer_;
  std::optional<DecodeStream> decode_;
  StopStrings stops_;
  std::optional<AnswerStream> answer_;  // of a chat
  std::vector<AnswerEvent> events_;
  std::string shown_;
  std::string piece_;  // what take() gave
  std::string ready_;

  Sampled sampled_;
  Status sample_status_;
  std::vector<TokenLogprob> top_;
  std::vector<TokenLogprob> logprobs_;      // of tokens_
  std::vector<TokenLogprob> top_logprobs_;  // options_.sampling.logprobs of each

  std::string text_;
  std::string reasoning_;
  std::vector<TokenId> tokens_;
  std::vector<ToolCall> calls_;
  std::vector<ToolUse> uses_;
  std::size_t round_text_ = 0;
  std::size_t round_reasoning_ = 0;
  std::size_t round_tokens_ = 0;
  bool ended_by_token_ = false;
  bool stopped_by_string_ = false;
  std::vector<MalformedCall> malformed_;

  Usage usage_;
  std::optional<std::chrono::steady_clock::time_point> last_time_;
  StopReason reason_ = StopReason::kNone;
  Status status_;
};

}  // namespace moxie::kernel
