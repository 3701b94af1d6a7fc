// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include <moxie/kernel/generation.hpp>
#include <moxie/kernel/request.hpp>
#include <moxie/kernel/sampling.hpp>
#include <moxie/model/model.hpp>

#include "kernel/resources.hpp"

namespace moxie::inline abi1::kernel {

/// The tokens of an answer: a prompt is computed, then one chosen token after another.
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
  void advance_to(std::size_t done) noexcept { request_.done = done; }
  [[nodiscard]] std::size_t prompt_size() const noexcept { return prompt_.size(); }
  [[nodiscard]] const Context& context() const noexcept { return *context_; }

  /// Chooses from the logits of the last step. sampled() tells what came of it.
  void sample(Workspace& workspace) noexcept;
  void cannot_sample(const Status& status) noexcept { sample_status_ = status; }
  [[nodiscard]] const Status& sample_status() const noexcept { return sample_status_; }
  [[nodiscard]] TokenId sampled() const noexcept { return sampled_.token; }
  [[nodiscard]] bool is_end(TokenId id) const noexcept;
  /// Makes the sampled token part of the answer.
  void keep();
  /// The model said that it is done: the sampled token is no part of the answer.
  void end_by_token() noexcept { ended_by_token_ = true; }
  /// The token that was kept last is what the next step computes.
  void go_on() noexcept;

  [[nodiscard]] const std::vector<TokenId>& tokens() const noexcept { return tokens_; }
  [[nodiscard]] std::span<const TokenId> round_tokens() const noexcept {
    return std::span<const TokenId>(tokens_).subspan(round_begin_);
  }
  /// Whether the context does not hold the last token of the round yet.
  [[nodiscard]] bool last_is_unfed() const noexcept { return !round_tokens().empty() && !ended_by_token_; }
  [[nodiscard]] const std::vector<TokenLogprob>& logprobs() const noexcept { return logprobs_; }
  [[nodiscard]] std::span<const TokenLogprob> top_logprobs(std::size_t token) const noexcept;

 private:
  Context* context_ = nullptr;
  std::optional<Sampler> sampler_;
  AlignedBuffer logits_;
  std::vector<TokenId> end_tokens_;
  std::vector<TokenId> prompt_;
  TokenId next_ = 0;  // what is computed after the prompt, one by one
  Request request_;

  Sampled sampled_;
  Status sample_status_;
  std::vector<TokenLogprob> top_;

  std::vector<TokenId> tokens_;
  std::vector<TokenLogprob> logprobs_;      // of tokens_
  std::vector<TokenLogprob> top_logprobs_;  // Sampling::logprobs of each
  std::size_t round_begin_ = 0;
  bool ended_by_token_ = false;
};

}  // namespace moxie
