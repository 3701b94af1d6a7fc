// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/router/wrapper.hpp>

namespace moxie::inline abi1 {

/// Turns the last experts of a router into nothing: a choice of one of them leaves its slot empty, so that a row which
/// needs little computes little. The weights of the others stay as they are.
///
///     TopK of 10 experts, the last 2 null      row chose 9, 4, 8     it goes to 4 alone, with the weight it has there
///
/// Null slots need no expert in the bank. Identity slots, whose output is the row itself, are an IdentityExpert there.
///
/// Shapes   as Router; num_experts() is the router's less `count`, num_logits() the router's.
/// Errors   create: kInvalidArgument where no expert is left, or there is none to turn; kShape where the router has
///          not a logit for each expert.  route, weigh: as the router.
/// Threads  as the router.
/// Source   zero experts: Jin et al., "MoE++", 2024; zero-computation experts of LongCat-Flash, 2025.
template <Router R>
class NullSlots : public detail::WrappedRouter<R> {
 public:
  static Result<NullSlots> create(R router, std::size_t count) noexcept {
    MOXIE_TRY(detail::check_logit_each("NullSlots::create", router));
    const std::size_t N = router.num_experts();
    if (count == 0 || count >= N || N - count < router.experts_per_token()) {
      return Status(Code::kInvalidArgument, "NullSlots::create",
                    Text("some null experts, and ", router.experts_per_token(), " or more left of ", N),
                    Text(count, " null"));
    }
    return NullSlots(std::move(router), count);
  }

  [[nodiscard]] std::size_t num_experts() const noexcept { return this->inner_.num_experts() - count_; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return this->inner_.scratch_bytes(T); }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    RouteIn all = in;
    all.resident = {};  // it says nothing of the null experts
    MOXIE_TRY(this->inner_.route(all, out, ws));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      std::size_t used = 0;
      for (std::size_t slot = 0; slot < out.experts.width; ++slot) {
        const std::int32_t id = out.experts[t][slot];
        if (id == kNoExpert || static_cast<std::size_t>(id) >= num_experts()) continue;
        out.experts[t][used] = id;
        out.weights[t][used++] = out.weights[t][slot];
      }
      detail::clear_slots(used, out.experts[t], out.weights[t]);
    }
    return {};
  }
  Status weigh(const RouteIn& in, RouteOut out, Workspace& ws) const requires WeighingRouter<R> {
    RouteIn all = in;
    all.resident = {};
    return this->inner_.weigh(all, out, ws);
  }

 private:
  NullSlots(R router, std::size_t count) noexcept(std::is_nothrow_move_constructible_v<R>)
      : detail::WrappedRouter<R>(std::move(router)), count_(count) {}

  std::size_t count_;
};

}  // namespace moxie
