// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <moxie/core/views.hpp>

// Numbers over a whole vocabulary, for sampling.

namespace moxie::inline abi1::kernel {

/// Sums of weights are made over blocks of ids, each over interleaved lanes, and then in order of the blocks: a weight
/// has its place in the sum by its id, whatever other tokens are there.
inline constexpr std::size_t kSumBlock = 256;
inline constexpr std::size_t kSumLanes = 8;
/// The version of everything that decides which token follows given logits, as backend/sum_orders.hpp has others.
inline constexpr unsigned kSamplingOrder = 1;

class BlockSum {
 public:
  /// The sum over the first n ids of a block.
  [[nodiscard]] static double of(const double* weights, std::size_t n) noexcept;
  void add(std::size_t id, double weight) noexcept { lanes_[id % kSumLanes] += weight; }
  [[nodiscard]] double value() const noexcept {
    return ((lanes_[0] + lanes_[4]) + (lanes_[2] + lanes_[6])) + ((lanes_[1] + lanes_[5]) + (lanes_[3] + lanes_[7]));
  }

 private:
  std::array<double, kSumLanes> lanes_{};
};

struct LogitScan {
  float largest;  ///< -infinity: there is nothing to choose
  bool bad;       ///< NaN or +infinity is among them
};
LogitScan scan_logits(std::span<const float> logits) noexcept;

/// +infinity of none.
float least_logit(std::span<const float> logits) noexcept;

/// The first token with that logit.
TokenId find_logit(std::span<const float> logits, float value) noexcept;

/// How logits become weights: e^((logit - largest) / temperature), within 2 ulp of a double; 0 where that is below
/// e^-708.
struct WeightScale {
  double largest = 0;
  double temperature = 1;

  [[nodiscard]] double exponent(float logit) const noexcept {
    return (static_cast<double>(logit) - largest) / temperature;
  }
};
void make_weights(std::span<const float> logits, WeightScale scale, double* weights) noexcept;

/// The sum of the weights in each block of kSumBlock ids; gives the sum of those.
double sum_blocks(std::span<const float> logits, WeightScale scale, std::span<double> sums) noexcept;
/// The same sum, and the weight of each.
double make_weights_of_all(std::span<const float> logits, WeightScale scale, double* weights) noexcept;
/// The sum of weight * exponent; all exponents finite.
double sum_exponents(std::span<const float> logits, WeightScale scale, const double* weights) noexcept;

/// A range of numbers cut into kSlices: a greater one is never in an earlier slice. What lies outside is in the first
/// or the last one.
inline constexpr std::size_t kSlices = 512;
struct Slices {
  double least = 0;
  double per_unit = 0;  ///< finite

  [[nodiscard]] std::size_t of(double x) const noexcept {
    const double at = (x - least) * per_unit;
    return at < static_cast<double>(kSlices - 1) ? static_cast<std::size_t>(at > 0 ? at : 0) : kSlices - 1;
  }
};
/// The slice of each; of logits, those of -logit.
void slice_logits(std::span<const float> logits, Slices slices, std::uint16_t* out) noexcept;
void slice_distances(std::span<const double> distances, Slices slices, std::uint16_t* out) noexcept;

}  // namespace moxie::kernel
