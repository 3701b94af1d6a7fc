// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cmath>
#include <memory>

#include <moxie/core/guard.hpp>
#include <moxie/router/wrapper.hpp>

namespace moxie::inline abi1 {

/// Limits how many rows of a call an expert takes: C = ceil(factor * T * K / N), at least 1. What does not fit is
/// dropped and counted. First choices go before second choices, and of those the lower row first; weights stay as they
/// are. Not row-local: a row's experts depend on the other rows.
///
///     auto router = Capacity<TopK>::create(std::move(top_2), 1.25).value();
///
/// Shapes   as Router.
/// Errors   create: kInvalidArgument for a factor that is not above 0 and finite, kNoMemory.  route: as the router.
/// Threads  as the router; dropped() at any time.
/// Source   Lepikhin et al., "GShard", 2020; Fedus et al., "Switch Transformers", 2021.
template <Router R>
class Capacity : public detail::WrappedRouter<R> {
 public:
  static constexpr bool row_local = false;

  static Result<Capacity> create(R router, double factor) noexcept {
    if (!(factor > 0 && std::isfinite(factor))) {
      return Status(Code::kInvalidArgument, "Capacity::create", "a factor above 0", Text(factor));
    }
    std::shared_ptr<std::atomic<std::uint64_t>> dropped;
    MOXIE_TRY(guarded("Capacity::create", [&]() -> Status {
      dropped = std::make_shared<std::atomic<std::uint64_t>>(0);
      return {};
    }));
    return Capacity(std::move(router), factor, std::move(dropped));
  }

  /// C for T rows.
  [[nodiscard]] std::size_t capacity(std::size_t T) const noexcept {
    const double even = static_cast<double>(T) * static_cast<double>(this->experts_per_token()) /
                        static_cast<double>(this->num_experts());
    return static_cast<std::size_t>(std::max(1.0, std::min(std::ceil(factor_ * even), static_cast<double>(T))));
  }
  /// Choices that found no room, since it was made, in this router and its copies.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_->load(std::memory_order_relaxed); }

  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    return std::max(this->inner_.scratch_bytes(T), ScratchSize().take<std::size_t>(this->num_experts()).total());
  }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    MOXIE_TRY(this->inner_.route(in, out, ws));
    const std::size_t T = in.rows();
    if (T == 0) return {};
    const Workspace::Frame frame(ws);
    MOXIE_TRY_LET(const std::span<std::size_t> taken, ws.take<std::size_t>(this->num_experts()));
    std::ranges::fill(taken, std::size_t{0});
    for (std::size_t t = 0; t < T; ++t) {
      MOXIE_TRY(count_chosen("Capacity::route", this->num_experts(), t, out.experts[t]).status());
    }
    const std::size_t C = capacity(T);
    std::uint64_t dropped = 0;
    for (std::size_t slot = 0; slot < out.experts.width; ++slot) {
      for (std::size_t t = 0; t < T; ++t) {
        std::int32_t& id = out.experts[t][slot];
        if (id == kNoExpert) continue;
        if (taken[static_cast<std::size_t>(id)]++ < C) continue;
        id = kNoExpert;
        ++dropped;
      }
    }
    for (std::size_t t = 0; t < T; ++t) close_gaps(out.experts[t], out.weights[t]);
    dropped_->fetch_add(dropped, std::memory_order_relaxed);
    return {};
  }

 private:
  Capacity(R router, double factor,
           std::shared_ptr<std::atomic<std::uint64_t>> dropped) noexcept(std::is_nothrow_move_constructible_v<R>)
      : detail::WrappedRouter<R>(std::move(router)), factor_(factor), dropped_(std::move(dropped)) {}

  static void close_gaps(std::span<std::int32_t> experts, std::span<float> weights) noexcept {
    std::size_t used = 0;
    for (std::size_t slot = 0; slot < experts.size(); ++slot) {
      if (experts[slot] == kNoExpert) continue;
      experts[used] = experts[slot];
      weights[used++] = weights[slot];
    }
    detail::clear_slots(used, experts, weights);
  }

  double factor_;
  std::shared_ptr<std::atomic<std::uint64_t>> dropped_;
};

}  // namespace moxie
