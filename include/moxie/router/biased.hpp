// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>

#include <moxie/router/wrapper.hpp>

namespace moxie::inline abi1 {

/// Adds a number to each expert's logit before its router sees it: towards an expert, or away from it. The weights
/// follow, as if the checkpoint's logits had been these.
///
///     auto router = Biased<TopK>::create(std::move(top_k), {0, 0, 1.5f, 0}).value();     // towards expert 2
///
/// Shapes   as Router. bias: [N]; -infinity bars an expert.
/// Errors   create: kShape where the router has not a logit for each expert, or the bias is not [N];
///          kInvalidArgument for NaN and +infinity.  route, weigh: as the router.
/// Threads  as the router.
template <Router R>
class Biased : public detail::WrappedRouter<R> {
 public:
  static Result<Biased> create(R router, std::vector<float> bias) noexcept {
    MOXIE_TRY(detail::check_logit_each("Biased::create", router));
    if (bias.size() != router.num_experts()) {
      return Status(Code::kShape, "Biased::create", Text("a bias of ", router.num_experts(), " numbers"),
                    Text(bias.size()));
    }
    for (std::size_t e = 0; e < bias.size(); ++e) {
      if (!(bias[e] < std::numeric_limits<float>::infinity())) {
        return Status(Code::kInvalidArgument, "Biased::create", "a bias below infinity",
                      Text(bias[e], " for expert ", e));
      }
    }
    return Biased(std::move(router), std::move(bias));
  }

  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    return ScratchSize().rows(T, bias_.size()).bytes(this->inner_.scratch_bytes(T)).total();
  }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    MOXIE_TRY(check_route_shapes("Biased::route", bias_.size(), this->experts_per_token(), in, out));
    return with_bias(in, ws, [&](const RouteIn& biased) { return this->inner_.route(biased, out, ws); });
  }
  Status weigh(const RouteIn& in, RouteOut out, Workspace& ws) const requires WeighingRouter<R> {
    MOXIE_TRY(check_route_shapes("Biased::weigh", bias_.size(), out.experts.width, in, out));
    return with_bias(in, ws, [&](const RouteIn& biased) { return this->inner_.weigh(biased, out, ws); });
  }
  [[nodiscard]] const std::vector<float>& bias() const noexcept { return bias_; }

 protected:
  Biased(R router, std::vector<float> bias) noexcept(std::is_nothrow_move_constructible_v<R>)
      : detail::WrappedRouter<R>(std::move(router)), bias_(std::move(bias)) {}

 private:
  template <class F>
  Status with_bias(const RouteIn& in, Workspace& ws, F&& ask) const {
    const Workspace::Frame frame(ws);
    MOXIE_TRY_LET(const Rows logits, ws.rows(in.rows(), bias_.size()));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      for (std::size_t e = 0; e < bias_.size(); ++e) logits[t][e] = in.logits[t][e] + bias_[e];
    }
    RouteIn biased = in;
    biased.logits = logits;
    return ask(biased);
  }

  std::vector<float> bias_;
};

/// Keeps some experts from being chosen, in every row: a Biased whose bias bars them.
///
///     auto router = Masked<TopK>::create(std::move(top_k), {3, 17}).value();     // neither 3 nor 17
///
/// Where fewer than K experts are left, slots stay empty.
///
/// Errors   create: as Biased, and kInvalidArgument for an expert that is not there, one twice, and for all of them.
template <Router R>
class Masked : public Biased<R> {
 public:
  static Result<Masked> create(R router, std::vector<std::size_t> barred) noexcept {
    MOXIE_TRY(detail::check_logit_each("Masked::create", router));
    const std::size_t N = router.num_experts();
    MOXIE_TRY(detail::sort_experts("Masked::create", N, barred));
    if (barred.size() == N) {
      return Status(Code::kInvalidArgument, "Masked::create", Text("at least one of ", N, " experts left"), "none");
    }
    std::vector<float> bias(N, 0.0f);
    for (const std::size_t e : barred) bias[e] = -std::numeric_limits<float>::infinity();
    return Masked(std::move(router), std::move(bias));
  }

 private:
  using Biased<R>::Biased;
};

}  // namespace moxie
