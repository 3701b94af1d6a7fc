// SPDX-License-Identifier: Apache-2.0
#include <moxie/moe/moe_layer.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include <moxie/expert/any_expert.hpp>
#include <moxie/router/top_k.hpp>
#include <moxie/testing/guarded_memory.hpp>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/experts.hpp"
#include "support/routers.hpp"
#include "support/workers.hpp"

using namespace moxie;
using test::LogitsSayAll;
using test::PlainMlp;
using test::Scale;

namespace {

// y of a layer, in scratch of exactly the size that it announced.
template <class Layer, class E = SerialExecutor>
std::vector<float> run(const Layer& layer, std::vector<float> logits, std::vector<float> x, E executor = {},
                       const RouteOut* record = nullptr) {
  const std::size_t T = x.size() / layer.width();
  const MoeScratch bytes = layer.scratch_bytes(T);
  test::WorkersOf<E> of(std::move(executor), bytes.own, bytes.worker);
  Workers workers = of.workers();
  std::vector<float> y(T * layer.width(), -7.0f);
  const Status status =
      layer.run({.logits = {logits.data(), T, layer.num_experts()}, .hidden = {x.data(), T, layer.width()}},
                {y.data(), T, layer.width()}, workers, record);
  CHECK(status.message() == "");
  CHECK(of.is_intact());
  return y;
}

// Experts of width 1: expert e makes 10^e out of 1. So y shows in decimal who was asked, how often.
ExpertBank<Scale> decimal_bank(std::size_t N) {
  std::vector<Scale> experts;
  for (float factor = 1.0f; experts.size() < N; factor *= 10.0f) experts.push_back({1, factor, 0.0f});
  return *ExpertBank<Scale>::create(std::move(experts));
}

auto decimal_layer(std::size_t N, std::size_t K) {
  return *MoeLayer<LogitsSayAll, ExpertBank<Scale>>::create(LogitsSayAll{N, K}, decimal_bank(N));
}

// Counts its rows and calls.
struct Counting : Scale {
  std::atomic<std::size_t>* calls;
  std::atomic<std::size_t>* rows;
  std::atomic<std::size_t>* longest;
  Status run(ConstRows x, Rows y, Workspace& ws) const noexcept {
    ++*calls;
    *rows += x.rows;
    if (x.rows > *longest) *longest = x.rows;
    return Scale::run(x, y, ws);
  }
};

}  // namespace

TEST_CASE("rows go where the router sends them, under its weights") {
  const auto layer = decimal_layer(4, 2);
  // LogitsSayAll chooses every expert with a positive logit and takes the logit as weight.
  CHECK(run(layer, {1, 0, 0, 1}, {1}) == std::vector<float>{1001});
  CHECK(run(layer, {0, 2, 3, 0}, {1}) == std::vector<float>{320});
  CHECK(run(layer, {1, 0, 0, 1, 0, 2, 3, 0, 0, 0, 5, 0}, {1, 2, 3}) == std::vector<float>{1001, 640, 1500});
}

TEST_CASE("no rows give no rows") { CHECK(run(decimal_layer(4, 2), {}, {}).empty()); }

TEST_CASE("a row for which nobody was chosen is 0") {
  CHECK(run(decimal_layer(3, 2), {0, 0, 0, 1, 1, 0}, {5, 1}) == std::vector<float>{0, 11});
}

TEST_CASE("all experts at once") {
  CHECK(run(decimal_layer(7, 7), {1, 2, 3, 4, 5, 6, 7}, {1}) == std::vector<float>{7654321});
}

TEST_CASE("an expert without rows is not called, and a popular one is called in blocks") {
  for (const std::size_t T : {1u, 63u, 64u, 65u, 200u}) {
    std::atomic<std::size_t> calls[2] = {}, rows[2] = {}, longest[2] = {};
    auto bank = *ExpertBank<Counting>::create(
        {{{1, 2.0f, 0.0f}, &calls[0], &rows[0], &longest[0]}, {{1, 3.0f, 0.0f}, &calls[1], &rows[1], &longest[1]}});
    const auto layer = *MoeLayer<LogitsSayAll, ExpertBank<Counting>>::create(LogitsSayAll{2, 1}, std::move(bank));
    std::vector<float> logits;
    for (std::size_t t = 0; t < T; ++t) logits.insert(logits.end(), {0, 1});
    CHECK(run(layer, logits, std::vector<float>(T, 1.0f), test::host_threads(3)) == std::vector<float>(T, 3.0f));
    CHECK(calls[0] == 0);
    CHECK(calls[1] == (T + 63) / 64);
    CHECK(rows[1] == T);
    CHECK(longest[1] <= 64);
  }
}

