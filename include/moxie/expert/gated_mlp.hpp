// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <moxie/core/math.hpp>
#include <moxie/core/scratch.hpp>
#include <moxie/expert/expert.hpp>
#include <moxie/expert/linear_op.hpp>

namespace moxie::inline abi1 {

/// What a gated MLP makes of what its gate and its up give.
enum class GatedActivation : std::uint8_t {
  kSilu,           ///< silu(gate) * up
  kClampedSwiglu,  ///< of core/math.hpp: as gpt-oss has it
  kGelu,           ///< gelu(gate) * up, by the tanh
  kReluSquared,    ///< max(gate, 0)^2 * up
};

/// y[i] = activation(gate[i], up[i]) over n floats. y may be gate or up.
inline void gate_times(GatedActivation activation, const float* gate, const float* up, float* y,
                       std::size_t n) noexcept {
  if (activation == GatedActivation::kClampedSwiglu) return clamped_swiglu(gate, up, y, n);
  if (activation == GatedActivation::kGelu) return gelu_times(gate, up, y, n);
  if (activation == GatedActivation::kReluSquared) {
    for (std::size_t i = 0; i < n; ++i) {
      const float positive = gate[i] < 0.0f ? 0.0f : gate[i];  // NaN stays
      y[i] = positive * positive * up[i];
    }
    return;
  }
  silu_times(gate, up, y, n);
}

/// The expert of most checkpoints: y = down(silu(gate(x)) * up(x)), or with another activation. Biases are the
/// matrices' own.
///
///     MOXIE_TRY_LET(auto expert, GatedMlp<Linear>::create(std::move(gate), std::move(up), std::move(down)));
///
/// Shapes   gate, up: D to H; down: H to D. x, y: [T, D].
/// Errors   create: kShape where the three do not fit together.  run: as Expert, and what a LinearOp
///          says.
/// Threads  as Expert.
/// Source   SwiGLU: Shazeer, "GLU Variants Improve Transformer", 2020; "gate_proj", "up_proj" and
///          "down_proj" of the checkpoints.
template <LinearOp L>
class GatedMlp {
 public:
  static Result<GatedMlp> create(L gate, L up, L down, GatedActivation activation = GatedActivation::kSilu) noexcept(
      std::is_nothrow_move_constructible_v<L>) {
    const std::size_t D = gate.in_width();
    const std::size_t H = gate.out_width();
    if (up.in_width() != D || up.out_width() != H) {
      return Status(Code::kShape, "GatedMlp::create", Text("up of [", H, ", ", D, "], as gate"),
                    Text("[", up.out_width(), ", ", up.in_width(), "]"));
    }
    if (down.in_width() != H || down.out_width() != D) {
      return Status(Code::kShape, "GatedMlp::create", Text("down of [", D, ", ", H, "], gate being [", H, ", ", D, "]"),
                    Text("[", down.out_width(), ", ", down.in_width(), "]"));
    }
    return GatedMlp(std::move(gate), std::move(up), std::move(down), activation);
  }

  /// D.
  [[nodiscard]] std::size_t width() const noexcept { return gate_.in_width(); }
  /// H.
  [[nodiscard]] std::size_t inner_width() const noexcept { return gate_.out_width(); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    const std::size_t inner = std::max({gate_.scratch_bytes(T), up_.scratch_bytes(T), down_.scratch_bytes(T)});
    return ScratchSize().rows(T, inner_width()).rows(T, inner_width()).bytes(inner).total();
  }

  MOXIE_OPTION_TAG Status run(ConstRows x, Rows y, Workspace& ws) const {
    MOXIE_TRY(check_expert_shapes("GatedMlp::run", width(), x, y));
    if (x.rows == 0) return {};
    const Workspace::Frame frame(ws);
    MOXIE_TRY_LET(const Rows gated, ws.rows(x.rows, inner_width()));
    MOXIE_TRY_LET(const Rows up, ws.rows(x.rows, inner_width()));
    MOXIE_TRY(gate_.apply(x, gated, ws));
    MOXIE_TRY(up_.apply(x, up, ws));
    gate_times(activation_, gated.data, up.data, gated.data, x.rows * inner_width());
    return down_.apply(gated, y, ws);
  }

  [[nodiscard]] const L& gate() const noexcept { return gate_; }
  [[nodiscard]] const L& up() const noexcept { return up_; }
  [[nodiscard]] const L& down() const noexcept { return down_; }
  [[nodiscard]] GatedActivation activation() const noexcept { return activation_; }

 private:
  GatedMlp(L gate, L up, L down, GatedActivation activation) noexcept(std::is_nothrow_move_constructible_v<L>)
      : gate_(std::move(gate)), up_(std::move(up)), down_(std::move(down)), activation_(activation) {}

  L gate_;
  L up_;
  L down_;
  GatedActivation activation_;
};

}  // namespace moxie
