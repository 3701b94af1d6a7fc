// SPDX-License-Identifier: Apache-2.0
// Routers around another one, each against brute force.
#include <atomic>
#include <map>

#include <moxie/router/any_router.hpp>
#include <moxie/router/biased.hpp>
#include <moxie/router/budgeted.hpp>
#include <moxie/router/capped.hpp>
#include <moxie/router/null_slots.hpp>
#include <moxie/router/pinned.hpp>
#include <moxie/router/recorded.hpp>
#include <moxie/router/replayed.hpp>
#include <moxie/router/top_k.hpp>
#include <moxie/testing/router_laws.hpp>

#include "router_reference.hpp"
#include "support/routers.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

struct Shape {
  std::size_t N, K;
  bool normalised;
};
const std::vector<Shape> kShapes = {{1, 1, true}, {2, 1, false},  {7, 3, true},
                                    {8, 8, true}, {64, 6, false}, {128, 8, true}};

TopK top_k(const Shape& shape) {
  return TopK::create({.num_experts = shape.N, .experts_per_token = shape.K, .normalised = shape.normalised}).value();
}

Choice chosen_by(const Shape& shape, const std::vector<float>& logits) {
  const std::vector<double> scores = softmax_of(logits);
  Choice choice;
  choice.experts = best_of(logits, scores, shape.K);
  choice.weights = weights_of(scores, choice.experts, shape.normalised);
  return choice;
}

struct ByNumber {
  static constexpr bool row_local = true;
  double cost(std::size_t layer, std::size_t expert) const noexcept {
    return static_cast<double>((expert * 7 + layer) % 5) * 0.5;
  }
};

struct Counter {
  std::atomic<std::size_t>* rows;
  Status operator()(const RouteIn& in, const RouteOut& out) const {
    if (out.experts.rows != in.rows()) return Status(Code::kInternal, "Counter", "as many rows", "others");
    *rows += in.rows();
    return {};
  }
};

constexpr std::size_t kT = 120;

}  // namespace

TEST_CASE("a biased router chooses and weighs as if the logits had been these") {
  for (const Shape& shape : kShapes) {
    std::vector<float> bias(shape.N);
    for (std::size_t e = 0; e < shape.N; ++e) bias[e] = static_cast<float>((e * 5) % 9) / 4.0f - 1.0f;
    const auto router = Biased<TopK>::create(top_k(shape), bias).value();
    const auto rows = hard_logits(kT, shape.N, 11);
    const Decided decided = decide(router, rows);
    REQUIRE(decided.status.message() == "");
    for (std::size_t t = 0; t < kT; ++t) {
      std::vector<float> logits = rows[t];
      for (std::size_t e = 0; e < shape.N; ++e) logits[e] += bias[e];
      check_same(decided.rows[t], chosen_by(shape, logits), shape.N, "row " + std::to_string(t));
    }
    CHECK(testing::check_router_laws(router).message() == "");
    check_refuses_bad_logits(router);
  }
  const auto none = Biased<TopK>::create(top_k({7, 3, true}), std::vector<float>(7, 0.0f)).value();
  const auto rows = hard_logits(kT, 7, 12);
  const Decided plain = decide(top_k({7, 3, true}), rows);
  const Decided same = decide(none, rows);
  for (std::size_t t = 0; t < kT; ++t) {
    CHECK(same.rows[t].experts == plain.rows[t].experts);
    CHECK(same.rows[t].weights == plain.rows[t].weights);  // in every bit
  }
}

