// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <moxie/kernel/constraint.hpp>
#include <moxie/kernel/generation.hpp>
#include <moxie/kernel/request.hpp>
#include <moxie/kernel/sampling.hpp>
#include <moxie/model/model.hpp>

#include "kernel/resources.hpp"

namespace moxie::inline abi1::kernel {

/// The tokens of an answer: a prompt is computed, then one chosen token after another, or several at once where a
/// constraint forces them.
///
/// Functions let std::bad_alloc through unless they are noexcept.
class Sequence {
 public:
  Status start(const Model& model, Context& context, const GenerationOptions& options, Resources& resources);
  /// The prompt of a round. An empty one goes on from the last token that the context has.
  Status begin(std::vector<TokenId> prompt);
  /// Gives back what only a sequence that goes on needs.
  void stop() noexcept;

  [[nodiscard]] const Request& request() const noexcept { return request_; }
  [[nodiscard]] AnswerMemory& memory() noexcept { return memory_; }
  void advance_to(std::size_t done) noexcept { request_.done = done; }
  [[nodiscard]] std::size_t prompt_size() const noexcept { return prompt_.size(); }
  [[nodiscard]] const Context& context() const noexcept { return *context_; }

  // The constraint is the host's code, so whoever calls these must expect to be cancelled in them.

  /// Asks which tokens are forced next; else, in ask_allowed(), which may be chosen.
  Status ask_forced();
  Status ask_allowed();
  /// Whether an end token may come here.
  Status check_end();
  /// Tells the constraint of a token that is to be kept.
  Status accept(TokenId id);
  [[nodiscard]] std::span<const TokenId> forced() const noexcept { return forced_; }

  /// Chooses from the logits of the last step. sampled() tells what came of it.
  void sample(Workspace& workspace) noexcept;
  void cannot_sample(const Status& status) noexcept { sample_status_ = status; }
  [[nodiscard]] const Status& sample_status() const noexcept { return sample_status_; }
  [[nodiscard]] TokenId sampled() const noexcept { return sampled_.token; }
  [[nodiscard]] bool is_end(TokenId id) const noexcept;
  /// Makes a token part of the answer: the sampled one, or one that was forced.
  void keep(TokenId id);
  /// The unfed tokens are what the next step computes.
  void go_on() noexcept;

  [[nodiscard]] const std::vector<TokenId>& tokens() const noexcept { return tokens_; }
  [[nodiscard]] std::span<const TokenId> round_tokens() const noexcept {
    return std::span<const TokenId>(tokens_).subspan(round_begin_);
  }
  /// Those that were kept since the last step: the context does not hold them yet.
  [[nodiscard]] std::span<const TokenId> unfed_tokens() const noexcept {
    return std::span<const TokenId>(tokens_).subspan(n_fed_);
  }
  [[nodiscard]] const TokenConstraint* constraint() const noexcept { return constraint_.get(); }
  [[nodiscard]] const std::vector<TokenLogprob>& logprobs() const noexcept { return logprobs_; }
  [[nodiscard]] std::span<const TokenLogprob> top_logprobs(std::size_t token) const noexcept;

 private:
  [[nodiscard]] std::size_t logits_bytes() const noexcept;
  /// Of size 0 without a constraint.
  [[nodiscard]] TokenMask mask() const noexcept;

  Context* context_ = nullptr;
  std::optional<Sampler> sampler_;
  std::size_t vocab_size_ = 0;
  AnswerMemory memory_;  // logits; behind them the mask, where there is a constraint
  std::vector<TokenId> end_tokens_;
  std::vector<TokenId> prompt_;
  Request request_;

  std::shared_ptr<const TokenConstraint> asked_constraint_;  // the host's; every round begins with a clone
  std::unique_ptr<TokenConstraint> constraint_;
  std::vector<TokenId> forced_;

  Sampled sampled_;
  Status sample_status_;
  std::vector<TokenLogprob> top_;

  std::vector<TokenId> tokens_;
  std::vector<TokenLogprob> logprobs_;      // of tokens_
  std::vector<TokenLogprob> top_logprobs_;  // Sampling::logprobs of each
  std::size_t round_begin_ = 0;
  std::size_t n_fed_ = 0;  // of tokens_
};

}  // namespace moxie