TEST_CASE("outputs are added by ascending expert, whatever the router's order") {
  // 2^24 + 1 + 1 + ... is 2^24 from the left and more from the right: the order shows in the bits.
  const std::vector<float> factors{16777216.0f, 1.0f, 1.0f, 1.0f};
  for (const bool turned : {false, true}) {
    std::vector<Scale> experts;
    for (std::size_t e = 0; e < 4; ++e) experts.push_back({1, factors[turned ? 3 - e : e], 0.0f});
    for (const bool reversed : {false, true}) {
      const auto layer = *MoeLayer<LogitsSayAll, ExpertBank<Scale>>::create(LogitsSayAll{4, 4, reversed},
                                                                            *ExpertBank<Scale>::create(experts));
      CHECK(run(layer, {1, 1, 1, 1}, {1}) == std::vector<float>{turned ? 16777220.0f : 16777216.0f});
    }
  }
}

TEST_CASE("each output is added by one fused multiply-add") {
  // 1 + 2^-12 squared is 1 + 2^-11 + 2^-24: its last bit survives only a fused operation.
  const float a = 1.0f + 0x1p-12f;
  auto bank = *ExpertBank<Scale>::create({{1, -(1.0f + 0x1p-11f), 0.0f}, {1, a, 0.0f}});
  const auto layer = *MoeLayer<LogitsSayAll, ExpertBank<Scale>>::create(LogitsSayAll{2, 2}, std::move(bank));
  CHECK(run(layer, {1.0f, a}, {1.0f}) == std::vector<float>{0x1p-24f});
}

TEST_CASE("different experts in a tuple bank work side by side") {
  using Tuple = TupleBank<Scale, PlainMlp, AnyExpert>;
  const PlainMlp mlp = test::plain_mlp(3, 8, 4);
  const auto layer = *MoeLayer<LogitsSayAll, Tuple>::create(
      LogitsSayAll{3, 2}, *Tuple::create(Scale{3, 2.0f, 0.0f}, mlp, *AnyExpert::create(Scale{3, 0.0f, 1.0f})));
  const std::vector<float> x{0.5f, -1.0f, 2.0f};
  std::vector<float> alone(3);
  testing::GuardedScratch scratch(mlp.scratch_bytes(1));
  REQUIRE(mlp.run({x.data(), 1, 3}, {alone.data(), 1, 3}, scratch.workspace()).ok());
  CHECK(run(layer, {0, 1, 0}, x) == alone);
  CHECK(run(layer, {1, 0, 1}, x) == std::vector<float>{2, -1, 5});
}

TEST_CASE("a record holds what was chosen") {
  const auto layer = decimal_layer(4, 2);
  std::vector<std::int32_t> ids(4, -9);
  std::vector<float> weights(4, -9.0f);
  const RouteOut record{{ids.data(), 2, 2}, {weights.data(), 2, 2}};
  run(layer, {0, 2, 0, 3, 0, 0, 5, 0}, {1, 1}, SerialExecutor(), &record);
  CHECK(ids == std::vector<std::int32_t>{1, 3, 2, kNoExpert});
  CHECK(weights == std::vector<float>{2, 3, 5, 0});
}

