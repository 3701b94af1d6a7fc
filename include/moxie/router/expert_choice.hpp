// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>

#include <moxie/core/math.hpp>
#include <moxie/router/wrapper.hpp>

namespace moxie::inline abi1 {

struct ExpertChoiceOptions {
  std::size_t num_experts = 0;    ///< N
  double experts_per_token = 0;   ///< how many a row has on average: the paper's capacity factor
  std::size_t max_per_token = 0;  ///< K, slots of a row; 0: N
};

/// Each expert chooses its rows: the C = ceil(T * experts_per_token / N) whose probability for it is highest, where a
/// row's probabilities are the softmax of its logits. They are the weights. Every expert has equal load; a row may have
/// none or many. Not row-local.
///
/// Equal probabilities: the lower row. A row that more than K experts chose keeps its K best, of equal ones the lower
/// id; those it gives up choose nobody else. A logit of -infinity bars the row from the expert.
///
/// Shapes   as Router; K = experts_per_token() slots.
/// Errors   create: kInvalidArgument for N = 0, K > N, or an average outside (0, N].  route: kShape, kNoSpace;
///          kInvalidArgument for a logit that is NaN or +infinity, or a row whose logits are all -infinity.
/// Threads  immutable; any number at once.
/// Source   Zhou et al., "Mixture-of-Experts with Expert Choice Routing", 2022.
class ExpertChoice {
 public:
  static constexpr bool row_local = false;

  static Result<ExpertChoice> create(ExpertChoiceOptions options) noexcept {
    const std::size_t N = options.num_experts;
    if (options.max_per_token == 0) options.max_per_token = N;
    if (N == 0 || N > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) || options.max_per_token > N) {
      return Status(Code::kInvalidArgument, "ExpertChoice::create", "some experts, and max_per_token at most all",
                    Text(options.max_per_token, " of ", N));
    }
    if (!(options.experts_per_token > 0 && options.experts_per_token <= static_cast<double>(N))) {
      return Status(Code::kInvalidArgument, "ExpertChoice::create", Text("experts_per_token above 0, at most ", N),
                    Text(options.experts_per_token));
    }
    return ExpertChoice(options);
  }

  [[nodiscard]] std::size_t num_experts() const noexcept { return options_.num_experts; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return options_.max_per_token; }
  /// C for T rows.
  [[nodiscard]] std::size_t capacity(std::size_t T) const noexcept {
    const double even = static_cast<double>(T) * options_.experts_per_token / static_cast<double>(options_.num_experts);
    return static_cast<std::size_t>(std::min(std::ceil(even), static_cast<double>(T)));
  }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    return ScratchSize().rows(T, num_experts()).take<std::size_t>(T).take<std::size_t>(T).total();
  }

  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const noexcept {
    MOXIE_TRY(check_route_shapes("ExpertChoice::route", num_experts(), experts_per_token(), in, out));
    const std::size_t T = in.rows();
    if (T == 0) return {};
    const Workspace::Frame frame(ws);
    MOXIE_TRY_LET(const Rows scores, ws.rows(T, num_experts()));
    MOXIE_TRY_LET(const std::span<std::size_t> rows, ws.take<std::size_t>(T));
    MOXIE_TRY_LET(const std::span<std::size_t> used, ws.take<std::size_t>(T));
    MOXIE_TRY(score(in.logits, scores));
    for (std::size_t t = 0; t < T; ++t) {
      used[t] = 0;
      detail::clear_slots(0, out.experts[t], out.weights[t]);
    }
    const std::size_t C = capacity(T);
    for (std::size_t e = 0; e < num_experts(); ++e) {
      std::size_t n = 0;
      for (std::size_t t = 0; t < T; ++t) {
        if (in.logits[t][e] > -std::numeric_limits<float>::infinity()) rows[n++] = t;
      }
      const auto better = [&](std::size_t a, std::size_t b) {
        return scores[a][e] > scores[b][e] || (scores[a][e] == scores[b][e] && a < b);
      };
      const std::size_t taken = std::min(C, n);
      std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(taken),
                        rows.begin() + static_cast<std::ptrdiff_t>(n), better);
      for (const std::size_t t : rows.first(taken)) give(e, scores[t][e], used[t], out.experts[t], out.weights[t]);
    }
    return {};
  }

 private:
  explicit ExpertChoice(ExpertChoiceOptions options) noexcept : options_(options) {}

  static Status score(ConstRows logits, Rows scores) noexcept {
    for (std::size_t t = 0; t < logits.rows; ++t) {
      bool any = false;
      for (std::size_t e = 0; e < logits.width; ++e) {
        if (!(logits[t][e] < std::numeric_limits<float>::infinity())) {
          return Status(Code::kInvalidArgument, "ExpertChoice::route",
                        Text("a logit below infinity at row ", t, ", expert ", e), Text(logits[t][e]));
        }
        any = any || logits[t][e] > -std::numeric_limits<float>::infinity();
        scores[t][e] = logits[t][e];
      }
      if (!any) {
        return Status(Code::kInvalidArgument, "ExpertChoice::route", Text("a logit above -infinity at row ", t),
                      "-infinity for every expert");
      }
      softmax(scores[t]);
    }
    return {};
  }

  /// Experts come by ascending id, so one moves up only past smaller weights. Behind the last slot it is given up.
  static void give(std::size_t expert, float weight, std::size_t& used, std::span<std::int32_t> experts,
                   std::span<float> weights) noexcept {
    if (used == experts.size()) {
      if (!(weight > weights[used - 1])) return;
    } else {
      ++used;
    }
    std::size_t slot = used - 1;
    for (; slot > 0 && weight > weights[slot - 1]; --slot) {
      experts[slot] = experts[slot - 1];
      weights[slot] = weights[slot - 1];
    }
    experts[slot] = static_cast<std::int32_t>(expert);
    weights[slot] = weight;
  }

  ExpertChoiceOptions options_;
};

static_assert(Router<ExpertChoice>);

}  // namespace moxie
