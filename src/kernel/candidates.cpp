// SPDX-License-Identifier: Apache-2.0
#include "kernel/candidates.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace moxie::kernel {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr float kGreatest = std::numeric_limits<float>::max();

/// Greater numbers have greater keys; -0 is 0.
std::uint32_t key_of(float logit) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(logit + 0.0f);
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

/// A candidate and how far its surprise is from the expected one.
struct Surprise {
  double distance;
  std::uint32_t index;

  bool operator<(const Surprise& other) const noexcept {
    return distance != other.distance ? distance < other.distance : index < other.index;
  }
};

/// The block in whose weights the running sum passes `target`, and the sum before it.
struct Place {
  std::size_t block = 0;
  double before = 0;
};

}  // namespace

std::size_t Candidates::room(std::size_t vocab_size, std::size_t top_k) noexcept {
  const bool buffered = top_k != 0 && top_k <= kMostBuffered;
  return buffered ? std::min(vocab_size, std::max<std::size_t>(2 * top_k, 512)) : vocab_size;
}

std::size_t Candidates::scratch_bytes(std::size_t room, bool typical) noexcept {
  return ScratchSize()
      .take<TokenId>(room)
      .take<float>(room)
      .take<double>(room)
      .take<Surprise>(typical ? room : 0)
      .total();
}

Result<Candidates> Candidates::create(std::size_t room, Workspace& workspace) noexcept {
  Candidates made;
  MOXIE_TRY_LET(made.ids_, workspace.take<TokenId>(room));
  MOXIE_TRY_LET(made.logits_, workspace.take<float>(room));
  MOXIE_TRY_LET(made.weights_, workspace.take<double>(room));
  return made;
}

template <class Keep>
void Candidates::keep_if(Keep keep) noexcept {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < n_; ++i) {
    if (!keep(i)) continue;
    ids_[kept] = ids_[i];
    logits_[kept] = logits_[i];
    weights_[kept++] = weights_[i];
  }
  n_ = kept;
}

void Candidates::gather_best(std::span<const float> logits, std::size_t k) noexcept {
  n_ = 0;
  constexpr std::size_t kStride = 16;
  float worst = kNever;  // of the k best so far; a later one of the same logit has a higher id and loses
  for (std::size_t begin = 0; begin < logits.size(); begin += kStride) {
    const std::size_t n = std::min(kStride, logits.size() - begin);
    const float* x = logits.data() + begin;
    if (n == kStride) {
      std::uint32_t better = 0;
      for (std::size_t j = 0; j < kStride; ++j) better |= x[j] > worst ? 1U : 0U;
      if (better == 0) continue;
    }
    for (std::size_t j = 0; j < n; ++j) {
      if (!(x[j] > worst)) continue;
      push(static_cast<TokenId>(begin + j), x[j]);
      if (n_ < ids_.size()) continue;
      keep_count(k);
      worst = *std::ranges::min_element(this->logits());
    }
  }
  keep_count(k);
}

void Candidates::gather(std::span<const float> logits, WeightScale scale, double least_exponent) noexcept {
  n_ = 0;
  // No logit below `bound` passes: it is the least one that may, and a step for what rounding did to it.
  const double least = scale.largest + least_exponent * scale.temperature;
  const double slack = 1e-6 * (std::abs(least) + std::abs(scale.largest));
  const auto bound = static_cast<float>(std::max(least - slack, -static_cast<double>(kGreatest)));
  constexpr std::size_t kStride = 16;
  for (std::size_t begin = 0; begin < logits.size(); begin += kStride) {
    const std::size_t n = std::min(kStride, logits.size() - begin);
    const float* x = logits.data() + begin;
    if (n == kStride) {
      std::uint32_t any = 0;
      for (std::size_t j = 0; j < kStride; ++j) any |= x[j] >= bound ? 1U : 0U;
      if (any == 0) continue;
    }
    for (std::size_t j = 0; j < n; ++j) {
      if (x[j] >= bound && scale.exponent(x[j]) >= least_exponent) push(static_cast<TokenId>(begin + j), x[j]);
    }
  }
}

void Candidates::weigh(WeightScale scale) noexcept { make_weights(logits(), scale, weights_.data()); }

/// Keeps the greatest logits until their masses are at least `target` together: finds the last of them by the bits of
/// its logit, from the highest on, without sorting.
template <class Mass>
void Candidates::keep_greatest(double target, Mass mass) noexcept {
  struct Level {
    unsigned shift;
    unsigned width;
  };
  constexpr std::array<Level, 3> kLevels = {{{20, 12}, {8, 12}, {0, 8}}};
  std::uint64_t prefix = 0;  // of the key of the last one that is kept
  double above = 0;          // mass of those with greater keys
  for (const Level level : kLevels) {
    const unsigned shift = level.shift;
    const unsigned width = level.width;
    std::array<double, 4096> sums{};
    const std::uint32_t mask = (1U << width) - 1;
    for (std::size_t i = 0; i < n_; ++i) {
      const std::uint64_t key = key_of(logits_[i]);
      if (key >> (shift + width) == prefix) sums[(key >> shift) & mask] += mass(i);
    }
    // The bucket in which the target is reached; where rounding prevents that, the lowest that holds anything.
    std::uint32_t bucket = mask;
    std::uint32_t last = mask;
    double before_last = above;
    for (;; --bucket) {
      if (sums[bucket] > 0) {
        last = bucket;
        before_last = above;
        if (above + sums[bucket] >= target) break;
        above += sums[bucket];
      }
      if (bucket == 0) break;
    }
    above = before_last;
    prefix = prefix << width | last;
    if (shift == kLevels[0].shift) {  // mostly few are left for the levels below
      keep_if([&](std::size_t i) { return key_of(logits_[i]) >> shift >= prefix; });
    }
  }
  bool reached = false;
  keep_if([&](std::size_t i) {
    const std::uint64_t key = key_of(logits_[i]);
    if (key != prefix) return key > prefix;
    if (reached) return false;
    above += mass(i);
    reached = above >= target;
    return true;
  });
}

