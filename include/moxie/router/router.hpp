// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>
#include <moxie/core/workspace.hpp>

namespace moxie::inline abi1 {

/// Stands in a slot of RouteOut that chose nobody.
inline constexpr std::int32_t kNoExpert = -1;

/// What a router may look at.
///
/// Shapes   T rows, N experts, D model width (docs/shapes.md). Logits are always there; the rest may
///          be empty, and a router that needs it says kShape.
struct RouteIn {
  ConstRows logits = {};                     ///< [T, N], or [T, num_logits()]: scores before softmax or sigmoid
  ConstRows hidden{};                        ///< [T, D] or empty: the rows that are routed
  std::size_t layer = 0;                     ///< which layer of the model asks, from 0
  std::span<const Position> positions{};     ///< [T] or empty: each row's place in its context
  std::span<const std::uint8_t> resident{};  ///< [N] or empty: 1 where the expert's weights are in memory

  [[nodiscard]] constexpr std::size_t rows() const noexcept { return logits.rows; }

  /// Rows [begin, begin + count) with everything that belongs to them.
  [[nodiscard]] constexpr RouteIn slice(std::size_t begin, std::size_t count) const noexcept {
    RouteIn part = *this;
    part.logits = logits.slice(begin, count);
    if (hidden.rows != 0) part.hidden = hidden.slice(begin, count);
    if (!positions.empty()) part.positions = positions.subspan(begin, count);
    return part;
  }
};

/// Where a router writes its decision: memory of the caller.
///
/// Shapes   experts, weights: [T, K]. Each row names different experts, best first; slots that it does
///          not use come last and hold kNoExpert with weight 0. A row may choose nobody.
struct RouteOut {
  IdRows experts;
  Rows weights;

