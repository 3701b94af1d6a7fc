// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>
#include <moxie/core/workspace.hpp>
#include <moxie/kernel/token_mask.hpp>

namespace moxie::inline abi1 {

struct RecommendedSampling;

/// What is added to the logit of a token.
struct LogitBias {
  TokenId token = 0;
  float bias = 0;  ///< finite, or -infinity: never chosen
};

/// How the next token is chosen from the logits. The steps, in this order; what is left out costs nothing:
///
///   1. bias       `logit_bias` is added; `banned` ids, with `allowed` all others, and those without a bit in the mask
///                 of the call become -infinity
///   2. penalties  repetition, then frequency and presence, for the tokens of the history
///   3. greedy     at temperature 0: the greatest logit. Else logits are divided by the temperature, and of what is
///                 left each time:
///   4. top_k      the k greatest
///   5. top_p      the smallest number of greatest ones whose probability together is at least top_p
///   6. min_p      those that are at least min_p times as probable as the most probable one
///   7. typical_p  the smallest number of those whose surprise is nearest to the expected one, with at least typical_p
///   8. a draw     in proportion to the probabilities of those that are left
///
/// Equal logits are in order of their ids: the lower one goes first. The order of 4 to 7 is that of transformers,
/// for which checkpoints give their values.
///
/// Source   Keskar et al., "CTRL", 2019 (repetition); Holtzman et al., "The Curious Case of Neural Text Degeneration",
///          2020 (top-p); Meister et al., "Locally Typical Sampling", 2023; Nguyen et al., "Turning Up the Heat", 2024
///          (min-p); OpenAI's interface (frequency and presence penalty, logit bias, logprobs).
struct Sampling {
  double temperature = 0;  ///< 0: greedy
  std::size_t top_k = 0;   ///< 0: all
  double top_p = 1;        ///< in (0, 1]
  double min_p = 0;        ///< in [0, 1]
  double typical_p = 1;    ///< in (0, 1]

  double repetition_penalty = 1;          ///< above 0; a logit above 0 is divided by it, another multiplied with it
  double frequency_penalty = 0;           ///< subtracted once for each time that the token occurs
  double presence_penalty = 0;            ///< subtracted where the token occurs
  std::size_t penalty_tokens = SIZE_MAX;  ///< how many of the last tokens are the history, the prompt's included

  std::vector<LogitBias> logit_bias = {};
  std::vector<TokenId> banned = {};
  std::vector<TokenId> allowed = {};  ///< where not empty, no others

  std::uint64_t seed = 0;
  /// How many of the most probable tokens to tell for each chosen one; 0: the chosen one alone.
  std::optional<std::size_t> logprobs = {};
};

/// What a checkpoint recommends, as moxie samples; what it does not say is as Sampling has it. Greedy unless it says
/// otherwise: do_sample true is a temperature of 1 where none is said, false is greedy and leaves the penalty alone.
///
///     MOXIE_TRY(model.recommended_sampling().status());
///     const Sampling sampling = sampling_of(*model.recommended_sampling());
[[nodiscard]] MOXIE_API Sampling sampling_of(const RecommendedSampling& recommended) noexcept;

/// ln of a token's probability, by the logits as the model gave them: before all steps.
struct TokenLogprob {
  TokenId token = 0;
  double logprob = 0;
};

struct Sampled {
  TokenId token = 0;
  double logprob = 0;     ///< of the token; 0 where Sampling::logprobs is not set
  std::size_t n_top = 0;  ///< how many of `top` were written
};

/// Chooses tokens. What it chooses depends on the logits, the history and the seed alone: a draw is the block of Philox
/// at (seed, size of the history), sums are in double and in order of the ids.
///
///     MOXIE_TRY_LET(const Sampler sampler, Sampler::create({.temperature = 0.7, .top_k = 40, .seed = 1}, V));
///     MOXIE_TRY_LET(const Sampled next, sampler.sample(logits, context.tokens(), workspace));
///
/// Shapes   logits [V]; -infinity is a token that is never chosen.
/// Units    scratch_bytes() is what sample() takes from its workspace.
/// Errors   create: kInvalidArgument names the value; kNoMemory.  sample: kInvalidArgument: NaN or +infinity among
///          the logits, with its id; no token that may be chosen; another number of logits.  kShape: `top` has no
///          room; a mask of another size.  kNoSpace.
/// Threads  immutable; sample() may be called at once from many threads, each with its own logits and workspace. It
///          allocates nothing.
class MOXIE_API Sampler {
 public:
  static Result<Sampler> create(const Sampling& sampling, std::size_t vocab_size) noexcept;

  [[nodiscard]] std::size_t scratch_bytes() const noexcept;
  /// The logits are changed. `history`: all tokens before the one to be chosen. `top`: the most probable tokens go
  /// there, best first; room for Sampling::logprobs of them, where that is set. `mask`: a token without its bit is
  /// chosen as little as one with a bias of -infinity; log probabilities do not know of it either.
  Result<Sampled> sample(std::span<float> logits, std::span<const TokenId> history, Workspace& workspace,
                         std::span<TokenLogprob> top = {}, ConstTokenMask mask = {}) const noexcept;

  [[nodiscard]] const Sampling& sampling() const noexcept { return sampling_; }
  [[nodiscard]] std::size_t vocab_size() const noexcept { return vocab_size_; }

 private:
  Sampler(Sampling sampling, std::vector<std::uint64_t> mask, std::size_t vocab_size) noexcept
      : sampling_(std::move(sampling)), mask_(std::move(mask)), vocab_size_(vocab_size) {}
  [[nodiscard]] bool has_penalties() const noexcept;
  /// Whether a logit becomes another number: bars do not count.
  [[nodiscard]] bool adjusts() const noexcept;
  Status adjust(std::span<float> logits, std::span<const TokenId> history, Workspace& workspace) const noexcept;
  void bar(std::span<float> logits, ConstTokenMask mask) const noexcept;
  Result<TokenId> draw(std::span<const float> logits, float largest, std::uint64_t position,
                       Workspace& workspace) const noexcept;

  Sampling sampling_;
  std::vector<std::uint64_t> mask_;  // of `banned` and `allowed`; empty where there are none
  std::size_t vocab_size_;
};

}  // namespace moxie
