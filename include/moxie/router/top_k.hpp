// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <moxie/core/math.hpp>
#include <moxie/core/scratch.hpp>
#include <moxie/router/router.hpp>

namespace moxie {

/// How logits become scores.
enum class Scores : std::uint8_t {
  kSoftmax,  ///< softmax over all N experts
  kSigmoid,  ///< sigmoid of each logit by itself
};

struct TopKOptions {
  std::size_t num_experts = 0;        ///< N
  std::size_t experts_per_token = 0;  ///< K
  Scores scores = Scores::kSoftmax;
  bool normalised = false;  ///< divide the K chosen scores by their sum ("norm_topk_prob")
  float scale = 1.0f;       ///< factor on the weights, last ("routed_scaling_factor")
  /// [N] or empty: added to the scores for choosing only ("e_score_correction_bias"); the weights
  /// stay the scores themselves.
  std::vector<float> selection_bias{};
};

/// Each row goes to the K experts with the highest scores; the scores are its weights.
///
///     auto router = TopK::create({.num_experts = 128, .experts_per_token = 8, .normalised = true}).value();
///
/// Equal scores: the lower expert id comes first. A logit of -infinity bars its expert: where fewer
/// than K are left, the last slots hold kNoExpert. Where all chosen scores are 0 (sigmoid of very
/// negative logits), normalised weights are 0 too.
///
/// Shapes   as Router.
/// Errors   create: kInvalidArgument for N = 0, K = 0, K > N, a scale or bias that is not finite, a bias
///          of another size than N.  route: kShape, kNoSpace; kInvalidArgument names row and expert of
///          a logit that is NaN or +infinity, or the row whose logits are all -infinity.
/// Threads  immutable; any number at once.
/// Source   softmax first, then the choice, then the division: as Qwen3-MoE in transformers. Sigmoid
///          with a selection bias: DeepSeek-V3.
class TopK {
 public:
  static constexpr bool row_local = true;

  static Result<TopK> create(TopKOptions options) noexcept {
    constexpr auto kMostExperts = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
    if (options.num_experts == 0 || options.num_experts > kMostExperts) {
      return Status(Code::kInvalidArgument, "TopK::create", Text("num_experts in [1, ", kMostExperts, "]"),
                    Text(options.num_experts));
    }
    if (options.experts_per_token == 0 || options.experts_per_token > options.num_experts) {
      return Status(Code::kInvalidArgument, "TopK::create", Text("experts_per_token in [1, ", options.num_experts, "]"),
                    Text(options.experts_per_token));
    }
    if (!std::isfinite(options.scale)) {
      return Status(Code::kInvalidArgument, "TopK::create", "a finite scale", Text(options.scale));
    }
    if (!options.selection_bias.empty() && options.selection_bias.size() != options.num_experts) {
      return Status(Code::kInvalidArgument, "TopK::create",
                    Text("a selection_bias of ", options.num_experts, " numbers, or none"),
                    Text(options.selection_bias.size()));
    }
    for (std::size_t e = 0; e < options.selection_bias.size(); ++e) {
      if (!std::isfinite(options.selection_bias[e])) {
        return Status(Code::kInvalidArgument, "TopK::create", "a finite selection_bias",
                      Text(options.selection_bias[e], " for expert ", e));
      }
    }
    return TopK(std::move(options));
  }

  [[nodiscard]] std::size_t num_experts() const noexcept { return options_.num_experts; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return options_.experts_per_token; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept {
    return ScratchSize().take<float>(options_.num_experts).total();  // one row's scores at a time
  }
  [[nodiscard]] const TopKOptions& options() const noexcept { return options_; }

  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const noexcept {
    MOXIE_TRY(check_route_shapes("TopK::route", num_experts(), experts_per_token(), in, out));
    if (in.rows() == 0) return {};
    const Workspace::Frame frame(ws);
    MOXIE_TRY_LET(const std::span<float> scores, ws.take<float>(num_experts()));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      MOXIE_TRY(score(t, in.logits[t], scores));
      const std::size_t chosen = choose(in.logits[t], scores, out.experts[t]);
      weigh(scores, out.experts[t], chosen, out.weights[t]);
    }
    return {};
  }

 private:
  explicit TopK(TopKOptions options) noexcept : options_(std::move(options)) {}

  Status score(std::size_t row, std::span<const float> logits, std::span<float> scores) const noexcept {
    bool any = false;
    for (std::size_t e = 0; e < logits.size(); ++e) {
      if (!(logits[e] < std::numeric_limits<float>::infinity())) {
        return Status(Code::kInvalidArgument, "TopK::route",
                      Text("a logit below infinity at row ", row, ", expert ", e), Text(logits[e]));
      }
      any |= may_be_chosen(logits[e]);
      scores[e] = logits[e];
    }
    if (!any) {
      return Status(Code::kInvalidArgument, "TopK::route", Text("a logit above -infinity at row ", row),
                    "-infinity for every expert");
    }
    if (options_.scores == Scores::kSoftmax) {
      softmax(scores);
    } else {
      for (float& s : scores) s = sigmoid(s);
    }
    return {};
  }

  static bool may_be_chosen(float logit) noexcept { return logit > -std::numeric_limits<float>::infinity(); }

  [[nodiscard]] float key(std::span<const float> scores, std::size_t expert) const noexcept {
    return options_.selection_bias.empty() ? scores[expert] : scores[expert] + options_.selection_bias[expert];
  }

  // Keeps the best so far in order. Experts come by ascending id and move up only past smaller keys,
  // so that the lower id wins a tie.
  std::size_t choose(std::span<const float> logits, std::span<const float> scores,
                     std::span<std::int32_t> experts) const noexcept {
    std::size_t chosen = 0;
    for (std::size_t e = 0; e < scores.size(); ++e) {
      if (!may_be_chosen(logits[e])) continue;
      const float mine = key(scores, e);
      const auto beats = [&](std::size_t slot) { return mine > key(scores, static_cast<std::size_t>(experts[slot])); };
      if (chosen == experts.size()) {
        if (!beats(chosen - 1)) continue;
      } else {
        ++chosen;
      }
      std::size_t slot = chosen - 1;
      for (; slot > 0 && beats(slot - 1); --slot) experts[slot] = experts[slot - 1];
      experts[slot] = static_cast<std::int32_t>(e);
    }
    for (std::size_t slot = chosen; slot < experts.size(); ++slot) experts[slot] = kNoExpert;
    return chosen;
  }

  void weigh(std::span<const float> scores, std::span<const std::int32_t> experts, std::size_t chosen,
             std::span<float> weights) const noexcept {
    float sum = 0.0f;
    for (std::size_t slot = 0; slot < chosen; ++slot) {
      weights[slot] = scores[static_cast<std::size_t>(experts[slot])];
      sum += weights[slot];
    }
    for (std::size_t slot = 0; slot < chosen; ++slot) {
      if (options_.normalised && sum > 0.0f) weights[slot] /= sum;
      weights[slot] *= options_.scale;
    }
    for (std::size_t slot = chosen; slot < weights.size(); ++slot) weights[slot] = 0.0f;
  }

  TopKOptions options_;
};

static_assert(Router<TopK>);

}  // namespace moxie
