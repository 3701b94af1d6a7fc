// SPDX-License-Identifier: Apache-2.0
#include "kernel/sequence.hpp"

#include <algorithm>

namespace moxie::inline abi1::kernel {

namespace {

constexpr std::string_view kWhere = "generation";

}  // namespace

Status Sequence::start(const Model& model, Context& context, const GenerationOptions& options, Resources& resources) {
  const std::size_t V = model.config().vocab_size;
  MOXIE_TRY_LET(sampler_, Sampler::create(options.sampling, V));
  MOXIE_TRY(resources.reserve_sampling(sampler_->scratch_bytes()));
  MOXIE_TRY_LET(logits_, AlignedBuffer::create(V * sizeof(float), resources.budget().get()));
  top_.resize(options.sampling.logprobs.value_or(0));
  if (!options.ignore_end) {
    MOXIE_TRY(model.end_tokens().status());
    end_tokens_ = *model.end_tokens();
  }
  end_tokens_.insert(end_tokens_.end(), options.end_tokens.begin(), options.end_tokens.end());
  context_ = &context;
  request_ = {.context = &context,
              .logits = Rows(logits_.as<float>().data(), 1, V),
              .cancel = options.cancel,
              .max_rows = std::max<std::size_t>(options.max_step_rows, 1)};
  if (options.deadline) request_.deadline = *options.deadline;
  return {};
}

Status Sequence::begin(std::vector<TokenId> prompt) {
  if (prompt.empty()) {
    if (context_->size() == 0) {
      return Status(Code::kInvalidArgument, kWhere, "a prompt of at least one token", "none");
    }
    prompt.assign(1, context_->tokens().back());
    MOXIE_TRY(context_->truncate(context_->size() - 1));
  }
  const std::size_t room = context_->max_positions() - context_->size();
  if (prompt.size() > room) {
    return Status(Code::kBudget, kWhere,
                  Text("a prompt within the ", context_->max_positions(), " positions of its context"),
                  Text(prompt.size(), " tokens after ", context_->size()));
  }
  prompt_ = std::move(prompt);
  request_.tokens = prompt_;
  request_.done = 0;
  round_begin_ = tokens_.size();
  ended_by_token_ = false;
  return {};
}

void Sequence::stop() noexcept {
  request_ = {};
  logits_ = {};
}

void Sequence::sample(Workspace& workspace) noexcept {
  const auto sampled = sampler_->sample(logits_.as<float>(), context_->tokens(), workspace, top_);
  sample_status_ = sampled.status();
  if (sampled.ok()) sampled_ = *sampled;
}

bool Sequence::is_end(TokenId id) const noexcept { return std::ranges::find(end_tokens_, id) != end_tokens_.end(); }

void Sequence::keep() {
  tokens_.push_back(sampled_.token);
  const std::optional<std::size_t>& n = sampler_->sampling().logprobs;
  if (!n) return;
  logprobs_.push_back({sampled_.token, sampled_.logprob});
  std::fill(top_.begin() + static_cast<std::ptrdiff_t>(sampled_.n_top), top_.end(), TokenLogprob{-1, 0});
  top_logprobs_.insert(top_logprobs_.end(), top_.begin(), top_.end());
}

void Sequence::go_on() noexcept {
  next_ = tokens_.back();
  request_.tokens = {&next_, 1};
  request_.done = 0;
}

std::span<const TokenLogprob> Sequence::top_logprobs(std::size_t token) const noexcept {
  if (token >= logprobs_.size()) return {};
  const std::size_t n = top_logprobs_.size() / logprobs_.size();
  const auto all = std::span<const TokenLogprob>(top_logprobs_).subspan(token * n, n);
  const auto end = std::ranges::find(all, TokenId{-1}, &TokenLogprob::token);
  return all.first(static_cast<std::size_t>(end - all.begin()));
}

}  // namespace moxie
