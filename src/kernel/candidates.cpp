// SPDX-License-Identifier: Apache-2.0
#include "kernel/candidates.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace moxie::inline abi1::kernel {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr float kGreatest = std::numeric_limits<float>::max();

/// The greatest logit first.
struct ByLogit {
  std::span<const float> logits;
  double operator()(std::size_t i) const noexcept { return -static_cast<double>(logits[i]); }
  void slice(Slices slices, std::uint16_t* out) const noexcept { slice_logits(logits, slices, out); }
};

struct ByDistance {
  std::span<const double> distances;
  double operator()(std::size_t i) const noexcept { return distances[i]; }
  void slice(Slices slices, std::uint16_t* out) const noexcept { slice_distances(distances, slices, out); }
};

/// Sums by slice. Neighbours go to different lanes: an addition need not wait for the one before it, where many
/// are in one slice.
class SliceSums {
 public:
  void add(std::size_t slice, std::size_t i, double mass) noexcept { sums_[slice * kLanes + i % kLanes] += mass; }
  /// In which slice the sum reaches the target, and the sum before it; where rounding prevents that, the last one that
  /// holds anything.
  [[nodiscard]] std::size_t reaches(double target, double& before) const noexcept {
    double sum = before;
    std::size_t last = 0;
    for (std::size_t slice = 0; slice < kSlices; ++slice) {
      const double* lanes = sums_.data() + slice * kLanes;
      const double here = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
      if (!(here > 0)) continue;
      last = slice;
      before = sum;
      sum += here;
      if (sum >= target) break;
    }
    return last;
  }

 private:
  static constexpr std::size_t kLanes = 4;
  std::array<double, kLanes * kSlices> sums_{};
};

/// Calls take(j) for every value of a stride that has one which passes, in order. Most strides have none, and vectors
/// tell.
template <class T, class Passes, class Take>
void in_strides_with(std::span<const T> values, Passes passes, Take take) noexcept {
  constexpr std::size_t kStride = sizeof(T) < sizeof(float) ? 32 : 16;
  for (std::size_t begin = 0; begin < values.size(); begin += kStride) {
    const std::size_t n = std::min(kStride, values.size() - begin);
    const T* x = values.data() + begin;
    if (n == kStride) {
      std::uint32_t any = 0;
      for (std::size_t j = 0; j < kStride; ++j) any |= passes(x[j]) ? 1U : 0U;
      if (any == 0) continue;
    }
    for (std::size_t j = 0; j < n; ++j) take(begin + j);
  }
}

/// Of tokens whose weights are below that, n have less than (1 - share) * total together. 0.999: for rounding.
double negligible(double share, double total, std::size_t n) noexcept {
  return 0.999 * (1 - share) * total / static_cast<double>(n);
}

}  // namespace

std::size_t Candidates::room(std::size_t vocab_size, std::size_t top_k) noexcept {
  const bool buffered = top_k != 0 && top_k <= kMaxBuffered;
  return buffered ? std::min(vocab_size, std::max<std::size_t>(2 * top_k, 512)) : vocab_size;
}

std::size_t Candidates::scratch_bytes(std::size_t room, bool typical) noexcept {
  return ScratchSize()
      .take<TokenId>(room)
      .take<float>(room)
      .take<double>(room)
      .take<std::uint16_t>(room)
      .take<std::uint32_t>(room)
      .take<double>(typical ? room : 0)
      .total();
}

Result<Candidates> Candidates::create(std::size_t room, bool typical, Workspace& workspace) noexcept {
  Candidates made;
  MOXIE_TRY_LET(made.ids_, workspace.take<TokenId>(room));
  MOXIE_TRY_LET(made.logits_, workspace.take<float>(room));
  MOXIE_TRY_LET(made.weights_, workspace.take<double>(room));
  MOXIE_TRY_LET(made.slices_, workspace.take<std::uint16_t>(room));
  MOXIE_TRY_LET(made.listed_, workspace.take<std::uint32_t>(room));
  MOXIE_TRY_LET(made.distances_, workspace.take<double>(typical ? room : 0));
  return made;
}

/// Without a branch on what is kept, which nobody could foretell.
template <class Keep>
void Candidates::keep_if(Keep keep) noexcept {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < n_; ++i) {
    const bool stays = keep(i);
    ids_[kept] = ids_[i];
    logits_[kept] = logits_[i];
    weights_[kept] = weights_[i];
    kept += stays ? 1U : 0U;
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
  in_strides_with(
      logits, [bound](float x) { return x >= bound; },
      [&](std::size_t j) {
        ids_[n_] = static_cast<TokenId>(j);
        logits_[n_] = logits[j];
        n_ += logits[j] >= bound && scale.exponent(logits[j]) >= least_exponent ? 1U : 0U;
      });
}

void Candidates::weigh(WeightScale scale) noexcept {
  make_weights(logits(), scale, weights_.data());
  std::uint32_t none = 0;
  for (std::size_t i = 0; i < n_; ++i) none |= weights_[i] > 0 ? 0U : 1U;
  if (none != 0) keep_if([&](std::size_t i) { return weights_[i] > 0; });
}

