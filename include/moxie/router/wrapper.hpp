// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/core/scratch.hpp>
#include <moxie/router/router.hpp>

// What the routers that wrap another one share.

namespace moxie::inline abi1::detail {

/// A router inside another, which is row-local where it is and has its sizes, unless it says otherwise.
template <Router R>
class WrappedRouter {
 public:
  [[nodiscard]] std::size_t num_experts() const noexcept { return inner_.num_experts(); }
  [[nodiscard]] std::size_t num_logits() const noexcept { return num_logits_of(inner_); }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return inner_.experts_per_token(); }
  [[nodiscard]] bool row_local() const noexcept { return is_row_local(inner_); }
  [[nodiscard]] bool can_weigh() const noexcept {
    if constexpr (WeighingRouter<R>) {
      return moxie::can_weigh(inner_);
    } else {
      return false;
    }
  }
  [[nodiscard]] const R& inner() const noexcept { return inner_; }

 protected:
  explicit WrappedRouter(R inner) noexcept(std::is_nothrow_move_constructible_v<R>) : inner_(std::move(inner)) {}

  R inner_;
};

/// Errors   kUnsupported: the router cannot weigh what others chose.
template <WeighingRouter R>
Status check_weighs(std::string_view where, const R& router) noexcept {
  if (moxie::can_weigh(router)) return {};
  return Status(Code::kUnsupported, where, "a router that weighs what others chose (WeighingRouter)",
                "one without weigh()");
}

/// Errors   kShape: experts have no logit each.
template <Router R>
Status check_logit_each(std::string_view where, const R& router) noexcept {
  if (num_logits_of(router) == router.num_experts()) return {};
  return Status(Code::kShape, where, "a router with a logit for each expert",
                Text(num_logits_of(router), " logits for ", router.num_experts(), " experts"));
}

/// Experts that a host names, ascending.
///
/// Errors   kInvalidArgument: one outside [0, num_experts), or one twice.
inline Status sort_experts(std::string_view where, std::size_t num_experts,
                           std::vector<std::size_t>& experts) noexcept {
  std::ranges::sort(experts);
  if (!experts.empty() && experts.back() >= num_experts) {
    return Status(Code::kInvalidArgument, where, Text("experts in [0, ", num_experts, ")"), Text(experts.back()));
  }
  const auto twice = std::ranges::adjacent_find(experts);
  if (twice == experts.end()) return {};
  return Status(Code::kInvalidArgument, where, "each expert once", Text("expert ", *twice, " twice"));
}

/// Marks slots [used, end) as used by nobody.
inline void clear_slots(std::size_t used, std::span<std::int32_t> experts, std::span<float> weights) noexcept {
  std::ranges::fill(experts.subspan(used), kNoExpert);
  std::ranges::fill(weights.subspan(used), 0.0f);
}

/// Puts a row's choice in order by weight, the largest first; of equal weights the lower id.
inline void sort_by_weight(std::span<std::int32_t> experts, std::span<float> weights) noexcept {
  for (std::size_t i = 1; i < experts.size(); ++i) {
    for (std::size_t at = i; at > 0; --at) {
      const bool before =
          weights[at] > weights[at - 1] || (weights[at] == weights[at - 1] && experts[at] < experts[at - 1]);
      if (!before) break;
      std::swap(weights[at], weights[at - 1]);
      std::swap(experts[at], experts[at - 1]);
    }
  }
}

/// Room for decisions of K slots a row.
inline Result<RouteOut> take_decisions(Workspace& ws, std::size_t rows, std::size_t K) noexcept {
  MOXIE_TRY_LET(const std::span<std::int32_t> ids, ws.take<std::int32_t>(rows * K));
  MOXIE_TRY_LET(const Rows weights, ws.rows(rows, K));
  return RouteOut{IdRows(ids.data(), rows, K), weights};
}
inline std::size_t decisions_bytes(std::size_t rows, std::size_t K) noexcept {
  return ScratchSize().table<std::int32_t>(rows, K).rows(rows, K).total();
}

}  // namespace moxie::detail