void Candidates::keep_count(std::size_t k) noexcept {
  if (k >= n_) return;
  keep_greatest(static_cast<double>(k), [](std::size_t) { return 1.0; });
}

void Candidates::keep_mass(double mass) noexcept {
  keep_greatest(mass, [this](std::size_t i) { return weights_[i]; });
}

void Candidates::keep_exponents(WeightScale scale, double least) noexcept {
  keep_if([&](std::size_t i) { return scale.exponent(logits_[i]) >= least; });
}

Status Candidates::keep_typical(WeightScale scale, double share, Workspace& workspace) noexcept {
  const Workspace::Frame frame(workspace);
  MOXIE_TRY_LET(const std::span<Surprise> surprises, workspace.take<Surprise>(n_));
  const double all = total();
  // The surprise of a token, -ln p, is ln(all) less its exponent; ln(all) then falls out of the differences.
  double expected = 0;
  for (std::size_t i = 0; i < n_; ++i) {
    if (weights_[i] > 0) expected += weights_[i] * scale.exponent(logits_[i]);
  }
  expected /= all;
  for (std::size_t i = 0; i < n_; ++i) {
    surprises[i] = {std::abs(expected - scale.exponent(logits_[i])), static_cast<std::uint32_t>(i)};
  }
  // Sorted piece by piece: mostly a few hold the mass.
  double sum = 0;
  std::size_t sorted = 0;
  std::size_t kept = 0;
  while (kept < n_ && !(sum >= share * all)) {
    if (kept == sorted) {
      const auto begin = surprises.begin() + static_cast<std::ptrdiff_t>(sorted);
      sorted = std::min(n_, std::max<std::size_t>(128, sorted * 8));
      const auto end = surprises.begin() + static_cast<std::ptrdiff_t>(sorted);
      if (sorted < n_) std::nth_element(begin, end, surprises.end());
      std::sort(begin, end);
    }
    sum += weights_[surprises[kept++].index];
  }
  std::sort(surprises.begin(), surprises.begin() + static_cast<std::ptrdiff_t>(kept),
            [](const Surprise& a, const Surprise& b) { return a.index < b.index; });
  std::size_t next = 0;
  keep_if([&](std::size_t i) {
    const bool keep = next < kept && surprises[next].index == i;
    next += keep ? 1 : 0;
    return keep;
  });
  return {};
}

double Candidates::total() const noexcept {
  double total = 0;
  for (std::size_t i = 0; i < n_;) {
    BlockSum sum;
    const std::size_t block = static_cast<std::size_t>(ids_[i]) / kSumBlock;
    for (; i < n_ && static_cast<std::size_t>(ids_[i]) / kSumBlock == block; ++i) {
      sum.add(static_cast<std::size_t>(ids_[i]), weights_[i]);
    }
    total += sum.value();
  }
  return total;
}

TokenId Candidates::at(double share) const noexcept {
  const double target = share * total();
  double before = 0;
  TokenId last = ids_[0];
  for (std::size_t i = 0; i < n_;) {
    BlockSum sum;
    const std::size_t begin = i;
    const std::size_t block = static_cast<std::size_t>(ids_[i]) / kSumBlock;
    for (; i < n_ && static_cast<std::size_t>(ids_[i]) / kSumBlock == block; ++i) {
      sum.add(static_cast<std::size_t>(ids_[i]), weights_[i]);
    }
    const bool here = before + sum.value() > target;
    double running = before;
    for (std::size_t j = begin; j < i; ++j) {
      running += weights_[j];
      if (weights_[j] > 0) last = ids_[j];
      if (here && running > target) return ids_[j];
    }
    if (here) return last;
    before += sum.value();
  }
  return last;
}

void Candidates::sort_best_first() noexcept {
  // A heap sort over two arrays would be long; reports have few, so an insertion sort does.
  for (std::size_t i = 1; i < n_; ++i) {
    const TokenId id = ids_[i];
    const float logit = logits_[i];
    std::size_t j = i;
    for (; j > 0 && logits_[j - 1] < logit; --j) {
      ids_[j] = ids_[j - 1];
      logits_[j] = logits_[j - 1];
    }
    ids_[j] = id;
    logits_[j] = logit;
  }
}

TokenId draw_from_all(std::span<const float> logits, WeightScale scale, std::span<const double> block_sums,
                      double total, double share) noexcept {
  const double target = share * total;
  double before = 0;
  std::size_t block = 0;
  std::size_t last = 0;  // block with any weight
  double before_last = 0;
  for (; block < block_sums.size(); ++block) {
    if (block_sums[block] > 0) {
      last = block;
      before_last = before;
    }
    if (before + block_sums[block] > target) break;
    before += block_sums[block];
  }
  const std::size_t begin = last * kSumBlock;
  const std::size_t n = std::min(kSumBlock, logits.size() - begin);
  std::array<double, kSumBlock> weights;
  make_weights(logits.subspan(begin, n), scale, weights.data());
  double running = before_last;
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < n; ++i) {
    running += weights[i];
    if (weights[i] > 0) chosen = i;
    if (running > target) break;
  }
  return static_cast<TokenId>(begin + chosen);
}

}  // namespace moxie::kernel
