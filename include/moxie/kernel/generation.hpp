// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>
#include <moxie/kernel/constraint.hpp>
#include <moxie/kernel/sampling.hpp>
#include <moxie/text/answer_stream.hpp>

namespace moxie::inline abi1 {

class Chat;
class Kernel;

namespace kernel {
class GenerationState;
class KernelState;
}  // namespace kernel

/// Why a generation ended.
enum class StopReason : std::uint8_t {
  kNone,         ///< it goes on
  kEndToken,     ///< the model said that it is done
  kStopString,   ///< one of GenerationOptions::stop
  kMaxTokens,    ///< GenerationOptions::max_tokens
  kContextFull,  ///< ContextOptions::max_positions
  kToolCalls,    ///< it called tools that the host runs itself
  kToolRounds,   ///< ChatOptions::max_tool_rounds; the last calls were not run
  kCancelled,    ///< the host stopped it
  kDeadline,     ///< its time is used up
  kError,        ///< status() says which
};

MOXIE_API std::string_view name(StopReason reason) noexcept;

struct GenerationOptions {
  Sampling sampling = {};
  std::size_t max_tokens = SIZE_MAX;
  /// An answer ends where it contains one of these, whatever tokens it is made of; the string is no part of it.
  std::vector<std::string> stop = {};
  std::vector<TokenId> end_tokens = {};  ///< besides the checkpoint's
  bool ignore_end = false;               ///< the checkpoint's end tokens are like any others
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  const std::atomic<bool>* cancel = nullptr;  ///< true: stop; looked at before, in and after each step
  std::size_t max_step_rows = SIZE_MAX;       ///< rows of its prompt in one step
  /// Hears every piece of the answer, where step() runs. false cancels this generation; a throw ends it with
  /// kHostException. Others go on either way. It may cancel or destroy any generation, this one, its chat and its
  /// kernel included; this one then ends when the call returns. Calling step() is kPrecondition.
  std::function<bool(const AnswerEvent&)> on_event = {};
  /// Which tokens may come next. Each round of an answer works on a fresh clone, so one object serves many generations.
  /// Forced tokens are part of the answer as chosen ones are, and count as those do, but `sampling` has no say in them.
  /// With Sampling::logprobs every token is chosen, so that each has its own.
  std::shared_ptr<const TokenConstraint> constraint = {};
};

struct Usage {
  std::size_t prompt_tokens = 0;      ///< of the whole prompt, what was cached included; of the last round, with tools
  std::size_t cached_tokens = 0;      ///< those of them that the context had already
  std::size_t computed_tokens = 0;    ///< rows that were run for this answer: prompts and chosen tokens
  std::size_t recomputed_tokens = 0;  ///< rows that were run besides, for positions whose pages others had needed
  std::size_t generated_tokens = 0;   ///< chosen or forced, an end token included
  std::chrono::nanoseconds prompt_time{};      ///< from the first step of a prompt to the first token after it
  std::chrono::nanoseconds generation_time{};  ///< from there on
};

/// One answer while it is made: a range of pieces of text. Made by Kernel::generate() and Chat::ask().
///
///     Generation answer = kernel.generate(context, "The sky is", {.max_tokens = 50});
///     for (std::string_view piece : answer) std::cout << piece;
///     if (!answer.status().ok()) ...
///
/// Iterating computes: each piece is what the next steps bring, never a part of a character. A host that runs many
/// at once hands them to Kernel::step() instead and calls take() whenever it likes.
///
/// An answer ends well (status() is ok) or for a reason that status() tells; text that was made before is there in
/// either case. A generation that was destroyed before its end counts as cancelled. One that is asked to go on inside a
/// step of its kernel, by a callback or a tool, is refused with kPrecondition and may go on after that step.
///
/// Errors   in status(): those of Request, Sampler and TokenConstraint; kUnsupported or kNotFound where the checkpoint
/// has no tokenizer
///          for a text prompt; kHostException; kNoMemory.  A context keeps the tokens that were computed.
/// Threads  one at a time, that of its kernel. It keeps the kernel's memory and threads alive; the context that it
///          was given must stay where it is until it is done.
class MOXIE_API Generation {
 public:
  class Iterator;

  Generation(Generation&&) noexcept;
  Generation& operator=(Generation&&) noexcept;
  ~Generation();

  /// Computes until there is a piece or the end. One pass: pieces that were passed are gone from the range.
  [[nodiscard]] Iterator begin() noexcept;
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }
  /// What came since the last take(), without computing anything; good until the next take() or step.
  std::string_view take() noexcept;
  /// Computes to the end and returns status().
  Status run() noexcept;
  /// Ends it now, as the host's wish.
  void cancel() noexcept;

  [[nodiscard]] bool finished() const noexcept;
  /// ok while it goes on and after a good end.
  [[nodiscard]] Status status() const noexcept;
  [[nodiscard]] StopReason stop_reason() const noexcept;
  [[nodiscard]] Usage usage() const noexcept;

  // All of it so far; views are good until the next step.
  [[nodiscard]] std::string_view text() const noexcept;                 ///< the answer, without reasoning and calls
  [[nodiscard]] std::string_view reasoning() const noexcept;            ///< of a chat
  [[nodiscard]] std::span<const TokenId> tokens() const noexcept;       ///< without the end token
  [[nodiscard]] std::span<const ToolCall> tool_calls() const noexcept;  ///< of the last round
  /// Of the i-th of tokens(): its own logprob, and the most probable ones. Empty without Sampling::logprobs.
  [[nodiscard]] TokenLogprob logprob(std::size_t i) const noexcept;
  [[nodiscard]] std::span<const TokenLogprob> top_logprobs(std::size_t i) const noexcept;
  /// The round's clone of GenerationOptions::constraint, behind all tokens of the round; for save() and clone(). Null
  /// where there is none and after the end.
  [[nodiscard]] const TokenConstraint* constraint() const noexcept;

 private:
  friend class Chat;
  friend class Kernel;
  friend class kernel::KernelState;
  explicit Generation(std::shared_ptr<kernel::GenerationState> state) noexcept;
  explicit Generation(Code missing) noexcept : missing_(missing) {}
  bool advance(std::string_view& piece) noexcept;
  std::shared_ptr<kernel::GenerationState> state_;
  Code missing_ = Code::kPrecondition;  // why there is no state: it was moved from, or there was no memory for it
};

class Generation::Iterator {
 public:
  using value_type = std::string_view;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  Iterator() noexcept = default;
  [[nodiscard]] std::string_view operator*() const noexcept { return piece_; }
  Iterator& operator++() noexcept {
    if (!of_->advance(piece_)) of_ = nullptr;
    return *this;
  }
  void operator++(int) noexcept { ++*this; }
  friend bool operator==(const Iterator& a, std::default_sentinel_t) noexcept { return a.of_ == nullptr; }

 private:
  friend class Generation;
  explicit Iterator(Generation* of) noexcept : of_(of) { ++*this; }

  Generation* of_ = nullptr;
  std::string_view piece_;
};

}  // namespace moxie