TEST_CASE("a layer of top-k and mlps agrees with double") {
  struct Sizes {
    std::size_t N, K, D, H;
    bool normalised;
  };
  for (const Sizes sizes :
       {Sizes{4, 2, 8, 16, true}, Sizes{11, 3, 13, 9, false}, Sizes{3, 3, 5, 7, true}, Sizes{1, 1, 4, 4, false}}) {
    // By name: clang 14 captures no structured binding.
    const std::size_t N = sizes.N, K = sizes.K, D = sizes.D, H = sizes.H;
    const bool normalised = sizes.normalised;
    std::vector<PlainMlp> experts;
    for (std::size_t e = 0; e < N; ++e) experts.push_back(test::plain_mlp(D, H, 100 + e));
    const TopK top = *TopK::create({.num_experts = N, .experts_per_token = K, .normalised = normalised});
    const auto layer = *MoeLayer<TopK, ExpertBank<PlainMlp>>::create(top, *ExpertBank<PlainMlp>::create(experts));
    for (const std::size_t T : {1u, 2u, 40u, 130u}) {
      INFO("N " << N << ", K " << K << ", D " << D << ", H " << H << ", T " << T);
      std::vector<float> logits(T * N), x(T * D);
      test::fill_random({logits.data(), T, N}, 1);
      test::fill_random({x.data(), T, D}, 2);
      const std::vector<float> y = run(layer, logits, x, test::host_threads(2));

      test::Reference want(T, D);
      std::vector<double> value, magnitude;
      for (std::size_t t = 0; t < T; ++t) {
        const std::span<const float> row(x.data() + t * D, D);
        const float* scores = logits.data() + t * N;
        std::vector<double> sum(D), size(D);
        double all = 0.0, chosen = 0.0;
        for (std::size_t e = 0; e < N; ++e) all += std::exp(static_cast<double>(scores[e]));
        // An expert is chosen where fewer than K have a higher logit.
        const auto is_chosen = [&](std::size_t e) {
          return std::count_if(scores, scores + N, [&](float s) { return s > scores[e]; }) < static_cast<long>(K);
        };
        for (std::size_t e = 0; e < N; ++e) {
          if (is_chosen(e)) chosen += std::exp(static_cast<double>(scores[e]));
        }
        const auto add = [&](double weight, const PlainMlp& mlp) {
          test::mlp_in_double(mlp, row, value, magnitude);
          for (std::size_t d = 0; d < D; ++d) sum[d] += weight * value[d], size[d] += weight * magnitude[d];
        };
        for (std::size_t e = 0; e < N; ++e) {
          if (is_chosen(e)) add(std::exp(static_cast<double>(scores[e])) / (normalised ? chosen : all), experts[e]);
        }
        for (std::size_t d = 0; d < D; ++d) want.set(t, d, sum[d], size[d]);
      }
      // An mlp's own, a weight's (softmax, sums), one for each term of the sum.
      const double roundings = test::mlp_roundings(experts[0]) + 24 + static_cast<double>(2 * K + D);
      CHECK(test::difference(ConstRows(y.data(), T, D), want, roundings) == "");
    }
  }
}

TEST_CASE("a router that sees all rows is called once over all of them") {
  struct Sizes {
    std::size_t T, calls;
  };
  for (const auto [T, expected] : {Sizes{1, 1}, Sizes{64, 1}, Sizes{200, 1}}) {
    std::atomic<std::size_t> calls = 0;
    const auto layer =
        *MoeLayer<test::EvenlySpread, ExpertBank<Scale>>::create(test::EvenlySpread{3, &calls}, decimal_bank(3));
    CHECK_FALSE(layer.row_local());
    const std::vector<float> y =
        run(layer, std::vector<float>(3 * T), std::vector<float>(T, 1.0f), test::host_threads(4));
    CHECK(calls == expected);
    for (std::size_t t = 0; t < T; ++t) CHECK(y[t] == (t % 3 == 0 ? 1.0f : t % 3 == 1 ? 10.0f : 100.0f));
  }
}

TEST_CASE("a router may read another number of logits than it has experts") {
  struct Pairs : LogitsSayAll {  // two logits for each expert, of which the second decides
    [[nodiscard]] std::size_t num_logits() const noexcept { return 2 * N; }
    Status route(const RouteIn& in, RouteOut out, Workspace&) const noexcept {
      MOXIE_TRY(check_route_shapes("Pairs::route", 2 * N, N, K, in, out));
      for (std::size_t t = 0; t < in.rows(); ++t) {
        std::size_t best = 0;
        for (std::size_t e = 1; e < N; ++e) best = in.logits[t][2 * e + 1] > in.logits[t][2 * best + 1] ? e : best;
        out.experts[t][0] = static_cast<std::int32_t>(best), out.weights[t][0] = 1.0f;
      }
      return {};
    }
  };
  const auto layer = *MoeLayer<Pairs, ExpertBank<Scale>>::create(Pairs{{.N = 3, .K = 1}}, decimal_bank(3));
  const MoeScratch bytes = layer.scratch_bytes(2);
  test::WorkersOf of(SerialExecutor(), bytes.own, bytes.worker);
  Workers workers = of.workers();
  std::vector<float> logits = {9, 0, 9, 0, 0, 1, 0, 1, 9, 0, 9, 0}, x = {1, 1}, y(2);
  const ConstRows hidden(x.data(), 2, 1);
  const Rows out(y.data(), 2, 1);
  CHECK(layer.run({.logits = {logits.data(), 2, 6}, .hidden = hidden}, out, workers).message() == "");
  CHECK(y == std::vector<float>{100, 1});
  CHECK(layer.run({.logits = {logits.data(), 2, 3}, .hidden = hidden}, out, workers).code() == Code::kShape);
}

