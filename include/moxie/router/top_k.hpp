// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/core/math.hpp>
#include <moxie/core/scratch.hpp>
#include <moxie/router/router.hpp>

namespace moxie::inline abi1 {

/// How logits become scores.
enum class Scores : std::uint8_t {
  kSoftmax,  ///< softmax over all N experts
  kSigmoid,  ///< sigmoid of each logit by itself
};

/// How a group of experts is judged, by what its members are chosen by.
enum class GroupScore : std::uint8_t {
  kBest,     ///< the best member
  kBestTwo,  ///< the sum of the two best
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
  /// Experts lie in so many groups of equal size, by ascending id ("n_group"); a row's are chosen from its best
  /// `groups_per_token` groups ("topk_group"). 1: from all.
  std::size_t num_groups = 1;
  std::size_t groups_per_token = 1;
  GroupScore group_score = GroupScore::kBest;
  /// Every logit l becomes cap tanh(l / cap) first; 0: as it is.
  float logit_cap = 0.0f;
  /// [N] or empty: what an expert's weight is multiplied with, last of all ("per_expert_scale").
  std::vector<float> expert_scales{};
};

/// Each row goes to the K experts with the highest scores; the scores are its weights.
///
///     auto router = TopK::create({.num_experts = 128, .experts_per_token = 8, .normalised = true}).value();
///
/// Equal scores: the lower expert id comes first, and of groups that are equally good the lower one. A logit of
/// -infinity bars its expert: where fewer than K are left, the last slots hold kNoExpert. A barred expert counts for
/// nothing in its group; one with a single member left is worth that one, and one with none is never chosen. Where all
/// chosen scores are 0 (sigmoid of very negative logits), normalised weights are 0 too.
///
/// Shapes   as Router.
/// Errors   create: kInvalidArgument for N = 0, K = 0, K > N, a scale or bias that is not finite, a bias
///          of another size than N, groups that do not divide N, or too few or too small for K and the group's
///          score.  route: kShape, kNoSpace; kInvalidArgument names row and expert of
///          a logit that is NaN or +infinity, or the row whose logits are all -infinity.
/// Threads  immutable; any number at once.
/// Source   softmax first, then the choice, then the division: as Qwen3-MoE in transformers. Groups by their best
///          expert: DeepSeek-V2, "group_limited_greedy". Sigmoid with a selection bias, groups by their two best:
///          DeepSeek-V3, "noaux_tc".
class TopK {
 public:
  static constexpr bool row_local = true;

  static Result<TopK> create(TopKOptions options) noexcept {
    constexpr auto kMaxExperts = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
    if (options.num_experts == 0 || options.num_experts > kMaxExperts) {
      return Status(Code::kInvalidArgument, "TopK::create", Text("num_experts in [1, ", kMaxExperts, "]"),
                    Text(options.num_experts));
    }
    if (options.experts_per_token == 0 || options.experts_per_token > options.num_experts) {
      return Status(Code::kInvalidArgument, "TopK::create", Text("experts_per_token in [1, ", options.num_experts, "]"),
                    Text(options.experts_per_token));
    }
    if (!(options.logit_cap >= 0.0f && std::isfinite(options.logit_cap))) {
      return Status(Code::kInvalidArgument, "TopK::create", "a finite logit_cap, not below 0", Text(options.logit_cap));
    }
    if (!std::isfinite(options.scale)) {
      return Status(Code::kInvalidArgument, "TopK::create", "a finite scale", Text(options.scale));
    }
    MOXIE_TRY(check_numbers("selection_bias", options.selection_bias, options.num_experts));
    MOXIE_TRY(check_numbers("expert_scales", options.expert_scales, options.num_experts));
    MOXIE_TRY(check_groups(options));
    return TopK(std::move(options));
  }

