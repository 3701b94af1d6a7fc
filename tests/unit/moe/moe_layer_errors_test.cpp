// SPDX-License-Identifier: Apache-2.0
// Nothing that a host, a router or an expert does wrong becomes anything but a typed error, and the
// layer works afterwards.
#include <moxie/moe/moe_layer.hpp>

#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <moxie/expert/any_expert.hpp>
#include <moxie/router/any_router.hpp>
#include <moxie/router/top_k.hpp>

#include "support/catch.hpp"
#include "support/experts.hpp"
#include "support/routers.hpp"
#include "support/workers.hpp"

using namespace moxie;
using test::LogitsSayAll;
using test::Scale;

namespace {

using Layer = MoeLayer<AnyRouter, ExpertBank<AnyExpert>>;

template <Router R>
Layer layer_of(R router, std::vector<AnyExpert> experts) {
  return *Layer::create(*AnyRouter::create(std::move(router)), *ExpertBank<AnyExpert>::create(std::move(experts)));
}

AnyExpert good() { return *AnyExpert::create(Scale{2, 1.0f, 0.0f}); }

// Runs 101 rows, all with weight 1 for expert 0; then checks that the layer is none the worse.
Status run(const Layer& layer, std::size_t threads = 3) {
  constexpr std::size_t kT = 101;  // blocks of 50 and 51
  const std::size_t N = layer.num_experts();
  std::vector<float> logits(kT * N), x(kT * 2, 1.0f), y(kT * 2);
  for (std::size_t t = 0; t < kT; ++t) logits[t * N] = 1.0f;
  const MoeScratch bytes = layer.scratch_bytes(kT);
  test::WorkersOf of(test::host_threads(threads), bytes.own, bytes.worker);
  Workers workers = of.workers();
  const Status status =
      layer.run({.logits = {logits.data(), kT, N}, .hidden = {x.data(), kT, 2}}, {y.data(), kT, 2}, workers);
  CHECK(of.is_intact());
  return status;
}

// Chooses expert 0 everywhere, but does something wrong in the row at position `bad` of its call.
template <class F>
struct Wrong {
  static constexpr bool row_local = true;
  F twist;
  [[nodiscard]] std::size_t num_experts() const noexcept { return 2; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return 2; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status route(const RouteIn& in, RouteOut out, Workspace&) const {
    for (std::size_t t = 0; t < in.rows(); ++t) {
      out.experts[t][0] = 0, out.weights[t][0] = 1.0f;
      out.experts[t][1] = kNoExpert, out.weights[t][1] = 0.0f;
    }
    return twist(out);
  }
};

template <class F>
Status run_wrong(F twist) {
  return run(layer_of(Wrong<F>{twist}, {good(), good()}));
}

struct Refusing : Scale {
  Status run(ConstRows x, Rows, Workspace&) const { return Status(Code::kUnsupported, "Refusing", "", Text(x.rows)); }
};

struct Throwing : Scale {
  Status run(ConstRows, Rows, Workspace&) const { throw std::runtime_error("no"); }
};

}  // namespace

TEST_CASE("a decision that is none is refused, in whichever block of rows") {
  CHECK(run_wrong([](RouteOut) { return Status(); }).ok());
  CHECK(run_wrong([](RouteOut out) { return out.experts[3][0] = 2, Status(); }).message() ==
        "MoeLayer::run: needed an expert in [0, 2) or kNoExpert from the router at row 3, slot 0, came 2");
  CHECK(run_wrong([](RouteOut out) {
          if (out.experts.rows == 51) out.experts[50][1] = 0;  // the second block
          return Status();
        }).needed() == "different experts from the router at row 100, slot 1");
  CHECK(run_wrong([](RouteOut out) {
          return out.weights[0][0] = std::numeric_limits<float>::infinity(), Status();
        }).code() == Code::kInvalidArgument);
  CHECK(run_wrong([](RouteOut) { return Status(Code::kIo, "router", "", ""); }).code() == Code::kIo);
  CHECK(run_wrong([](RouteOut) -> Status { throw 1; }).code() == Code::kHostException);
}

TEST_CASE("a router that forgets a slot is found, whatever the memory held") {
  struct Forgetful {
    std::size_t forget;
    [[nodiscard]] bool row_local() const noexcept { return true; }
    [[nodiscard]] std::size_t num_experts() const noexcept { return 2; }
    [[nodiscard]] std::size_t experts_per_token() const noexcept { return 1; }
    [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
    Status route(const RouteIn& in, RouteOut out, Workspace&) const {
      for (std::size_t t = 0; t < in.rows(); ++t) {
        if (t != 7 || forget != 0) out.experts[t][0] = 0;
        if (t != 7 || forget != 1) out.weights[t][0] = 1.0f;
      }
      return {};
    }
  };
  CHECK(run(layer_of(Forgetful{2}, {good(), good()})).ok());
  CHECK(run(layer_of(Forgetful{0}, {good(), good()})).code() == Code::kInvalidArgument);
  CHECK(run(layer_of(Forgetful{1}, {good(), good()})).code() == Code::kInvalidArgument);
}

TEST_CASE("an expert's error is the layer's, the same at any number of threads") {
  const Layer layer = layer_of(LogitsSayAll{2, 1}, {*AnyExpert::create(Refusing{{2}}), good()});
  for (std::size_t threads = 1; threads <= 8; ++threads) {
    CHECK(run(layer, threads).message() == "Refusing: needed , came 50");  // the first of two blocks
  }
}

TEST_CASE("an expert that fails is no trouble where it is not called") {
  CHECK(run(layer_of(LogitsSayAll{2, 1}, {good(), *AnyExpert::create(Refusing{{2}})})).ok());
}

TEST_CASE("an expert that throws is a host exception") {
  CHECK(run(layer_of(LogitsSayAll{2, 1}, {*AnyExpert::create(Throwing{{2}}), good()})).code() == Code::kHostException);
  // Without AnyExpert's wall, that of Workers::each.
  const auto bare = *MoeLayer<LogitsSayAll, ExpertBank<Throwing>>::create(
      LogitsSayAll{1, 1}, *ExpertBank<Throwing>::create({Throwing{{1}}}));
  const MoeScratch bytes = bare.scratch_bytes(1);
  test::WorkersOf of(SerialExecutor(), bytes.own, bytes.worker);
  Workers workers = of.workers();
  const float one = 1.0f;
  float y = 0.0f;
  CHECK(bare.run({.logits = {&one, 1, 1}, .hidden = {&one, 1, 1}}, {&y, 1, 1}, workers).code() == Code::kHostException);
}

TEST_CASE("a layer needs the scratch that it announces, and no less will do") {
  const Layer layer = layer_of(LogitsSayAll{2, 1}, {*AnyExpert::create(test::plain_mlp(2, 30, 1)),
                                                    *AnyExpert::create(test::plain_mlp(2, 30, 2))});
  // Rows alternate between two experts: full blocks, which have to be gathered.
  constexpr std::size_t kT = 2 * Layer::kBlockRows;
  std::vector<float> logits(kT * 2), x(kT * 2, 1.0f), y(kT * 2);
  for (std::size_t t = 0; t < kT; ++t) logits[t * 2 + t % 2] = 1.0f;
  const MoeScratch bytes = layer.scratch_bytes(kT);
  const auto code_with = [&](std::size_t own, std::size_t worker) {
    test::WorkersOf of(SerialExecutor(), own, worker);
    Workers workers = of.workers();
    const Status status =
        layer.run({.logits = {logits.data(), kT, 2}, .hidden = {x.data(), kT, 2}}, {y.data(), kT, 2}, workers);
    CHECK(of.is_intact());
    return status.code();
  };
  CHECK(code_with(bytes.own, bytes.worker) == Code::kOk);
  // The assignment gives one piece back before the outputs are made.
  const std::size_t enough = bytes.own + bytes.worker - Workspace::bytes_for<std::size_t>(2);
  for (std::size_t given = 0; given < enough; given += Workspace::kAlignment) {
    CHECK(code_with(0, given) == Code::kNoSpace);
  }
  CHECK(code_with(bytes.own, bytes.worker) == Code::kOk);
}

TEST_CASE("workers without workspaces are an error") {
  const Layer layer = layer_of(LogitsSayAll{1, 1}, {good()});
  SerialExecutor executor;
  Workers workers(executor, {});
  const float x[] = {1.0f, 1.0f};
  float y[2];
  CHECK(layer.run({.logits = {x, 1, 1}, .hidden = {x, 1, 2}}, {y, 1, 2}, workers).code() == Code::kPrecondition);
}

TEST_CASE("shapes that do not belong together are refused with both shapes") {
  const Layer layer = layer_of(LogitsSayAll{3, 2}, {good(), good(), good()});
  const MoeScratch bytes = layer.scratch_bytes(4);
  test::WorkersOf of(SerialExecutor(), bytes.own, bytes.worker);
  Workers workers = of.workers();
  std::vector<float> f(64);
  std::vector<std::int32_t> ids(64);
  const auto message = [&](ConstRows logits, ConstRows hidden, Rows y, RouteOut record) {
    return std::string(layer.run({.logits = logits, .hidden = hidden}, y, workers, &record).message());
  };
  const ConstRows logits(f.data(), 4, 3), hidden(f.data(), 4, 2);
  const Rows y(f.data(), 4, 2);
  const RouteOut record{{ids.data(), 4, 2}, {f.data(), 4, 2}};
  CHECK(message({f.data(), 4, 2}, hidden, y, record) == "MoeLayer::run: needed logits of [4, 3], came [4, 2]");
  CHECK(message(logits, {}, y, record) == "MoeLayer::run: needed hidden of [4, 2], came [0, 0]");
  CHECK(message(logits, {f.data(), 4, 3}, y, record) == "MoeLayer::run: needed hidden of [4, 2], came [4, 3]");
  CHECK(message(logits, {f.data(), 3, 2}, y, record) == "MoeLayer::run: needed hidden of [4, 2], came [3, 2]");
  CHECK(message(logits, hidden, {f.data(), 5, 2}, record) == "MoeLayer::run: needed y of [4, 2], came [5, 2]");
  CHECK(message(logits, hidden, {f.data(), 4, 1}, record) == "MoeLayer::run: needed y of [4, 2], came [4, 1]");
  CHECK(message(logits, hidden, y, {{ids.data(), 3, 2}, {f.data(), 4, 2}}) ==
        "MoeLayer::run: needed room for experts of [4, 2], came [3, 2]");
  CHECK(message(logits, hidden, y, {{ids.data(), 4, 2}, {f.data(), 4, 3}}) ==
        "MoeLayer::run: needed room for weights of [4, 2], came [4, 3]");
  CHECK(message({f.data(), Layer::kMaxRows + 1, 3}, hidden, y, record) ==
        "MoeLayer::run: needed at most 16777216 rows, came 16777217");
}

TEST_CASE("router and bank that do not fit together make no layer") {
  using Bank = ExpertBank<Scale>;
  const auto bank = *Bank::create({{2}, {2}});
  CHECK(MoeLayer<LogitsSayAll, Bank>::create({3, 1}, bank).status().message() ==
        "MoeLayer::create: needed a router over 2 experts, as the bank has, came over 3");
  CHECK(MoeLayer<LogitsSayAll, Bank>::create({2, 3}, bank).status().code() == Code::kShape);
  CHECK(MoeLayer<LogitsSayAll, Bank>::create({2, 0}, bank).status().code() == Code::kShape);
}
