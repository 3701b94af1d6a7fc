// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <moxie/expert/expert.hpp>
#include <moxie/expert/linear_op.hpp>
#include <moxie/moe/bank.hpp>
#include <moxie/router/router.hpp>

// The smallest types that satisfy each concept: no copy, no move, no default constructor, nothing but
// what is asked for. Whatever compiles with these asks for no more than it documents. `Movable` ones
// add the move that a factory taking over a value needs.

namespace moxie::test {

struct Pinned {
  explicit Pinned(int) noexcept {}
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned() = default;
};

struct Movable {
  explicit Movable(int) noexcept {}
  Movable(Movable&&) noexcept = default;
  Movable& operator=(Movable&&) noexcept = delete;
  Movable(const Movable&) = delete;
  Movable& operator=(const Movable&) = delete;
  ~Movable() = default;
};

/// y = x.
template <class Base>
struct ExpertArchetype : Base {
  using Base::Base;
  [[nodiscard]] std::size_t width() const noexcept { return 3; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status run(ConstRows x, Rows y, Workspace&) const {
    MOXIE_TRY(check_expert_shapes("ExpertArchetype::run", 3, x, y));
    for (std::size_t t = 0; t < x.rows; ++t) {
      for (std::size_t d = 0; d < 3; ++d) y[t][d] = x[t][d];
    }
    return {};
  }
};

/// y = x.
template <class Base>
struct LinearArchetype : Base {
  using Base::Base;
  [[nodiscard]] std::size_t in_width() const noexcept { return 3; }
  [[nodiscard]] std::size_t out_width() const noexcept { return 3; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status apply(ConstRows x, Rows y, Workspace& ws) const { return ExpertArchetype<Movable>(0).run(x, y, ws); }
};

/// Every row goes to expert 0.
template <class Base>
struct RouterArchetype : Base {
  using Base::Base;
  static constexpr bool row_local = true;
  [[nodiscard]] std::size_t num_experts() const noexcept { return 2; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return 1; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status route(const RouteIn& in, RouteOut out, Workspace&) const {
    MOXIE_TRY(check_route_shapes("RouterArchetype::route", 2, 1, in, out));
    for (std::size_t t = 0; t < in.rows(); ++t) out.experts[t][0] = 0, out.weights[t][0] = 1.0f;
    return {};
  }
};

/// Two experts that give y = x.
template <class Base>
struct BankArchetype : Base {
  using Base::Base;
  [[nodiscard]] std::size_t size() const noexcept { return 2; }
  [[nodiscard]] std::size_t width() const noexcept { return 3; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status run(std::size_t, ConstRows x, Rows y, Workspace& ws) const {
    return ExpertArchetype<Movable>(0).run(x, y, ws);
  }
};

static_assert(Expert<ExpertArchetype<Pinned>> && Expert<ExpertArchetype<Movable>>);
static_assert(LinearOp<LinearArchetype<Pinned>> && LinearOp<LinearArchetype<Movable>>);
static_assert(Router<RouterArchetype<Pinned>> && Router<RouterArchetype<Movable>>);
static_assert(Bank<BankArchetype<Pinned>> && Bank<BankArchetype<Movable>>);

}  // namespace moxie::test