double Candidates::gather_mass(std::span<const float> logits, WeightScale scale, double share) noexcept {
  const double total = make_weights_of_all(logits, scale, weights_.data());
  const double bound = std::max(negligible(share, total, logits.size()), std::numeric_limits<double>::denorm_min());
  n_ = 0;
  in_strides_with(
      std::span<const double>(weights_.first(logits.size())), [bound](double weight) { return weight >= bound; },
      [&](std::size_t j) {
        const double weight = weights_[j];
        ids_[n_] = static_cast<TokenId>(j);
        logits_[n_] = logits[j];
        weights_[n_] = weight;
        n_ += weight >= bound ? 1U : 0U;
      });
  return total;
}

/// Lists those in whose slice the target is reached, and says which it is.
template <class Value, class Mass>
std::size_t Candidates::list_slice(double target, Slices slices, Value value, Mass mass, double& before) noexcept {
  SliceSums sums;
  value.slice(slices, slices_.data());
  for (std::size_t i = 0; i < n_; ++i) sums.add(slices_[i], i, mass(i));
  const std::size_t last = sums.reaches(target, before);
  n_listed_ = 0;
  in_strides_with(
      std::span<const std::uint16_t>(slices_.first(n_)), [last](std::uint16_t slice) { return slice == last; },
      [&](std::size_t j) {
        if (slices_[j] == last) listed_[n_listed_++] = static_cast<std::uint32_t>(j);
      });
  return last;
}

/// Keeps those of the least values, from `least` to `most`, until their masses, all above 0, are at least `target`
/// together; of equal values, the first ones. Where rounding prevents that, all.
///
/// The last one that is kept is looked for without sorting: in the slice of the range in which the target is reached,
/// then in a slice of that. What is left after a few of these is sorted.
template <class Value, class Mass>
void Candidates::keep_least(double target, double least, double most, Value value, Mass mass) noexcept {
  constexpr std::size_t kSorted = 256;  // so few are sorted at once
  constexpr int kMaxCuts = 4;
  const auto cut = [&] { return Slices{least, static_cast<double>(kSlices) / (most - least)}; };
  double sum = 0;  // of those before the list
  std::size_t slice = 0;
  if (const Slices slices = cut(); n_ > kSorted && std::isfinite(slices.per_unit)) {
    slice = list_slice(target, slices, value, mass, sum);
  } else {
    std::fill_n(slices_.begin(), n_, std::uint16_t{0});
    for (n_listed_ = 0; n_listed_ < n_; ++n_listed_) listed_[n_listed_] = static_cast<std::uint32_t>(n_listed_);
  }
  bool equal = false;
  for (int cuts = 1; cuts < kMaxCuts && n_listed_ > kSorted; ++cuts) {
    least = std::numeric_limits<double>::infinity();
    most = -least;
    for (const std::uint32_t i : listed_.first(n_listed_)) {
      least = std::min(least, value(i));
      most = std::max(most, value(i));
    }
    equal = least == most;
    const Slices slices = cut();
    if (equal || !std::isfinite(slices.per_unit)) break;
    SliceSums sums;
    for (const std::uint32_t i : listed_.first(n_listed_)) sums.add(slices.of(value(i)), i, mass(i));
    const std::size_t last = sums.reaches(target, sum);
    const auto others = [&](std::uint32_t i) { return slices.of(value(i)) != last; };
    const auto end = std::remove_if(listed_.begin(), listed_.begin() + static_cast<std::ptrdiff_t>(n_listed_), others);
    n_listed_ = static_cast<std::size_t>(end - listed_.begin());
  }
  const auto list = listed_.first(n_listed_);  // by index
  if (!equal) {
    std::sort(list.begin(), list.end(),
              [&](std::uint32_t a, std::uint32_t b) { return value(a) != value(b) ? value(a) < value(b) : a < b; });
  }
  std::size_t end = 0;
  do {
    sum += mass(list[end++]);
  } while (end < list.size() && !(sum >= target));
  const std::uint32_t last = list[end - 1];
  const double worst = value(last);
  keep_if([&](std::size_t i) {
    if (slices_[i] != slice) return slices_[i] < slice;
    const double x = value(i);
    return x < worst || (x == worst && i <= last);
  });
}

void Candidates::keep_count(std::size_t k) noexcept {
  if (k >= n_) return;
  const auto most = -static_cast<double>(least_logit(logits()));
  keep_least(static_cast<double>(k), -static_cast<double>(scan_logits(logits()).largest), most, ByLogit{logits()},
             [](std::size_t) { return 1.0; });
}

void Candidates::keep_mass(double mass) noexcept {
  const auto most = -static_cast<double>(least_logit(logits()));
  keep_least(mass, -static_cast<double>(scan_logits(logits()).largest), most, ByLogit{logits()},
             [this](std::size_t i) { return weights_[i]; });
}

void Candidates::keep_exponents(WeightScale scale, double least) noexcept {
  keep_if([&](std::size_t i) { return scale.exponent(logits_[i]) >= least; });
}

void Candidates::keep_typical(WeightScale scale, double share, double all) noexcept {
  // The surprise of a token, -ln p, is ln(all) less its exponent; ln(all) then falls out of the differences.
  const double expected = sum_exponents(logits(), scale, weights_.data()) / all;
  for (std::size_t i = 0; i < n_; ++i) distances_[i] = std::abs(expected - scale.exponent(logits_[i]));
  // Further away than the most probable one, and than those that are too few to matter, is nobody who is needed.
  const double low = std::log(negligible(share, all, n_));
  keep_least(share * all, 0, std::max(-expected, expected - low), ByDistance{distances_.first(n_)},
             [this](std::size_t i) { return weights_[i]; });
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
