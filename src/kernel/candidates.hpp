// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <moxie/core/result.hpp>
#include <moxie/core/scratch.hpp>
#include <moxie/core/views.hpp>
#include <moxie/core/workspace.hpp>

#include "kernel/weights.hpp"

namespace moxie::inline abi1::kernel {

/// The tokens that may still be chosen, in ascending order of their ids. Each filter keeps some of them.
///
/// Memory of a workspace: room() for so many as are kept at most before a filter ran.
class Candidates {
 public:
  /// k best ones are found with a buffer of this many; beyond kMaxBuffered, all are gathered.
  static constexpr std::size_t kMaxBuffered = 2048;
  [[nodiscard]] static std::size_t room(std::size_t vocab_size, std::size_t top_k) noexcept;
  [[nodiscard]] static std::size_t scratch_bytes(std::size_t room, bool typical) noexcept;

  static Result<Candidates> create(std::size_t room, bool typical, Workspace& workspace) noexcept;

  /// The k greatest logits above -infinity; ties go to the lower id. k at most kMaxBuffered.
  void gather_best(std::span<const float> logits, std::size_t k) noexcept;
  /// All whose exponent is at least so much, but for -infinity.
  void gather(std::span<const float> logits, WeightScale scale, double least_exponent) noexcept;
  /// Those too improbable to have a weight are gone.
  void weigh(WeightScale scale) noexcept;
  /// Weighs all, and takes those that have a weight and at least (1 - share) * total / V of it: without the others,
  /// share * total can still be reached. Gives the total of all.
  double gather_mass(std::span<const float> logits, WeightScale scale, double share) noexcept;

  void keep_count(std::size_t k) noexcept;
  /// The smallest number of greatest ones whose weights are together at least that.
  void keep_mass(double mass) noexcept;
  void keep_exponents(WeightScale scale, double least) noexcept;
  /// `all`: total(). Needs the room that create() made with `typical`.
  void keep_typical(WeightScale scale, double share, double all) noexcept;

  [[nodiscard]] double total() const noexcept;
  /// The one at which the running sum of weights passes share * total(); share in [0, 1).
  [[nodiscard]] TokenId at(double share) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return n_; }
  [[nodiscard]] std::span<const TokenId> ids() const noexcept { return ids_.first(n_); }
  [[nodiscard]] std::span<const float> logits() const noexcept { return logits_.first(n_); }
  /// For reports: best first instead of by id.
  void sort_best_first() noexcept;

 private:
  void push(TokenId id, float logit) noexcept {
    ids_[n_] = id;
    logits_[n_++] = logit;
  }
  template <class Keep>
  void keep_if(Keep keep) noexcept;
  template <class Value, class Mass>
  void keep_least(double target, double least, double most, Value value, Mass mass) noexcept;
  template <class Value, class Mass>
  std::size_t list_slice(double target, Slices slices, Value value, Mass mass, double& before) noexcept;

  std::span<TokenId> ids_;
  std::span<float> logits_;
  std::span<double> weights_;
  std::span<std::uint16_t> slices_;  // for keep_least(): of each
  std::span<std::uint32_t> listed_;  // and those that may be the last one
  std::span<double> distances_;      // for keep_typical()
  std::size_t n_ = 0;
  std::size_t n_listed_ = 0;
};

/// Where the running sum over blocks passes share * total, as Candidates::at() does it for a list that holds all.
TokenId draw_from_all(std::span<const float> logits, WeightScale scale, std::span<const double> block_sums,
                      double total, double share) noexcept;

}  // namespace moxie::kernel
