// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include <moxie/kernel/kernel.hpp>

#include "kernel/answer_text.hpp"
#include "kernel/rounds.hpp"
#include "kernel/sequence.hpp"

namespace moxie::inline abi1::kernel {

class KernelState;

/// What a Generation is a handle to: a sequence of tokens, the text they make, and where it belongs to a chat, the
/// rounds of its answer. A step keeps those alive that it works on, so a callback may drop any handle.
///
/// Functions let std::bad_alloc through unless they are noexcept.
class GenerationState {
 public:
  /// `resources` belongs to `kernel`, which it keeps alive.
  GenerationState(std::shared_ptr<KernelState> kernel, Resources& resources, std::uint64_t number,
                  const GenerationOptions& options);
  ~GenerationState();
  GenerationState(const GenerationState&) = delete;
  GenerationState& operator=(const GenerationState&) = delete;

  // One of these begins it.

  Status start_tokens(Context& context, std::span<const TokenId> prompt);
  Status start_text(Context& context, std::string_view prompt);
  Status start_model(const Model& model, std::string_view prompt);
  /// From here on, its end closes the rounds.
  Status start_rounds(std::shared_ptr<Rounds> rounds, const Model& model, Context& context);

  // For the kernel, in this order in each step.

  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  [[nodiscard]] Request begin_step() noexcept;
  [[nodiscard]] AnswerMemory& memory() noexcept { return sequence_.memory(); }
  /// Takes what the step did; says whether there are logits to choose from.
  bool end_step(const Request& request) noexcept;
  /// Asks the constraint, where there is one, what may come next.
  void ask_constraint() noexcept;
  /// Whether a token is to be chosen; else it is forced, or this has ended meanwhile.
  [[nodiscard]] bool chooses() const noexcept { return !finished() && sequence_.forced().empty(); }
  void sample(Workspace& workspace) noexcept { sequence_.sample(workspace); }
  void cannot_sample(const Status& status) noexcept { sequence_.cannot_sample(status); }
  /// Makes the chosen token, and those that are forced, part of the answer, and tells the host.
  void accept() noexcept;

  // For a chat.

  [[nodiscard]] const Sequence& sequence() const noexcept { return sequence_; }
  [[nodiscard]] const AnswerText& text() const noexcept { return text_; }
  /// Whether the host ended it in the call that goes on.
  [[nodiscard]] bool is_cancelled() const noexcept { return cancel_asked_; }

  // For the handle.

  [[nodiscard]] bool finished() const noexcept { return reason_ != StopReason::kNone; }
  [[nodiscard]] const Status& status() const noexcept { return status_; }
  [[nodiscard]] StopReason reason() const noexcept { return reason_; }
  [[nodiscard]] const Usage& usage() const noexcept { return usage_; }
  [[nodiscard]] const GenerationOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::shared_ptr<KernelState>& kernel() const noexcept { return kernel_; }
  std::string_view take_piece() noexcept { return text_.take_piece(); }
  void cancel() noexcept;
  void fail(Status status) noexcept;
  /// It was asked to go on where that is not possible now. status() says so until the next step.
  void refuse(Status status) noexcept;

 private:
  Status start(const Model& model, Context& context);
  Status begin_prompt(std::vector<TokenId> tokens);
  Status begin_round();
  /// Runs what may call the host, which may call back. What is not ok ends this.
  template <class Body>
  void call(Body&& body) noexcept;
  Status take_tokens();
  /// Says whether the next token of the round may follow at once.
  Result<bool> take(TokenId id);
  /// The model is done for this round. Afterwards it is finished, or another round has begun.
  Status end_round(StopReason reason);
  void finish(StopReason reason, Status status) noexcept;
  void mark_time(bool prompt) noexcept;

  std::uint64_t number_;
  std::shared_ptr<KernelState> kernel_;
  Resources& resources_;
  GenerationOptions options_;
  std::shared_ptr<Rounds> rounds_;
  std::optional<Context> own_context_;
  std::optional<IdleContext> idle_;  // of own_context_, from the end on
  Sequence sequence_;
  AnswerText text_;

  Usage usage_;
  std::optional<std::chrono::steady_clock::time_point> last_time_;
  bool calling_ = false;       // the host may be called now, and may call back
  bool cancel_asked_ = false;  // it did, to end this
  StopReason reason_ = StopReason::kNone;
  Status status_;
};

}  // namespace moxie