  [[nodiscard]] std::size_t num_experts() const noexcept { return options_.num_experts; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return options_.experts_per_token; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept {
    ScratchSize size;  // one row's scores at a time
    size.take<float>(options_.num_experts);
    if (options_.num_groups > 1) size.take<Group>(options_.num_groups);
    return size.total();
  }
  [[nodiscard]] const TopKOptions& options() const noexcept { return options_; }

  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const noexcept {
    MOXIE_TRY(check_route_shapes("TopK::route", num_experts(), experts_per_token(), in, out));
    if (in.rows() == 0) return {};
    const Workspace::Frame frame(ws);
    MOXIE_TRY_LET(const std::span<float> scores, ws.take<float>(num_experts()));
    std::span<Group> groups;
    if (options_.num_groups > 1) {
      MOXIE_TRY_LET(groups, ws.take<Group>(options_.num_groups));
    }
    for (std::size_t t = 0; t < in.rows(); ++t) {
      MOXIE_TRY(score(t, in.logits[t], scores));
      choose_groups(in.logits[t], scores, groups);
      const std::size_t chosen = choose(in.logits[t], scores, groups, out.experts[t]);
      write_weights(scores, out.experts[t], chosen, out.weights[t]);
    }
    return {};
  }

  /// As WeighingRouter: the weights of experts that others chose. Groups and selection bias have no say in it.
  Status weigh(const RouteIn& in, RouteOut out, Workspace& ws) const noexcept {
    MOXIE_TRY(check_route_shapes("TopK::weigh", num_experts(), out.experts.width, in, out));
    if (in.rows() == 0) return {};
    const Workspace::Frame frame(ws);
    MOXIE_TRY_LET(const std::span<float> scores, ws.take<float>(num_experts()));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      MOXIE_TRY(score(t, in.logits[t], scores));
      MOXIE_TRY_LET(const std::size_t chosen, count_chosen("TopK::weigh", num_experts(), t, out.experts[t]));
      write_weights(scores, out.experts[t], chosen, out.weights[t]);
    }
    return {};
  }

 private:
  /// What one row makes of a group.
  struct Group {
    float score;
    std::uint8_t members;  ///< that may be chosen: 0, 1, or 2 for more
    bool chosen;
  };

  explicit TopK(TopKOptions options) noexcept : options_(std::move(options)) {}

  /// One for each expert, or none.
  static Status check_numbers(std::string_view what, std::span<const float> numbers, std::size_t N) noexcept {
    if (!numbers.empty() && numbers.size() != N) {
      return Status(Code::kInvalidArgument, "TopK::create", Text("a ", what, " of ", N, " numbers, or none"),
                    Text(numbers.size()));
    }
    for (std::size_t e = 0; e < numbers.size(); ++e) {
      if (!std::isfinite(numbers[e])) {
        return Status(Code::kInvalidArgument, "TopK::create", Text("a finite ", what),
                      Text(numbers[e], " for expert ", e));
      }
    }
    return {};
  }

  static Status check_groups(const TopKOptions& options) noexcept {
    const std::size_t count = options.num_groups;
    if (count == 0 || options.num_experts % count != 0) {
      return Status(Code::kInvalidArgument, "TopK::create",
                    Text("num_groups that divides ", options.num_experts, " experts"), Text(count));
    }
    if (options.groups_per_token == 0 || options.groups_per_token > count) {
      return Status(Code::kInvalidArgument, "TopK::create", Text("groups_per_token in [1, ", count, "]"),
                    Text(options.groups_per_token));
    }
    const std::size_t members = options.num_experts / count;
    if (count > 1 && options.group_score == GroupScore::kBestTwo && members < 2) {
      return Status(Code::kInvalidArgument, "TopK::create", "two experts in each group, whose sum is its score",
                    Text(members));
    }
    if (options.experts_per_token > options.groups_per_token * members) {
      return Status(Code::kInvalidArgument, "TopK::create",
                    Text("experts_per_token at most ", options.groups_per_token * members,
                         ", which is what groups_per_token ", options.groups_per_token, " leaves"),
                    Text(options.experts_per_token));
    }
    return {};
  }