TEST_CASE("a masked router never chooses what is masked, and leaves slots empty where nothing is left") {
  for (const Shape& shape : kShapes) {
    if (shape.N < 3) continue;
    std::vector<std::size_t> barred;
    for (std::size_t e = 0; e < shape.N; e += 2) barred.push_back(e);
    const auto router = Masked<TopK>::create(top_k(shape), barred).value();
    auto rows = hard_logits(kT, shape.N, 13);
    for (auto& row : rows) row[1] = 0.25f;  // one that is never barred
    const Decided decided = decide(router, rows);
    REQUIRE(decided.status.message() == "");
    for (std::size_t t = 0; t < kT; ++t) {
      std::vector<float> logits = rows[t];
      for (const std::size_t e : barred) logits[e] = -kInf;
      check_same(decided.rows[t], chosen_by(shape, logits), shape.N, "row " + std::to_string(t));
    }
    CHECK(testing::check_router_laws(router).message() == "");
  }
  CHECK(Masked<TopK>::create(top_k({2, 1, true}), {0, 1}).status().code() == Code::kInvalidArgument);
  CHECK(Masked<TopK>::create(top_k({2, 1, true}), {1, 1}).status().code() == Code::kInvalidArgument);
  CHECK(Masked<TopK>::create(top_k({2, 1, true}), {2}).status().code() == Code::kInvalidArgument);
  CHECK(Biased<TopK>::create(top_k({2, 1, true}), {0}).status().code() == Code::kShape);
  CHECK(Biased<TopK>::create(top_k({2, 1, true}), {0, kInf}).status().code() == Code::kInvalidArgument);
  CHECK(Biased<TopK>::create(top_k({2, 1, true}), {0, std::nanf("")}).status().code() == Code::kInvalidArgument);
}

TEST_CASE("a capped router keeps the best and weighs them alone") {
  for (const Shape& shape : kShapes) {
    for (std::size_t most = 1; most <= shape.K; most += 2) {
      const auto router = Capped<TopK>::create(top_k(shape), most).value();
      const auto rows = hard_logits(kT, shape.N, 14);
      const Decided decided = decide(router, rows);
      REQUIRE(decided.status.message() == "");
      for (std::size_t t = 0; t < kT; ++t) {
        check_same(decided.rows[t], chosen_by({shape.N, most, shape.normalised}, rows[t]), shape.N,
                   "row " + std::to_string(t));
      }
      CHECK(testing::check_router_laws(router).message() == "");
      check_refuses_bad_logits(router);
    }
  }
  CHECK(Capped<TopK>::create(top_k({8, 2, true}), 0).status().code() == Code::kInvalidArgument);
  CHECK(Capped<TopK>::create(top_k({8, 2, true}), 3).status().code() == Code::kInvalidArgument);
}

TEST_CASE("pinned experts are always chosen, but for barred ones, and the router's best fill the rest") {
  for (const Shape& shape : kShapes) {
    for (std::size_t pins = 1; pins <= std::min<std::size_t>(shape.K, 3); ++pins) {
      std::vector<std::size_t> pinned;
      for (std::size_t i = 0; i < pins; ++i) pinned.push_back(shape.N - 1 - i);
      const auto router = Pinned<TopK>::create(top_k(shape), pinned).value();
      const auto rows = hard_logits(kT, shape.N, 15 + pins);
      const Decided decided = decide(router, rows);
      REQUIRE(decided.status.message() == "");
      for (std::size_t t = 0; t < kT; ++t) {
        const std::vector<double> scores = softmax_of(rows[t]);
        Choice expected;
        for (const std::size_t e : pinned) {
          if (rows[t][e] != -kInf) expected.experts.push_back(e);
        }
        for (const std::size_t e : best_of(rows[t], scores, shape.N)) {
          if (expected.experts.size() == shape.K) break;
          if (std::ranges::find(expected.experts, e) == expected.experts.end()) expected.experts.push_back(e);
        }
        expected.weights = weights_of(scores, expected.experts, shape.normalised);
        sort_choice(expected);
        check_same(decided.rows[t], expected, shape.N, "row " + std::to_string(t));
      }
      CHECK(testing::check_router_laws(router).message() == "");
      check_refuses_bad_logits(router);
    }
  }
  CHECK(Pinned<TopK>::create(top_k({8, 2, true}), {1, 2, 3}).status().code() == Code::kInvalidArgument);
  CHECK(Pinned<TopK>::create(top_k({8, 2, true}), {8}).status().code() == Code::kInvalidArgument);
  CHECK(Pinned<TopK>::create(top_k({8, 2, true}), {5, 5}).status().code() == Code::kInvalidArgument);
}