TEST_CASE("a decision that others made runs in any number of slots") {
  const auto layer = decimal_layer(3, 1);
  const MoeScratch bytes = layer.chosen_scratch_bytes(3, 2, layer.num_experts());
  test::WorkersOf of(SerialExecutor(), bytes.own, bytes.worker);
  Workers workers = of.workers();
  std::vector<std::int32_t> ids = {2, 0, 1, kNoExpert, kNoExpert, kNoExpert};
  std::vector<float> weights = {1, 2, 3, 0, 0, 0}, x = {1, 1, 1}, y(3, -7.0f);
  const RouteOut routes{IdRows(ids.data(), 3, 2), Rows(weights.data(), 3, 2)};
  CHECK(layer.run_chosen({x.data(), 3, 1}, routes, layer.num_experts(), {y.data(), 3, 1}, workers).message() == "");
  CHECK(of.is_intact());
  CHECK(y == std::vector<float>{102, 30, 0});
  const std::vector<float> mine = {5};
  const auto elsewhere = [&](Assignment& assignment, Workers&) -> Status {
    // Pairs by expert: 0 of row 0, 1 of row 1, 2 of row 0.
    static const float* outputs[3];
    outputs[2] = mine.data();
    assignment.set_outputs(outputs);
    return {};
  };
  CHECK(
      layer.run_chosen({x.data(), 3, 1}, routes, layer.num_experts(), {y.data(), 3, 1}, workers, elsewhere).message() ==
      "");
  CHECK(y == std::vector<float>{7, 30, 0});
  ids[3] = 7;
  CHECK(layer.run_chosen({x.data(), 3, 1}, routes, layer.num_experts(), {y.data(), 3, 1}, workers).code() ==
        Code::kInvalidArgument);
}

TEST_CASE("a router gets layer, positions and residency, each row its own") {
  const auto layer = *MoeLayer<test::ByPosition, ExpertBank<Scale>>::create(test::ByPosition{2}, decimal_bank(2));
  constexpr std::size_t kT = 150;  // three blocks of rows
  std::vector<Position> positions(kT);
  std::vector<float> x(kT, 1.0f), y(kT), logits(2 * kT);
  for (std::size_t t = 0; t < kT; ++t) positions[t] = static_cast<Position>((t * t) % 7);
  const MoeScratch bytes = layer.scratch_bytes(kT);
  test::WorkersOf of(test::host_threads(3), bytes.own, bytes.worker);
  Workers workers = of.workers();
  const std::uint8_t resident[] = {1, 1};
  REQUIRE(layer
              .run({.logits = {logits.data(), kT, 2},
                    .hidden = {x.data(), kT, 1},
                    .layer = 5,
                    .positions = positions,
                    .resident = resident},
                   {y.data(), kT, 1}, workers)
              .ok());
  for (std::size_t t = 0; t < kT; ++t) CHECK(y[t] == ((positions[t] + 5) % 2 == 0 ? 1.0f : 10.0f));
}

TEST_CASE("scratch never falls as rows are added, and does not wrap") {
  const auto layer = decimal_layer(4, 2);
  MoeScratch before;
  for (std::size_t T = 0; T < 300; ++T) {
    const MoeScratch now = layer.scratch_bytes(T);
    CHECK((now.own >= before.own && now.worker >= before.worker));
    before = now;
  }
  constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();
  CHECK(layer.scratch_bytes(kMax).own == kMax);
  CHECK(layer.scratch_bytes(kMax / 8).own == kMax);
  CHECK(layer.scratch_bytes(std::size_t{1} << 20).own < (std::size_t{1} << 30));
}