  Status score(std::size_t row, std::span<const float> logits, std::span<float> scores) const noexcept {
    bool any = false;
    for (std::size_t e = 0; e < logits.size(); ++e) {
      if (!(logits[e] < std::numeric_limits<float>::infinity())) {
        return Status(Code::kInvalidArgument, "TopK::route",
                      Text("a logit below infinity at row ", row, ", expert ", e), Text(logits[e]));
      }
      any |= may_be_chosen(logits[e]);
      scores[e] =
          options_.logit_cap > 0.0f && may_be_chosen(logits[e]) ? soft_cap(logits[e], options_.logit_cap) : logits[e];
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

  /// Marks the best groups; without groups there is nothing to mark.
  void choose_groups(std::span<const float> logits, std::span<const float> scores,
                     std::span<Group> groups) const noexcept {
    const std::size_t size = groups.empty() ? 0 : scores.size() / groups.size();
    for (std::size_t g = 0; g < groups.size(); ++g) groups[g] = judge(logits, scores, g * size, size);
    for (std::size_t round = 0; round < options_.groups_per_token; ++round) {
      Group* best = nullptr;
      for (Group& group : groups) {  // by ascending id: the lower one wins a tie
        if (!group.chosen && group.members > 0 && (best == nullptr || group.score > best->score)) best = &group;
      }
      if (best == nullptr) return;
      best->chosen = true;
    }
  }

  [[nodiscard]] Group judge(std::span<const float> logits, std::span<const float> scores, std::size_t begin,
                            std::size_t size) const noexcept {
    Group group{.score = 0.0f, .members = 0, .chosen = false};
    float best = 0.0f;
    float second = 0.0f;
    for (std::size_t e = begin; e < begin + size; ++e) {
      if (!may_be_chosen(logits[e])) continue;
      const float mine = key(scores, e);
      if (group.members == 0 || mine > best) {
        second = best;
        best = mine;
      } else if (group.members == 1 || mine > second) {
        second = mine;
      }
      group.members = group.members == 0 ? 1 : 2;
    }
    const bool sum = options_.group_score == GroupScore::kBestTwo && group.members == 2;
    group.score = sum ? best + second : best;
    return group;
  }

  // Keeps the best so far in order. Experts come by ascending id and move up only past smaller keys,
  // so that the lower id wins a tie.
  std::size_t choose(std::span<const float> logits, std::span<const float> scores, std::span<const Group> groups,
                     std::span<std::int32_t> experts) const noexcept {
    const std::size_t group_size = groups.empty() ? scores.size() : scores.size() / groups.size();
    std::size_t chosen = 0;
    for (std::size_t e = 0; e < scores.size(); ++e) {
      if (!may_be_chosen(logits[e]) || (!groups.empty() && !groups[e / group_size].chosen)) continue;
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

  void write_weights(std::span<const float> scores, std::span<const std::int32_t> experts, std::size_t chosen,
                     std::span<float> weights) const noexcept {
    float sum = 0.0f;
    for (std::size_t slot = 0; slot < chosen; ++slot) {
      weights[slot] = scores[static_cast<std::size_t>(experts[slot])];
      sum += weights[slot];
    }
    for (std::size_t slot = 0; slot < chosen; ++slot) {
      if (options_.normalised && sum > 0.0f) weights[slot] /= sum;
      weights[slot] *= options_.scale;
      if (!options_.expert_scales.empty()) {
        weights[slot] *= options_.expert_scales[static_cast<std::size_t>(experts[slot])];
      }
    }
    for (std::size_t slot = chosen; slot < weights.size(); ++slot) weights[slot] = 0.0f;
  }

  TopKOptions options_;
};

static_assert(WeighingRouter<TopK>);

}  // namespace moxie
