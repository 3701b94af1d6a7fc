// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include <moxie/router/wrapper.hpp>

namespace moxie::inline abi1 {

/// Prefers experts whose weights are in memory: for choosing alone, their logits count for `margin` more. An expert
/// that must be read is chosen only where it is better by more than that. The weights are what the router gives to the
/// choice under the logits as they are. Not row-local: what is in memory is the machine's state.
///
///     auto router = ResidentFirst<TopK>::create(std::move(top_8), 1.0f).value();
///
/// A row's choice is sorted by weight; of equal weights the lower id comes first.
///
/// Shapes   as Router; RouteIn::resident must be there.
/// Errors   create: kInvalidArgument for a margin that is negative or not finite; kShape where the router has not a
///          logit for each expert; kUnsupported where it cannot weigh.  route: kShape without `resident`; as the
///          router.
/// Threads  as the router.
/// Source   Skliar et al., "Mixture of Cache-Conditional Experts", 2024.
template <WeighingRouter R>
class ResidentFirst : public detail::WrappedRouter<R> {
 public:
  static constexpr bool row_local = false;

  static Result<ResidentFirst> create(R router, float margin) noexcept {
    MOXIE_TRY(detail::check_weighs("ResidentFirst::create", router));
    MOXIE_TRY(detail::check_logit_each("ResidentFirst::create", router));
    if (!(margin >= 0.0f && std::isfinite(margin))) {
      return Status(Code::kInvalidArgument, "ResidentFirst::create", "a margin of at least 0", Text(margin));
    }
    return ResidentFirst(std::move(router), margin);
  }

  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    return ScratchSize().rows(T, this->num_experts()).bytes(this->inner_.scratch_bytes(T)).total();
  }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    const std::size_t N = this->num_experts();
    MOXIE_TRY(check_route_shapes("ResidentFirst::route", N, this->experts_per_token(), in, out));
    if (in.rows() == 0) return {};
    if (in.resident.size() != N) {
      return Status(Code::kShape, "ResidentFirst::route", Text("residency of ", N, " experts"), "none");
    }
    {
      const Workspace::Frame frame(ws);
      MOXIE_TRY_LET(const Rows logits, ws.rows(in.rows(), N));
      for (std::size_t t = 0; t < in.rows(); ++t) {
        for (std::size_t e = 0; e < N; ++e) logits[t][e] = in.logits[t][e] + (in.resident[e] != 0 ? margin_ : 0.0f);
      }
      RouteIn preferred = in;
      preferred.logits = logits;
      MOXIE_TRY(this->inner_.route(preferred, out, ws));
    }
    MOXIE_TRY(this->inner_.weigh(in, out, ws));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      MOXIE_TRY_LET(const std::size_t used, count_chosen("ResidentFirst::route", N, t, out.experts[t]));
      detail::sort_by_weight(out.experts[t].first(used), out.weights[t].first(used));
    }
    return {};
  }
  Status weigh(const RouteIn& in, RouteOut out, Workspace& ws) const { return this->inner_.weigh(in, out, ws); }

 private:
  ResidentFirst(R router, float margin) noexcept(std::is_nothrow_move_constructible_v<R>)
      : detail::WrappedRouter<R>(std::move(router)), margin_(margin) {}

  float margin_;
};

}  // namespace moxie
