// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

#include <moxie/router/wrapper.hpp>

namespace moxie::inline abi1 {

/// Some experts are always among the chosen: every row goes to them, and its router's best fill the slots that are
/// left. All weights are what the router gives to such a choice.
///
///     auto router = Pinned<TopK>::create(std::move(top_8), {3}).value();
///
/// An expert whose logit is -infinity stays barred, pinned or not. A row's choice is sorted by weight; of equal
/// weights the lower id comes first.
///
/// Shapes   as Router.
/// Errors   create: kInvalidArgument for an expert that is not there, one twice, or more than K; kShape where the
///          router has not a logit for each expert; kUnsupported where it cannot weigh.  route, weigh: as the router.
/// Threads  as the router.
template <WeighingRouter R>
class Pinned : public detail::WrappedRouter<R> {
 public:
  static Result<Pinned> create(R router, std::vector<std::size_t> experts) noexcept {
    MOXIE_TRY(detail::check_weighs("Pinned::create", router));
    MOXIE_TRY(detail::check_logit_each("Pinned::create", router));
    MOXIE_TRY(detail::sort_experts("Pinned::create", router.num_experts(), experts));
    if (experts.size() > router.experts_per_token()) {
      return Status(Code::kInvalidArgument, "Pinned::create",
                    Text("at most ", router.experts_per_token(), " experts, as each row has"), Text(experts.size()));
    }
    return Pinned(std::move(router), std::move(experts));
  }

  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return this->inner_.scratch_bytes(T); }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    MOXIE_TRY(check_route_shapes("Pinned::route", this->num_experts(), this->experts_per_token(), in, out));
    MOXIE_TRY(this->inner_.route(in, out, ws));
    for (std::size_t t = 0; t < in.rows(); ++t) pin(in.logits[t], out.experts[t]);
    MOXIE_TRY(this->inner_.weigh(in, out, ws));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      MOXIE_TRY_LET(const std::size_t used, count_chosen("Pinned::route", this->num_experts(), t, out.experts[t]));
      detail::sort_by_weight(out.experts[t].first(used), out.weights[t].first(used));
    }
    return {};
  }
  Status weigh(const RouteIn& in, RouteOut out, Workspace& ws) const { return this->inner_.weigh(in, out, ws); }

 private:
  Pinned(R router, std::vector<std::size_t> experts) noexcept(std::is_nothrow_move_constructible_v<R>)
      : detail::WrappedRouter<R>(std::move(router)), pins_(std::move(experts)) {}

  [[nodiscard]] bool is_pinned(std::int32_t expert) const noexcept {
    return std::ranges::binary_search(pins_, static_cast<std::size_t>(expert));
  }

  /// The worst of those that are not pinned give their slots to pins that are missing.
  void pin(std::span<const float> logits, std::span<std::int32_t> experts) const noexcept {
    for (const std::size_t pin : pins_) {
      const auto id = static_cast<std::int32_t>(pin);
      const bool barred = !(logits[pin] > -std::numeric_limits<float>::infinity());
      if (barred || std::ranges::find(experts, id) != experts.end()) continue;
      std::size_t slot = experts.size() - 1;
      if (experts[slot] == kNoExpert) {
        while (slot > 0 && experts[slot - 1] == kNoExpert) --slot;  // the first that is free
      } else {
        while (is_pinned(experts[slot])) --slot;  // there is one: at most K are pinned, and this one is not among them
      }
      experts[slot] = id;
    }
  }

  std::vector<std::size_t> pins_;  // ascending
};

}  // namespace moxie