TEST_CASE("a budgeted router spends no more than its budget, best experts first") {
  for (const Shape& shape : kShapes) {
    for (const double budget : {0.0, 0.5, 1.5, 3.0, 100.0}) {
      for (const std::size_t at_least : {std::size_t{0}, std::size_t{1}}) {
        const auto router =
            Budgeted<TopK, ByNumber>::create(top_k(shape), {}, {.budget = budget, .at_least = at_least}).value();
        const auto rows = hard_logits(kT, shape.N, 16);
        const Decided decided = decide(router, rows, {.layer = 3});
        REQUIRE(decided.status.message() == "");
        for (std::size_t t = 0; t < kT; ++t) {
          const std::vector<double> scores = softmax_of(rows[t]);
          Choice expected;
          double spent = 0;
          for (const std::size_t e : best_of(rows[t], scores, shape.K)) {
            const double cost = ByNumber{}.cost(3, e);
            if (spent + cost > budget && expected.experts.size() >= at_least) continue;
            spent += cost;
            expected.experts.push_back(e);
          }
          expected.weights = weights_of(scores, expected.experts, shape.normalised);
          check_same(decided.rows[t], expected, shape.N, "row " + std::to_string(t));
        }
        CHECK(testing::check_router_laws(router).message() == "");
      }
    }
  }
  using OfCosts = Budgeted<TopK, FixedCosts>;
  CHECK(OfCosts::create(top_k({8, 2, true}), {}, {.budget = -1}).status().code() == Code::kInvalidArgument);
  CHECK(OfCosts::create(top_k({8, 2, true}), {}, {.budget = std::nan("")}).status().code() == Code::kInvalidArgument);
  const auto too_few = OfCosts::create(top_k({8, 8, true}), {{1, 1, 1}}, {.budget = 9}).value();
  const Status unknown = decide(too_few, hard_logits(1, 8, 1), {.layer = 4}).status;
  CHECK(unknown.code() == Code::kInvalidArgument);
  CHECK(unknown.message().find("of layer 4") != std::string_view::npos);
}

TEST_CASE("null slots compute nothing and take no weight from the others") {
  for (const Shape& shape : {Shape{7, 3, true}, Shape{64, 6, false}}) {
    const auto router = NullSlots<TopK>::create(top_k(shape), 3).value();
    CHECK(router.num_experts() == shape.N - 3);
    CHECK(num_logits_of(router) == shape.N);
    const auto rows = hard_logits(kT, shape.N, 17);
    const Decided decided = decide(router, rows);
    REQUIRE(decided.status.message() == "");
    bool some_empty = false;
    for (std::size_t t = 0; t < kT; ++t) {
      const Choice all = chosen_by(shape, rows[t]);
      Choice expected;
      for (std::size_t i = 0; i < all.experts.size(); ++i) {
        if (all.experts[i] >= shape.N - 3) continue;
        expected.experts.push_back(all.experts[i]);
        expected.weights.push_back(all.weights[i]);
      }
      some_empty = some_empty || expected.experts.size() < all.experts.size();
      check_same(decided.rows[t], expected, shape.N, "row " + std::to_string(t));
    }
    CHECK(some_empty);
    CHECK(testing::check_router_laws(router).message() == "");
  }
  CHECK(NullSlots<TopK>::create(top_k({8, 2, true}), 0).status().code() == Code::kInvalidArgument);
  CHECK(NullSlots<TopK>::create(top_k({8, 2, true}), 7).status().code() == Code::kInvalidArgument);
}

TEST_CASE("a recorded router changes nothing, and what was recorded is replayed bit for bit") {
  std::atomic<std::size_t> rows_told{0};
  const Shape shape{8, 3, true};
  const auto recorded = Recorded<TopK, Counter>::create(top_k(shape), {&rows_told}).value();
  const auto rows = hard_logits(kT, shape.N, 18);
  const Decided plain = decide(top_k(shape), rows);
  const Decided told = decide(recorded, rows);
  CHECK(rows_told == kT);
  LayerDecisions log{.num_experts = shape.N, .experts_per_token = shape.K, .experts = {}, .weights = {}};
  for (std::size_t t = 0; t < kT; ++t) {
    CHECK(told.rows[t].experts == plain.rows[t].experts);
    CHECK(told.rows[t].weights == plain.rows[t].weights);
    for (std::size_t slot = 0; slot < shape.K; ++slot) {
      const bool used = slot < told.rows[t].experts.size();
      log.experts.push_back(used ? static_cast<std::int32_t>(told.rows[t].experts[slot]) : kNoExpert);
      log.weights.push_back(used ? static_cast<float>(told.rows[t].weights[slot]) : 0.0f);
    }
  }
  log.experts[5 * shape.K] = LayerDecisions::kNotRecorded;
  const auto replayed = Replayed::create(std::make_shared<const LayerDecisions>(log)).value();
  std::vector<Position> positions = {3, 100, 0};
  const std::vector<std::vector<float>> other(3, std::vector<float>(shape.N, 1.0f));
  const Decided again = decide(replayed, other, {.positions = positions});
  REQUIRE(again.status.ok());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Choice& was = plain.rows[static_cast<std::size_t>(positions[i])];
    CHECK(again.rows[i].experts == was.experts);
    CHECK(again.rows[i].weights == was.weights);
  }
  for (const Position unknown : {5, static_cast<int>(kT), -1}) {
    positions = {3, unknown, 0};
    CHECK(decide(replayed, other, {.positions = positions}).status.code() == Code::kNotFound);
  }
  CHECK(decide(replayed, other).status.code() == Code::kShape);
  CHECK(Replayed::create(nullptr).status().code() == Code::kInvalidArgument);
  log.weights.pop_back();
  CHECK(Replayed::create(std::make_shared<const LayerDecisions>(log)).status().code() == Code::kInvalidArgument);
}

