// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/router/wrapper.hpp>

namespace moxie::inline abi1 {

/// At most `most` experts for each row: the first of those that its router chooses. Their weights are what the router
/// gives to these alone, so normalised ones are divided by the smaller sum.
///
///     auto router = Capped<TopK>::create(std::move(top_8), 4).value();
///
/// Shapes   as Router; experts_per_token() is `most`.
/// Errors   create: kInvalidArgument for `most` outside [1, K]; kUnsupported where the router cannot weigh.  route,
///          weigh: as the router.
/// Threads  as the router.
template <WeighingRouter R>
class Capped : public detail::WrappedRouter<R> {
 public:
  static Result<Capped> create(R router, std::size_t most) noexcept {
    MOXIE_TRY(detail::check_weighs("Capped::create", router));
    if (most == 0 || most > router.experts_per_token()) {
      return Status(Code::kInvalidArgument, "Capped::create",
                    Text("a cap in [1, ", router.experts_per_token(), "], the router's experts for each row"),
                    Text(most));
    }
    return Capped(std::move(router), most);
  }

  [[nodiscard]] std::size_t experts_per_token() const noexcept { return most_; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    return ScratchSize()
        .bytes(detail::decisions_bytes(T, this->inner_.experts_per_token()))
        .bytes(this->inner_.scratch_bytes(T))
        .total();
  }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    MOXIE_TRY(check_route_shapes("Capped::route", this->num_logits(), this->num_experts(), most_, in, out));
    {
      const Workspace::Frame frame(ws);
      MOXIE_TRY_LET(const RouteOut all, detail::take_decisions(ws, in.rows(), this->inner_.experts_per_token()));
      MOXIE_TRY(this->inner_.route(in, all, ws));
      for (std::size_t t = 0; t < in.rows(); ++t) std::ranges::copy(all.experts[t].first(most_), out.experts.row(t));
    }
    return this->inner_.weigh(in, out, ws);
  }
  Status weigh(const RouteIn& in, RouteOut out, Workspace& ws) const { return this->inner_.weigh(in, out, ws); }

 private:
  Capped(R router, std::size_t most) noexcept(std::is_nothrow_move_constructible_v<R>)
      : detail::WrappedRouter<R>(std::move(router)), most_(most) {}

  std::size_t most_;
};

}  // namespace moxie
