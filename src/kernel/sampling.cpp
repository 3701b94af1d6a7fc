// SPDX-License-Identifier: Apache-2.0
#include <moxie/kernel/sampling.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include <moxie/core/philox.hpp>
#include <moxie/core/scratch.hpp>
#include <moxie/model/recommended_sampling.hpp>

#include "kernel/candidates.hpp"
#include "kernel/weights.hpp"

namespace moxie::inline abi1 {

namespace {

constexpr std::string_view kWhere = "Sampler::sample";
constexpr float kNever = -std::numeric_limits<float>::infinity();

std::size_t blocks_of(std::size_t vocab_size) noexcept {
  return (vocab_size + kernel::kSumBlock - 1) / kernel::kSumBlock;
}

/// A finite number stays one.
float as_logit(double x) noexcept {
  constexpr auto kMax = static_cast<double>(std::numeric_limits<float>::max());
  return static_cast<float>(std::clamp(x, -kMax, kMax));
}

/// Evenly spaced in [0, 1), 53 bits.
double uniform(const Philox::Block& words) noexcept {
  const std::uint64_t bits = std::uint64_t{words[0]} << 32U | words[1];
  return static_cast<double>(bits >> 11U) * 0x1p-53;
}

Status check(std::string_view name, double value, bool fine, std::string_view needed) noexcept {
  if (fine) return {};
  return Status(Code::kInvalidArgument, "Sampler::create", Text(name, ' ', needed), Text(value));
}

Status check_ids(std::string_view name, std::span<const TokenId> ids, std::size_t vocab_size) noexcept {
  for (const TokenId id : ids) {
    if (id < 0 || static_cast<std::size_t>(id) >= vocab_size) {
      return Status(Code::kInvalidArgument, "Sampler::create", Text(name, " in [0, ", vocab_size, ')'), Text(id));
    }
  }
  return {};
}

Status check(const Sampling& s, std::size_t vocab_size) noexcept {
  if (vocab_size == 0 || vocab_size > static_cast<std::size_t>(std::numeric_limits<TokenId>::max())) {
    return Status(Code::kInvalidArgument, "Sampler::create", "a vocabulary of 1 to 2^31 - 1 tokens", Text(vocab_size));
  }
  const auto is_share = [](double x) { return x > 0 && x <= 1; };
  MOXIE_TRY(check("temperature", s.temperature, std::isfinite(s.temperature) && s.temperature >= 0, "of 0 or more"));
  MOXIE_TRY(check("top_p", s.top_p, is_share(s.top_p), "in (0, 1]"));
  MOXIE_TRY(check("min_p", s.min_p, s.min_p >= 0 && s.min_p <= 1, "in [0, 1]"));
  MOXIE_TRY(check("typical_p", s.typical_p, is_share(s.typical_p), "in (0, 1]"));
  const double repetition = s.repetition_penalty;
  MOXIE_TRY(check("repetition_penalty", repetition, std::isfinite(repetition) && repetition > 0, "above 0"));
  MOXIE_TRY(check("frequency_penalty", s.frequency_penalty, std::isfinite(s.frequency_penalty), "that is finite"));
  MOXIE_TRY(check("presence_penalty", s.presence_penalty, std::isfinite(s.presence_penalty), "that is finite"));
  MOXIE_TRY(check_ids("banned", s.banned, vocab_size));
  MOXIE_TRY(check_ids("allowed", s.allowed, vocab_size));
  for (const LogitBias& bias : s.logit_bias) {
    MOXIE_TRY(check_ids("logit_bias", {&bias.token, 1}, vocab_size));
    MOXIE_TRY(check("logit_bias", static_cast<double>(bias.bias), bias.bias < std::numeric_limits<float>::infinity(),
                    "that is finite or -infinity"));
  }
  if (s.logprobs > vocab_size || s.logprobs > kernel::Candidates::kMaxBuffered) {
    return Status(Code::kInvalidArgument, "Sampler::create",
                  Text("logprobs of at most ", std::min(vocab_size, kernel::Candidates::kMaxBuffered), " tokens"),
                  Text(*s.logprobs));
  }
  return {};
}

Status bad_logit(std::span<const float> logits) noexcept {
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] < std::numeric_limits<float>::infinity())) {
      return Status(Code::kInvalidArgument, kWhere, "logits that are finite or -infinity",
                    Text(logits[i], " for token ", i));
    }
  }
  return {};
}

}  // namespace

Sampling sampling_of(const RecommendedSampling& recommended) noexcept {
  Sampling sampling;
  sampling.repetition_penalty = recommended.repetition_penalty.value_or(sampling.repetition_penalty);
  sampling.penalty_tokens = recommended.penalty_tokens.value_or(sampling.penalty_tokens);
  if (recommended.do_sample == false) return sampling;
  const double otherwise = recommended.do_sample == true ? 1 : 0;
  sampling.temperature = recommended.temperature.value_or(otherwise);
  sampling.top_k = recommended.top_k.value_or(sampling.top_k);
  sampling.top_p = recommended.top_p.value_or(sampling.top_p);
  sampling.min_p = recommended.min_p.value_or(sampling.min_p);
  sampling.typical_p = recommended.typical_p.value_or(sampling.typical_p);
  return sampling;
}