TEST_CASE("wrappers compose, also around a router that is known at run time only") {
  const Shape shape{16, 4, true};
  const AnyRouter any = AnyRouter::create(top_k(shape)).value();
  CHECK(any.can_weigh());
  auto masked = Masked<AnyRouter>::create(any, {2, 5}).value();
  auto pinned = Pinned<Masked<AnyRouter>>::create(masked, {2, 7}).value();  // 2 is barred, and stays so
  const auto capped = Capped<Pinned<Masked<AnyRouter>>>::create(pinned, 3).value();
  CHECK(capped.row_local());
  CHECK(testing::check_router_laws(capped).message() == "");
  const auto rows = hard_logits(kT, shape.N, 19);
  const Decided decided = decide(capped, rows);
  REQUIRE(decided.status.ok());
  for (const Choice& row : decided.rows) {
    CHECK(std::ranges::find(row.experts, std::size_t{2}) == row.experts.end());
    CHECK(row.experts.size() <= 3);
  }

  // A router that cannot weigh is refused where its weights would be needed, and taken where not.
  const AnyRouter stubborn = AnyRouter::create(LogitsSayAll{.N = 4, .K = 2}).value();
  CHECK_FALSE(stubborn.can_weigh());
  CHECK(Capped<AnyRouter>::create(stubborn, 1).status().code() == Code::kUnsupported);
  CHECK(Pinned<AnyRouter>::create(stubborn, {1}).status().code() == Code::kUnsupported);
  const auto biased = Biased<AnyRouter>::create(stubborn, {0, 0, 1, 1}).value();
  const AnyRouter wrapped = AnyRouter::create(biased).value();
  CHECK_FALSE(wrapped.can_weigh());
  CHECK(Capped<AnyRouter>::create(wrapped, 1).status().code() == Code::kUnsupported);
  CHECK(decide(biased, {{1, -5, -5, -5}}).rows[0].experts == std::vector<std::size_t>{0});
}

TEST_CASE("TopK weighs what others chose, and checks it") {
  const TopK router = top_k({6, 2, true});
  const std::vector<float> logits = {0, 1, 2, 3, 4, 5};
  const std::vector<double> scores = softmax_of(logits);
  std::vector<std::int32_t> ids = {0, 4, 2, kNoExpert};
  std::vector<float> weights(4, 7.0f);
  testing::GuardedScratch scratch(router.scratch_bytes(1));
  const RouteIn in{.logits = {logits.data(), 1, 6}};
  const RouteOut out{{ids.data(), 1, 4}, {weights.data(), 1, 4}};
  REQUIRE(router.weigh(in, out, scratch.workspace()).ok());
  const std::vector<double> expected = weights_of(scores, {0, 4, 2}, true);
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(static_cast<double>(weights[i]) - expected[i]) < 1e-6);
  CHECK(weights[3] == 0.0f);
  ids[1] = 6;
  CHECK(router.weigh(in, out, scratch.workspace()).code() == Code::kInvalidArgument);
  ids[1] = kNoExpert;
  CHECK(router.weigh(in, out, scratch.workspace()).code() == Code::kInvalidArgument);
}
