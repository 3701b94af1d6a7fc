// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/router/top_k.hpp>
#include <moxie/router/wrapper.hpp>

namespace moxie::inline abi1 {

struct TopPOptions {
  std::size_t num_experts = 0;            ///< N
  std::size_t max_experts_per_token = 0;  ///< K
  float p = 0.0f;                         ///< in (0, 1]
  bool normalised = false;                ///< divide the chosen probabilities by their sum
  float scale = 1.0f;                     ///< factor on the weights, last
};

/// Each row goes to as many experts as it takes for their probabilities to reach p: few where the router is sure, up
/// to K where it is not. The weights are the probabilities.
///
///     auto router = TopP::create({.num_experts = 64, .max_experts_per_token = 8, .p = 0.4f}).value();
///
/// Experts are taken by descending probability, of equal ones the lower id first, and added up in f32 in that order;
/// the first sum of at least p ends it. There is always one.
///
/// Shapes   as Router.
/// Errors   create: kInvalidArgument for p outside (0, 1], and as TopK.  route, weigh: as TopK.
/// Threads  immutable; any number at once.
/// Source   Huang et al., "Harder Tasks Need More Experts: Dynamic Routing in MoE Models", 2024.
class TopP {
 public:
  static constexpr bool row_local = true;

  static Result<TopP> create(const TopPOptions& options) noexcept {
    if (!(options.p > 0.0f && options.p <= 1.0f)) {
      return Status(Code::kInvalidArgument, "TopP::create", "p above 0 and at most 1", Text(options.p));
    }
    TopKOptions best{.num_experts = options.num_experts, .experts_per_token = options.max_experts_per_token};
    MOXIE_TRY_LET(TopK chooser, TopK::create(best));
    best.normalised = options.normalised;
    best.scale = options.scale;
    MOXIE_TRY_LET(TopK weigher, TopK::create(best));
    return TopP(std::move(chooser), std::move(weigher), options.p);
  }

  [[nodiscard]] std::size_t num_experts() const noexcept { return chooser_.num_experts(); }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return chooser_.experts_per_token(); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return chooser_.scratch_bytes(T); }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const noexcept {
    MOXIE_TRY(chooser_.route(in, out, ws));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      float sum = 0.0f;
      std::size_t used = 0;
      while (used < out.experts.width && out.experts[t][used] != kNoExpert && sum < p_) sum += out.weights[t][used++];
      detail::clear_slots(used, out.experts[t], out.weights[t]);
    }
    return weigher_.weigh(in, out, ws);
  }
  Status weigh(const RouteIn& in, RouteOut out, Workspace& ws) const noexcept { return weigher_.weigh(in, out, ws); }

 private:
  TopP(TopK chooser, TopK weigher, float p) noexcept
      : chooser_(std::move(chooser)), weigher_(std::move(weigher)), p_(p) {}

  TopK chooser_;  // its weights are the probabilities
  TopK weigher_;
  float p_;
};

static_assert(WeighingRouter<TopP>);

}  // namespace moxie