Result<Sampler> Sampler::create(const Sampling& sampling, std::size_t vocab_size) noexcept try {
  MOXIE_TRY(check(sampling, vocab_size));
  std::vector<std::uint64_t> words;
  if (!sampling.banned.empty() || !sampling.allowed.empty()) {
    words.resize(TokenMask::words_for(vocab_size));
    const TokenMask mask(words, vocab_size);
    mask.fill(sampling.allowed.empty());
    for (const TokenId id : sampling.allowed) mask.set(id);
    for (const TokenId id : sampling.banned) mask.clear(id);
  }
  return Sampler(sampling, std::move(words), vocab_size);
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, "Sampler::create", "memory for lists of tokens", "a refusal from the system");
}

bool Sampler::has_penalties() const noexcept {
  return sampling_.penalty_tokens != 0 &&
         (sampling_.repetition_penalty != 1 || sampling_.frequency_penalty != 0 || sampling_.presence_penalty != 0);
}

bool Sampler::adjusts() const noexcept { return has_penalties() || !sampling_.logit_bias.empty(); }

std::size_t Sampler::scratch_bytes() const noexcept {
  const Sampling& s = sampling_;
  const std::size_t V = vocab_size_;
  ScratchSize logprobs;  // each of the three gives its memory back before the next
  std::size_t kept = 0;
  if (s.logprobs) {
    kept = adjusts() ? ScratchSize().take<float>(V).total() : 0;
    logprobs.take<double>(blocks_of(V))
        .bytes(kernel::Candidates::scratch_bytes(kernel::Candidates::room(V, std::max<std::size_t>(*s.logprobs, 1)),
                                                 false));
  }
  ScratchSize counts;
  if (has_penalties()) counts.take<std::uint32_t>(V);
  ScratchSize draw;
  if (s.temperature > 0) {
    draw.take<double>(blocks_of(V));
    draw.bytes(kernel::Candidates::scratch_bytes(kernel::Candidates::room(V, s.top_k), s.typical_p < 1));
  }
  return ScratchSize().bytes(kept).bytes(std::max({logprobs.total(), counts.total(), draw.total()})).total();
}

Status Sampler::adjust(std::span<float> logits, std::span<const TokenId> history, Workspace& workspace) const noexcept {
  const Sampling& s = sampling_;
  for (const LogitBias& bias : s.logit_bias) {
    float& logit = logits[static_cast<std::size_t>(bias.token)];
    const double sum = static_cast<double>(logit) + static_cast<double>(bias.bias);
    logit = std::isinf(sum) ? kNever : as_logit(sum);
  }
  if (!has_penalties()) return {};

  const Workspace::Frame frame(workspace);
  MOXIE_TRY_LET(const std::span<std::uint32_t> counts, workspace.take<std::uint32_t>(vocab_size_));
  std::ranges::fill(counts, 0U);
  const auto recent = history.last(std::min(history.size(), s.penalty_tokens));
  for (const TokenId id : recent) {
    if (id >= 0 && static_cast<std::size_t>(id) < vocab_size_) ++counts[static_cast<std::size_t>(id)];
  }
  for (const TokenId id : recent) {
    if (id < 0 || static_cast<std::size_t>(id) >= vocab_size_) continue;
    std::uint32_t& count = counts[static_cast<std::size_t>(id)];
    float& logit = logits[static_cast<std::size_t>(id)];
    if (count == 0 || logit == kNever) continue;
    auto value = static_cast<double>(logit);
    value = value > 0 ? value / s.repetition_penalty : value * s.repetition_penalty;
    value -= static_cast<double>(count) * s.frequency_penalty + s.presence_penalty;
    logit = as_logit(value);
    count = 0;  // once for each token
  }
  return {};
}

void Sampler::bar(std::span<float> logits, ConstTokenMask mask) const noexcept {
  constexpr std::size_t kBits = TokenMask::kWordBits;
  for (std::size_t w = 0; w < mask.words().size(); ++w) {
    const std::uint64_t word = mask.words()[w];
    if (word == ~std::uint64_t{0}) continue;
    const auto some = logits.subspan(w * kBits, std::min(kBits, logits.size() - w * kBits));
    if (word == 0) {
      std::ranges::fill(some, kNever);
      continue;
    }
    for (std::size_t i = 0; i < some.size(); ++i) {
      if ((word >> i & 1U) == 0) some[i] = kNever;
    }
  }
}