  [[nodiscard]] constexpr RouteOut slice(std::size_t begin, std::size_t count) const noexcept {
    return {experts.slice(begin, count), weights.slice(begin, count)};
  }
};

namespace detail {

template <class R>
concept SaysRowLocalAtCompileTime = requires {
  typename std::bool_constant<R::row_local>;
};

template <class R>
concept SaysRowLocalAtRunTime = requires(const R& router) {
  { router.row_local() }
  noexcept->std::same_as<bool>;
};

template <class R>
concept NumLogitsIsANumber = !requires(const R& router) {
  router.num_logits();
}
|| requires(const R& router) {
  { router.num_logits() }
  noexcept->std::same_as<std::size_t>;
};

}  // namespace detail

/// Chooses up to K of N experts for each of T rows.
///
///     struct FirstExpert {                                       // sends every row to expert 0
///       static constexpr bool row_local = true;
///       std::size_t num_experts() const noexcept { return 8; }
///       std::size_t experts_per_token() const noexcept { return 1; }
///       std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
///       moxie::Status route(const moxie::RouteIn& in, moxie::RouteOut out, moxie::Workspace&) const {
///         MOXIE_TRY(moxie::check_route_shapes("FirstExpert::route", 8, 1, in, out));
///         for (std::size_t t = 0; t < in.rows(); ++t) out.experts[t][0] = 0, out.weights[t][0] = 1.0f;
///         return {};
///       }
///     };
///
/// row_local promises that a row's choice depends on that row alone: on its logits, hidden row,
/// position and layer. A router that looks at other rows (capacity, expert choice) or at the machine
/// (`resident`, a clock) says false: it is then called once over all rows, and a model takes it only
/// where the host asked for host-dependent answers. A router that learns it at run time (AnyRouter)
/// has a member function `bool row_local() const noexcept` instead of the constant.
///
/// Where a router has another number of logits than experts (a host's experts have no column in a checkpoint's gate;
/// several experts share one), it has a member function `std::size_t num_logits() const noexcept`. num_logits_of()
/// asks for it.
///
/// Shapes   in: RouteIn of T rows; out: RouteOut of T rows. N = num_experts(), K = experts_per_token() and
///          num_logits() are fixed for the router's life. T may be 0.
/// Units    scratch_bytes(T) is in bytes and never falls as T grows.
/// Errors   kShape: views that do not belong together.  kNoSpace: ws has too few bytes free;
///          scratch_bytes(T) are enough.  kInvalidArgument: logits nobody can choose from.  After an
///          error `out` is unspecified. ws is given back as it came, always.
/// Threads  route() may be called at once from many threads, each with its own out and ws.
///
/// See TopK for the stock router, AnyRouter for a run-time choice, testing/router_laws.hpp for a check
/// of the meaning, Expert for what is chosen.
template <class R>
concept Router = std::destructible<R> && detail::NumLogitsIsANumber<R> &&
    (detail::SaysRowLocalAtCompileTime<R> ||
     detail::SaysRowLocalAtRunTime<R>)&&requires(const R& router, const RouteIn& in, RouteOut out, Workspace& ws,
                                                 std::size_t T) {
  { router.num_experts() }
  noexcept->std::same_as<std::size_t>;
  { router.experts_per_token() }
  noexcept->std::same_as<std::size_t>;
  { router.scratch_bytes(T) }
  noexcept->std::same_as<std::size_t>;
  { router.route(in, out, ws) } -> std::same_as<Status>;
};

/// A router that can also say what its formula gives to a choice that others made: its weights for these experts. What
/// wraps a router and changes its choice asks for it, so that the weights stay what the checkpoint would give.
///
/// weigh() reads out.experts, of any number of slots up to N, used slots first, and writes out.weights. Experts that
/// route() would not have chosen are fine. A slot that chose nobody gets weight 0.
///
/// Shapes   in: as route(); out.experts, out.weights: [T, S] with S at most N.
/// Errors   as route(), and kInvalidArgument for an id outside [0, N). scratch_bytes(T) are enough.
/// Threads  as route().
template <class R>
concept WeighingRouter = Router<R> && requires(const R& router, const RouteIn& in, RouteOut out, Workspace& ws) {
  { router.weigh(in, out, ws) } -> std::same_as<Status>;
};

/// Whether weigh() works: always, but for a router behind a table of functions (AnyRouter) that lacks it.
template <WeighingRouter R>
bool can_weigh(const R& router) noexcept {
  if constexpr (requires { router.can_weigh(); }) {
    return router.can_weigh();
  } else {
    return true;
  }
}

/// Whether a row's choice depends on that row alone (DESIGN law 1).
template <Router R>
constexpr bool is_row_local(const R& router) noexcept {
  if constexpr (detail::SaysRowLocalAtCompileTime<R>) {
    return R::row_local;
  } else {
    return router.row_local();
  }
}

/// Width of the logits that a router reads: N, unless it says otherwise.
template <Router R>
constexpr std::size_t num_logits_of(const R& router) noexcept {
  if constexpr (requires { router.num_logits(); }) {
    return router.num_logits();
  } else {
    return router.num_experts();
  }
}

/// What every router checks first.
///
/// Errors   kShape: logits are not [T, num_logits], out is not [T, K], or hidden, positions or resident are
///          neither empty nor of their size.
inline Status check_route_shapes(std::string_view where, std::size_t num_logits, std::size_t num_experts,
                                 std::size_t experts_per_token, const RouteIn& in, const RouteOut& out) noexcept {
  const std::size_t T = in.rows();
  if (in.logits.width != num_logits) {
    return Status(Code::kShape, where, Text("logits of [", T, ", ", num_logits, "]"),
                  Text("[", T, ", ", in.logits.width, "]"));
  }
  if (out.experts.rows != T || out.experts.width != experts_per_token) {
    return Status(Code::kShape, where, Text("room for experts of [", T, ", ", experts_per_token, "]"),
                  Text("[", out.experts.rows, ", ", out.experts.width, "]"));
  }
  if (out.weights.rows != T || out.weights.width != experts_per_token) {
    return Status(Code::kShape, where, Text("room for weights of [", T, ", ", experts_per_token, "]"),
                  Text("[", out.weights.rows, ", ", out.weights.width, "]"));
  }
  if (in.hidden.rows != 0 && in.hidden.rows != T) {
    return Status(Code::kShape, where, Text("hidden rows for ", T, " rows of logits, or none"), Text(in.hidden.rows));
  }
  if (!in.positions.empty() && in.positions.size() != T) {
    return Status(Code::kShape, where, Text("positions for ", T, " rows, or none"), Text(in.positions.size()));
  }
  if (!in.resident.empty() && in.resident.size() != num_experts) {
    return Status(Code::kShape, where, Text("residency of ", num_experts, " experts, or none"),
                  Text(in.resident.size()));
  }
  return {};
}
/// How many slots of a row are used: those before the first kNoExpert.
///
/// Errors   kInvalidArgument: an id outside [0, num_experts), or one behind kNoExpert.
inline Result<std::size_t> count_chosen(std::string_view where, std::size_t num_experts, std::size_t row,
                                        std::span<const std::int32_t> experts) noexcept {
  std::size_t chosen = 0;
  for (std::size_t slot = 0; slot < experts.size(); ++slot) {
    if (experts[slot] == kNoExpert) continue;
    if (experts[slot] < 0 || static_cast<std::size_t>(experts[slot]) >= num_experts || chosen != slot) {
      return Status(Code::kInvalidArgument, where,
                    Text("experts in [0, ", num_experts, "), used slots first, at row ", row),
                    Text(experts[slot], " in slot ", slot));
    }
    ++chosen;
  }
  return chosen;
}

/// Of a router with as many logits as experts.
inline Status check_route_shapes(std::string_view where, std::size_t num_experts, std::size_t experts_per_token,
                                 const RouteIn& in, const RouteOut& out) noexcept {
  return check_route_shapes(where, num_experts, num_experts, experts_per_token, in, out);
}

}  // namespace moxie
