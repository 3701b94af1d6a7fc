// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <moxie/core/math.hpp>
#include <moxie/core/scratch.hpp>
#include <moxie/expert/expert.hpp>
#include <moxie/expert/linear_op.hpp>

namespace moxie::inline abi1 {

/// An expert whose output each row scales by itself: y = sigmoid(gate(x)) * expert(x).
///
/// MoeLayer runs its shared expert on every row and adds it after the routed ones. Checkpoints that do
/// not scale it need no SharedExpert: any Expert serves.
///
/// Shapes   gate: D to 1. x, y: [T, D].
/// Errors   create: kShape where gate is not [1, D].  run: as Expert, and what expert and gate say.
/// Threads  as Expert.
/// Source   "shared_expert" and "shared_expert_gate" of Qwen2-MoE.
template <Expert E, LinearOp L>
class SharedExpert {
 public:
  static Result<SharedExpert> create(E expert, L gate) noexcept(
      std::is_nothrow_move_constructible_v<E>&& std::is_nothrow_move_constructible_v<L>) {
    if (gate.out_width() != 1 || gate.in_width() != expert.width()) {
      return Status(Code::kShape, "SharedExpert::create", Text("a gate of [1, ", expert.width(), "]"),
                    Text("[", gate.out_width(), ", ", gate.in_width(), "]"));
    }
    return SharedExpert(std::move(expert), std::move(gate));
  }

  [[nodiscard]] std::size_t width() const noexcept { return expert_.width(); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    return ScratchSize().rows(T, 1).bytes(std::max(expert_.scratch_bytes(T), gate_.scratch_bytes(T))).total();
  }

  MOXIE_OPTION_TAG Status run(ConstRows x, Rows y, Workspace& ws) const {
    MOXIE_TRY(check_expert_shapes("SharedExpert::run", width(), x, y));
    if (x.rows == 0) return {};
    const Workspace::Frame frame(ws);
    MOXIE_TRY_LET(const Rows scale, ws.rows(x.rows, 1));
    MOXIE_TRY(gate_.apply(x, scale, ws));
    MOXIE_TRY(expert_.run(x, y, ws));
    for (std::size_t t = 0; t < y.rows; ++t) {
      const float s = sigmoid(scale[t][0]);
      for (float& value : y[t]) value *= s;
    }
    return {};
  }

  [[nodiscard]] const E& expert() const noexcept { return expert_; }
  [[nodiscard]] const L& gate() const noexcept { return gate_; }

 private:
  SharedExpert(E expert,
               L gate) noexcept(std::is_nothrow_move_constructible_v<E>&& std::is_nothrow_move_constructible_v<L>)
      : expert_(std::move(expert)), gate_(std::move(gate)) {}

  E expert_;
  L gate_;
};

}  // namespace moxie