Result<TokenId> Sampler::draw(std::span<const float> logits, float largest, std::uint64_t position,
                              Workspace& workspace) const noexcept {
  const Sampling& s = sampling_;
  const Workspace::Frame frame(workspace);
  const kernel::WeightScale scale{.largest = static_cast<double>(largest), .temperature = s.temperature};
  const double share = uniform(Philox(s.seed).block(position));
  const bool has_top_k = s.top_k != 0 && s.top_k < vocab_size_;
  MOXIE_TRY_LET(const std::span<double> block_sums, workspace.take<double>(blocks_of(vocab_size_)));

  if (!has_top_k && s.top_p >= 1 && s.min_p <= 0 && s.typical_p >= 1) {
    const double total = kernel::sum_blocks(logits, scale, block_sums);
    return kernel::draw_from_all(logits, scale, block_sums, total, share);
  }
  MOXIE_TRY_LET(auto candidates,
                kernel::Candidates::create(kernel::Candidates::room(vocab_size_, s.top_k), s.typical_p < 1, workspace));
  const double least = s.min_p > 0 ? std::log(s.min_p) : -std::numeric_limits<double>::infinity();
  double total = 0;
  if (has_top_k) {
    if (s.top_k <= kernel::Candidates::kMaxBuffered) {
      candidates.gather_best(logits, s.top_k);
    } else {
      candidates.gather(logits, scale, -std::numeric_limits<double>::infinity());
      candidates.keep_count(s.top_k);
    }
    candidates.weigh(scale);
    total = candidates.total();
  } else if (s.top_p < 1 || s.min_p <= 0) {
    total = candidates.gather_mass(logits, scale, s.top_p);
  } else {
    candidates.gather(logits, scale, least);
    candidates.weigh(scale);
  }
  if (s.top_p < 1) candidates.keep_mass(s.top_p * total);
  if (s.min_p > 0 && (has_top_k || s.top_p < 1)) candidates.keep_exponents(scale, least);
  if (s.typical_p < 1) {
    if (s.top_p < 1 || s.min_p > 0) total = candidates.total();
    candidates.keep_typical(scale, s.typical_p, total);
  }
  return candidates.at(share);
}

Result<Sampled> Sampler::sample(std::span<float> logits, std::span<const TokenId> history, Workspace& workspace,
                                std::span<TokenLogprob> top, ConstTokenMask mask) const noexcept {
  if (logits.size() != vocab_size_) {
    return Status(Code::kInvalidArgument, kWhere, Text(vocab_size_, " logits"), Text(logits.size()));
  }
  if (sampling_.logprobs && top.size() < *sampling_.logprobs) {
    return Status(Code::kShape, kWhere, Text("room for ", *sampling_.logprobs, " logprobs"), Text(top.size()));
  }
  if (mask.size() != 0 && mask.size() != vocab_size_) {
    return Status(Code::kShape, kWhere, Text("a mask of ", vocab_size_, " tokens"), Text(mask.size()));
  }
  kernel::LogitScan scan = kernel::scan_logits(logits);
  if (scan.bad) return bad_logit(logits);
  if (!mask.any()) {
    return Status(Code::kInvalidArgument, kWhere, "a token that may be chosen",
                  Text("a mask of ", mask.size(), " tokens with no bit set"));
  }
  const auto nothing = [&]() {
    return Status(Code::kInvalidArgument, kWhere, "a token that may be chosen",
                  Text(logits.size(), " logits of -infinity"));
  };
  if (scan.largest == kNever) return nothing();

  const Workspace::Frame frame(workspace);
  Sampled sampled;
  std::span<const float> raw = logits;
  double log_total = 0;
  if (sampling_.logprobs) {
    if (adjusts()) {
      MOXIE_TRY_LET(const std::span<float> copy, workspace.take<float>(vocab_size_));
      std::ranges::copy(logits, copy.begin());
      raw = copy;
    }
    const Workspace::Frame inner(workspace);
    MOXIE_TRY_LET(const std::span<double> sums, workspace.take<double>(blocks_of(vocab_size_)));
    const auto largest = static_cast<double>(scan.largest);
    log_total = largest + std::log(kernel::sum_blocks(logits, {.largest = largest}, sums));
    const std::size_t n = *sampling_.logprobs;
    if (n > 0) {
      MOXIE_TRY_LET(auto best, kernel::Candidates::create(kernel::Candidates::room(vocab_size_, n), false, workspace));
      best.gather_best(logits, n);
      best.sort_best_first();
      for (std::size_t i = 0; i < best.size(); ++i) {
        top[i] = {best.ids()[i], static_cast<double>(best.logits()[i]) - log_total};
      }
      sampled.n_top = best.size();
    }
  }
  if (adjusts() || !mask_.empty() || mask.size() != 0) {
    bar(logits, mask);
    if (!mask_.empty()) bar(logits, {mask_, vocab_size_});
    MOXIE_TRY(adjust(logits, history, workspace));
    scan = kernel::scan_logits(logits);
    if (scan.largest == kNever) return nothing();
  }
  if (sampling_.temperature == 0) {
    sampled.token = kernel::find_logit(logits, scan.largest);
  } else {
    MOXIE_TRY_LET(sampled.token, draw(logits, scan.largest, history.size(), workspace));
  }
  if (sampling_.logprobs) {
    sampled.logprob = static_cast<double>(raw[static_cast<std::size_t>(sampled.token)]) - log_total;
  }
  return sampled;
}

}  // namespace moxie
