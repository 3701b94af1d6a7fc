// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <concepts>

#include <moxie/router/wrapper.hpp>

namespace moxie::inline abi1 {

/// What an expert costs a row, in a unit of the host's: microseconds, joules, cents.
///
///     struct Joules {
///       static constexpr bool row_local = true;                        // the cost depends on layer and expert alone
///       double cost(std::size_t layer, std::size_t expert) const { return expert < 4 ? 0.2 : 1.5; }
///     };
///
/// row_local is as with Router: a model that looks at a clock, a load or a temperature says false.
template <class C>
concept CostModel = std::destructible<C> &&
    (detail::SaysRowLocalAtCompileTime<C> ||
     detail::SaysRowLocalAtRunTime<C>)&&requires(const C& model, std::size_t layer, std::size_t expert) {
  { model.cost(layer, expert) } -> std::convertible_to<double>;
};

/// A cost for each expert, the same in every layer.
struct FixedCosts {
  static constexpr bool row_local = true;
  std::vector<double> costs;  ///< [N]

  [[nodiscard]] double cost(std::size_t, std::size_t expert) const noexcept {
    return expert < costs.size() ? costs[expert] : std::nan("");
  }
};

/// As many experts for each row as a cost allows. The row's choice is gone through from the best on; an expert that
/// would overrun the budget is left out, and a cheaper one behind it may still fit. The weights are what the router
/// gives to those that are left.
///
///     auto router = Budgeted<TopK, Joules>::create(std::move(top_8), Joules{}, {.budget = 3.0}).value();
///
/// Shapes   as Router.
/// Units    budget and costs in the same one; a row spends at most `budget`, to the last bit of the sum in double.
/// Errors   create: kInvalidArgument for a budget that is negative or NaN; kUnsupported where the router cannot weigh.
///          route: kInvalidArgument names layer and expert of a cost that is negative or NaN; as the router.
/// Threads  as the router; cost() is called from many threads at once.
template <WeighingRouter R, CostModel C>
class Budgeted : public detail::WrappedRouter<R> {
 public:
  struct Options {
    double budget = 0;
    std::size_t at_least = 0;  ///< experts that a row gets whatever they cost, the best ones
  };

  static Result<Budgeted> create(R router, C costs, Options options) noexcept {
    MOXIE_TRY(detail::check_weighs("Budgeted::create", router));
    if (!(options.budget >= 0)) {
      return Status(Code::kInvalidArgument, "Budgeted::create", "a budget of at least 0", Text(options.budget));
    }
    return Budgeted(std::move(router), std::move(costs), options);
  }

  [[nodiscard]] bool row_local() const noexcept {
    if constexpr (detail::SaysRowLocalAtCompileTime<C>) {
      return C::row_local && is_row_local(this->inner_);
    } else {
      return costs_.row_local() && is_row_local(this->inner_);
    }
  }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return this->inner_.scratch_bytes(T); }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    MOXIE_TRY(this->inner_.route(in, out, ws));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      MOXIE_TRY_LET(const std::size_t chosen, count_chosen("Budgeted::route", this->num_experts(), t, out.experts[t]));
      MOXIE_TRY_LET(const std::size_t kept, keep(in.layer, out.experts[t].first(chosen)));
      detail::clear_slots(kept, out.experts[t], out.weights[t]);
    }
    return this->inner_.weigh(in, out, ws);
  }
  Status weigh(const RouteIn& in, RouteOut out, Workspace& ws) const { return this->inner_.weigh(in, out, ws); }

 private:
  Budgeted(R router, C costs, Options options)
      : detail::WrappedRouter<R>(std::move(router)), costs_(std::move(costs)), options_(options) {}

  Result<std::size_t> keep(std::size_t layer, std::span<std::int32_t> experts) const {
    std::size_t kept = 0;
    double spent = 0;
    for (const std::int32_t id : experts) {
      const double cost = costs_.cost(layer, static_cast<std::size_t>(id));
      if (!(cost >= 0)) {
        return Status(Code::kInvalidArgument, "Budgeted::route",
                      Text("a cost of at least 0 for expert ", id, " of layer ", layer), Text(cost));
      }
      if (kept >= options_.at_least && !(spent + cost <= options_.budget)) continue;
      spent += cost;
      experts[kept++] = id;
    }
    return kept;
  }

  C costs_;
  Options options_;
};

}  // namespace moxie
