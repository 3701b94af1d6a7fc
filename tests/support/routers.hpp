// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <moxie/router/router.hpp>

namespace moxie::test {

/// Chooses every expert with a positive logit, up to K, by ascending id (or descending: `reversed`),
/// with the logit as its weight: a test writes its decision down as logits.
struct LogitsSayAll {
  static constexpr bool row_local = true;

  std::size_t N = 0;
  std::size_t K = 0;
  bool reversed = false;

  [[nodiscard]] std::size_t num_experts() const noexcept { return N; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return K; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status route(const RouteIn& in, RouteOut out, Workspace&) const noexcept {
    MOXIE_TRY(check_route_shapes("LogitsSayAll::route", N, K, in, out));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      std::size_t used = 0;
      for (std::size_t i = 0; i < N && used < K; ++i) {
        const std::size_t e = reversed ? N - 1 - i : i;
        if (!(in.logits[t][e] > 0.0f)) continue;
        out.experts[t][used] = static_cast<std::int32_t>(e);
        out.weights[t][used++] = in.logits[t][e];
      }
      for (; used < K; ++used) out.experts[t][used] = kNoExpert, out.weights[t][used] = 0.0f;
    }
    return {};
  }
};

/// Row t goes to expert t mod N: a choice that depends on the batch.
struct EvenlySpread {
  static constexpr bool row_local = false;

  std::size_t N = 0;
  std::atomic<std::size_t>* calls = nullptr;

  [[nodiscard]] std::size_t num_experts() const noexcept { return N; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return 1; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return 64 * T; }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    MOXIE_TRY(check_route_shapes("EvenlySpread::route", N, 1, in, out));
    const Workspace::Frame frame(ws);
    MOXIE_TRY(ws.take<float>(16 * in.rows()).status());
    ++*calls;
    for (std::size_t t = 0; t < in.rows(); ++t) {
      out.experts[t][0] = static_cast<std::int32_t>(t % N), out.weights[t][0] = 1.0f;
    }
    return {};
  }
};

/// A row goes to expert (position + layer) mod N; wants all experts resident.
struct ByPosition {
  static constexpr bool row_local = true;

  std::size_t N = 0;

  [[nodiscard]] std::size_t num_experts() const noexcept { return N; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return 1; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status route(const RouteIn& in, RouteOut out, Workspace&) const noexcept {
    MOXIE_TRY(check_route_shapes("ByPosition::route", N, 1, in, out));
    if (in.positions.size() != in.rows() || in.resident.size() != N) {
      return Status(Code::kShape, "ByPosition::route", "positions and residency", "none");
    }
    for (std::size_t t = 0; t < in.rows(); ++t) {
      const auto place = static_cast<std::size_t>(in.positions[t]) + in.layer;
      out.experts[t][0] = static_cast<std::int32_t>(place % N), out.weights[t][0] = 1.0f;
    }
    return {};
  }
};

}  // namespace moxie::test
