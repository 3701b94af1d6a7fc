// SPDX-License-Identifier: Apache-2.0
#include "kernel/sequence.hpp"

#include <algorithm>

#include <moxie/core/guard.hpp>

namespace moxie::inline abi1::kernel {

namespace {

constexpr std::string_view kWhere = "generation";

/// Calls the host's constraint. Only the host's own wish ends an answer as cancelled, so that code from here is a
/// failure like any other.
template <class Call>
Status ask(std::string_view where, Call&& call) noexcept {
  Status status = guarded(where, call);
  if (status.code() != Code::kCancelled && status.code() != Code::kDeadline) return status;
  return Status(Code::kHostException, where, "a constraint that answers", status.message());
}

}  // namespace

Status Sequence::start(const Model& model, Context& context, const GenerationOptions& options, Resources& resources) {
  const std::size_t V = model.config().vocab_size;
  MOXIE_TRY_LET(sampler_, Sampler::create(options.sampling, V));
  MOXIE_TRY(resources.reserve_sampling(sampler_->scratch_bytes()));
  vocab_size_ = V;
  top_.resize(options.sampling.logprobs.value_or(0));
  if (!options.ignore_end) {
    MOXIE_TRY(model.end_tokens().status());
    end_tokens_ = *model.end_tokens();
  }
  end_tokens_.insert(end_tokens_.end(), options.end_tokens.begin(), options.end_tokens.end());
  asked_constraint_ = options.constraint;
  memory_.bytes = logits_bytes() + (asked_constraint_ == nullptr ? 0 : TokenMask::words_for(V) * sizeof(std::uint64_t));
  // Where others hold all of it, this one waits for its logits as for its pages.
  if (Status taken = memory_.take(resources); !taken.ok() && taken.code() != Code::kBudget) return taken;
  context_ = &context;
  request_ = {.context = &context,
              .logits = Rows(memory_.logits(), 1, V),
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
  if (asked_constraint_ != nullptr) {
    std::unique_ptr<TokenConstraint> fresh;
    MOXIE_TRY(ask("TokenConstraint::clone", [&]() -> Status {
      MOXIE_TRY_LET(fresh, asked_constraint_->clone());
      if (fresh != nullptr) return {};
      return Status(Code::kInvalidArgument, "TokenConstraint::clone", "a constraint", "null");
    }));
    constraint_ = std::move(fresh);
  }
  prompt_ = std::move(prompt);
  request_.tokens = prompt_;
  request_.done = 0;
  round_begin_ = tokens_.size();
  n_fed_ = tokens_.size();
  return {};
}

void Sequence::stop() noexcept {
  request_ = {};
  memory_ = {};
  constraint_ = nullptr;
  asked_constraint_ = nullptr;
}

std::size_t Sequence::logits_bytes() const noexcept {
  return (vocab_size_ * sizeof(float) + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t) * sizeof(std::uint64_t);
}

TokenMask Sequence::mask() const noexcept {
  if (asked_constraint_ == nullptr) return {};
  return {memory_.buffer.as<std::uint64_t>().subspan(logits_bytes() / sizeof(std::uint64_t)), vocab_size_};
}

Status Sequence::ask_forced() {
  forced_.clear();
  if (constraint_ == nullptr || sampler_->sampling().logprobs) return {};
  constexpr std::string_view kForced = "TokenConstraint::forced";
  return ask(kForced, [&]() -> Status {
    MOXIE_TRY_LET(const std::span<const TokenId> tokens, constraint_->forced());
    for (const TokenId id : tokens) {
      if (id >= 0 && static_cast<std::size_t>(id) < vocab_size_) continue;
      return Status(Code::kInvalidArgument, kForced, Text("tokens in [0, ", vocab_size_, ')'), Text(id));
    }
    forced_.assign(tokens.begin(), tokens.end());  // the constraint's are good until it accepts the first
    return {};
  });
}

Status Sequence::ask_allowed() {
  if (constraint_ == nullptr) return {};
  const TokenMask mask = this->mask();
  mask.fill(false);
  MOXIE_TRY(ask("TokenConstraint::allowed", [&] { return constraint_->allowed(mask); }));
  bool may_end = false;
  MOXIE_TRY(ask("TokenConstraint::may_end", [&]() -> Status {
    MOXIE_TRY_LET(may_end, constraint_->may_end());
    return {};
  }));
  for (const TokenId id : end_tokens_) {
    if (id < 0 || static_cast<std::size_t>(id) >= mask.size()) continue;  // the host may name any
    if (may_end) {
      mask.set(id);
    } else {
      mask.clear(id);
    }
  }
  return {};
}

Status Sequence::check_end() {
  if (constraint_ == nullptr) return {};
  return ask("TokenConstraint::may_end", [&]() -> Status {
    MOXIE_TRY_LET(const bool may_end, constraint_->may_end());
    if (may_end) return {};
    return Status(Code::kInvalidArgument, "TokenConstraint::forced", "an end token where the answer may end",
                  Text("one after ", round_tokens().size(), " tokens"));
  });
}

Status Sequence::accept(TokenId id) {
  if (constraint_ == nullptr) return {};
  return ask("TokenConstraint::accept", [&] { return constraint_->accept({&id, 1}); });
}

void Sequence::sample(Workspace& workspace) noexcept {
  const auto sampled = sampler_->sample({memory_.logits(), vocab_size_}, context_->tokens(), workspace, top_, mask());
  sample_status_ = sampled.status();
  if (sampled.ok()) sampled_ = *sampled;
}

bool Sequence::is_end(TokenId id) const noexcept { return std::ranges::find(end_tokens_, id) != end_tokens_.end(); }

void Sequence::keep(TokenId id) {
  tokens_.push_back(id);
  const std::optional<std::size_t>& n = sampler_->sampling().logprobs;
  if (!n) return;
  logprobs_.push_back({id, sampled_.logprob});
  std::fill(top_.begin() + static_cast<std::ptrdiff_t>(sampled_.n_top), top_.end(), TokenLogprob{-1, 0});
  top_logprobs_.insert(top_logprobs_.end(), top_.begin(), top_.end());
}

void Sequence::go_on() noexcept {
  request_.tokens = unfed_tokens();  // stays where it is, since nothing is kept until all of them are computed
  request_.done = 0;
  n_fed_ = tokens_.size();
}

std::span<const TokenLogprob> Sequence::top_logprobs(std::size_t token) const noexcept {
  if (token >= logprobs_.size()) return {};
  const std::size_t n = top_logprobs_.size() / logprobs_.size();
  const auto all = std::span<const TokenLogprob>(top_logprobs_).subspan(token * n, n);
  const auto end = std::ranges::find(all, TokenId{-1}, &TokenLogprob::token);
  return all.first(static_cast<std::size_t>(end - all.begin()));
}

}  // namespace moxie
