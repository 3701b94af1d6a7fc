// SPDX-License-Identifier: Apache-2.0
// What a pathway lays over a loaded model: experts wrapped, dropped, added and adopted, routers wrapped, capped,
// biased.
#include <array>
#include <cmath>
#include <numeric>

#include <moxie/router/biased.hpp>
#include <moxie/router/expert_choice.hpp>
#include <moxie/router/pinned.hpp>
#include <moxie/router/replayed.hpp>

#include "routed_case.hpp"
#include "support/catch.hpp"
#include "support/routers.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// Factor times what another expert says.
struct Times {
  AnyExpert own;
  float factor = 1;
  [[nodiscard]] std::size_t width() const noexcept { return own.width(); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return own.scratch_bytes(T); }
  Status run(ConstRows x, Rows y, Workspace& ws) const {
    MOXIE_TRY(own.run(x, y, ws));
    for (std::size_t t = 0; t < y.rows; ++t) {
      for (float& v : y[t]) v *= factor;
    }
    return {};
  }
};

/// Keeps what it is told, by layer and position.
struct Log final : RouteSink {
  struct Row {
    std::vector<std::int32_t> experts;
    std::vector<float> weights;
    std::vector<float> logits;
    bool operator==(const Row&) const = default;
  };
  std::vector<std::vector<Row>> layers;
  Status take(const RouteRecord& record) override {
    if (layers.size() <= record.layer) layers.resize(record.layer + 1);
    for (std::size_t t = 0; t < record.experts.rows; ++t) {
      auto& rows = layers[record.layer];
      const auto at = static_cast<std::size_t>(record.positions[t]);
      if (rows.size() <= at) rows.resize(at + 1);
      rows[at] = {{record.experts[t].begin(), record.experts[t].end()},
                  {record.weights[t].begin(), record.weights[t].end()},
                  {record.logits[t].begin(), record.logits[t].end()}};
    }
    return {};
  }
};

std::vector<std::size_t> used(const Log::Row& row) {
  std::vector<std::size_t> ids;
  for (const std::int32_t id : row.experts) {
    if (id != kNoExpert) ids.push_back(static_cast<std::size_t>(id));
  }
  return ids;
}

std::pair<std::vector<float>, std::shared_ptr<Log>> recorded(const Case& c, Kernel& kernel, const Pathway& pathway) {
  auto log = std::make_shared<Log>();
  return {c.logits(kernel, pathway.record(log).value()), log};
}

/// Beyond what its pathway has.
struct Beyond {
  static constexpr bool row_local = true;
  std::size_t N = 0;
  [[nodiscard]] std::size_t num_experts() const noexcept { return N; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return 1; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status route(const RouteIn& in, RouteOut out, Workspace&) const {
    for (std::size_t t = 0; t < in.rows(); ++t) {
      out.experts[t][0] = static_cast<std::int32_t>(N);
      out.weights[t][0] = 1.0f;
    }
    return {};
  }
};

constexpr float kInf = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("edits that decide the same change no bit") {
  const Case c(GENERATE(as<std::string>{}, "tiny_tied", "deepseek_v3", "mixtral"));
  Kernel kernel = make_kernel();
  const Pathway plain(c.model);
  const std::vector<float> expected = c.logits(kernel, plain);
  const std::size_t N = c.model.config().num_experts;
  const Pathway same =
      plain.wrap_routers([](AnyRouter own) { return own; }, "itself")
          .value()
          .cap_experts(N)
          .value()
          .wrap_expert(
              {.layer = c.layer, .expert = 1}, [](AnyExpert own) { return Times{std::move(own)}; }, "once")
          .value()
          .bias_expert({.layer = c.layer, .expert = 0}, 0.0f)
          .value();
  CHECK(same_bits(c.logits(kernel, same), expected));
  CHECK(same_bits(c.logits(kernel, same, 3), expected));
  CHECK(same.hash() != plain.hash());
}

TEST_CASE("a dropped expert is never chosen, and the router takes its next best") {
  const Case c("tiny_tied");
  Kernel kernel = make_kernel();
  const std::size_t N = c.model.config().num_experts;
  const auto [plain_logits, plain] = recorded(c, kernel, Pathway(c.model));
  for (std::size_t expert = 0; expert < N; ++expert) {
    const Pathway without = Pathway(c.model).drop_expert({.layer = c.layer, .expert = expert}).value();
    const auto [logits, log] = recorded(c, kernel, without);
    for (std::size_t t = 0; t < c.tokens.size(); ++t) {
      const Log::Row& was = plain->layers[c.layer][t];
      const Log::Row& is = log->layers[c.layer][t];
      const auto before = used(was);
      const auto after = used(is);
      CHECK(after.size() == before.size());
      CHECK(std::ranges::find(after, expert) == after.end());
      if (std::ranges::find(before, expert) == before.end()) {
        CHECK(after == before);
        continue;
      }
      std::vector<std::size_t> order(N);  // by the logits, without it
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::erase(order, expert);
      std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return was.logits[a] > was.logits[b]; });
      order.resize(before.size());
      CHECK(after == order);
    }
  }
  Pathway last(c.model);
  for (std::size_t e = 0; e + 1 < N; ++e) last = last.drop_expert({.layer = c.layer, .expert = e}).value();
  const auto [of_last, log] = recorded(c, kernel, last);
  for (const Log::Row& row : log->layers[c.layer]) CHECK(used(row) == std::vector<std::size_t>{N - 1});
  CHECK(last.drop_expert({.layer = c.layer, .expert = N - 1}).status().code() == Code::kInvalidArgument);
  CHECK(last.drop_expert({.layer = c.layer, .expert = N}).status().code() == Code::kNotFound);
}

TEST_CASE("a cap keeps the best of each row, under their weights alone") {
  const Case c("tiny_tied");  // its weights are normalised
  Kernel kernel = make_kernel();
  REQUIRE(c.model.config().norm_topk_prob);
  REQUIRE(c.K > 1);
  const auto [plain_logits, plain] = recorded(c, kernel, Pathway(c.model));
  const Pathway one = Pathway(c.model).cap_experts(c.layer, 1).value();
  const auto [logits, log] = recorded(c, kernel, one);
  CHECK_FALSE(same_bits(logits, plain_logits));
  for (std::size_t t = 0; t < c.tokens.size(); ++t) {
    const Log::Row& row = log->layers[c.layer][t];
    CHECK(row.experts == std::vector<std::int32_t>{plain->layers[c.layer][t].experts[0]});
    CHECK(row.weights == std::vector<float>{1.0f});
  }
  // All layers: then later layers see other rows.
  const Pathway all = Pathway(c.model).cap_experts(1).value();
  const auto [other, of_all] = recorded(c, kernel, all);
  for (const std::size_t layer : c.layers) {
    for (const Log::Row& row : of_all->layers[layer]) CHECK(used(row).size() == 1);
  }
  CHECK(Pathway(c.model).cap_experts(0).status().code() == Code::kInvalidArgument);
  CHECK(Pathway(c.model)
            .replace_router(c.layer, LogitsSayAll{.N = c.model.config().num_experts, .K = 2})
            .value()
            .cap_experts(c.layer, 1)
            .status()
            .code() == Code::kUnsupported);
}

TEST_CASE("a bias moves rows towards an expert or away from it") {
  const Case c("tiny_tied");
  Kernel kernel = make_kernel();
  const ExpertSlot slot{.layer = c.layer, .expert = 2};
  const auto share = [&](const Pathway& pathway) {
    const auto log = recorded(c, kernel, pathway).second;
    std::size_t rows = 0;
    for (const Log::Row& row : log->layers[c.layer]) {
      const auto ids = used(row);
      rows += std::ranges::find(ids, slot.expert) != ids.end() ? 1U : 0U;
    }
    return rows;
  };
  const Pathway plain(c.model);
  CHECK(share(plain.bias_expert(slot, 100.0f).value()) == c.tokens.size());
  CHECK(share(plain.bias_expert(slot, -100.0f).value()) == 0);
  CHECK(share(plain.bias_expert(slot, 100.0f).value().bias_expert(slot, -200.0f).value()) == 0);
  CHECK(plain.bias_expert(slot, kInf).status().code() == Code::kInvalidArgument);
  const auto pinned = plain.wrap_router(
      c.layer, [](AnyRouter own) { return moxie::Pinned<AnyRouter>::create(std::move(own), {2}); }, "pin 2");
  CHECK(share(pinned.value()) == c.tokens.size());
}

TEST_CASE("an added expert competes by its router row, with all edits that were made before") {
  const Case c("tiny_tied");
  Kernel kernel = make_kernel();
  const Pathway plain(c.model);
  const std::size_t N = c.model.config().num_experts;
  const std::size_t D = c.width();
  const auto own = c.model.expert({.layer = c.layer, .expert = 0}).value();

  // A row that is never chosen changes no bit.
  const RouterRow never{.weights = std::vector<float>(D, 0.0f), .bias = -1000.0f};
  const Pathway idle = plain.add_expert(c.layer, Times{own, 7.0f}, never, "idle").value();
  const std::vector<float> expected = c.logits(kernel, plain);
  CHECK(same_bits(c.logits(kernel, idle), expected));
  CHECK(same_bits(c.logits(kernel, idle, 5), expected));

  // One that is always chosen is, and its logit is the row's dot product.
  RouterRow always{.weights = std::vector<float>(D, 0.0f), .bias = 1000.0f};
  const Pathway busy = plain.drop_expert({.layer = c.layer, .expert = 1})
                           .value()
                           .add_expert(c.layer, Times{own, 2.0f}, always, "busy")
                           .value()
                           .add_expert(c.layer, Times{own, 3.0f}, never, "idle")
                           .value();
  const auto [logits, log] = recorded(c, kernel, busy);
  CHECK_FALSE(same_bits(logits, expected));
  for (const Log::Row& row : log->layers[c.layer]) {
    CHECK(row.logits.size() == N + 2);
    CHECK(row.logits[N] == 1000.0f);
    const auto ids = used(row);
    CHECK(ids[0] == N);
    CHECK(std::ranges::find(ids, std::size_t{1}) == ids.end());  // dropped before, and still
  }
  CHECK(same_bits(c.logits(kernel, busy, 3), logits));

  // It can be dropped, replaced and wrapped like any other.
  CHECK(same_bits(c.logits(kernel, idle.drop_expert({.layer = c.layer, .expert = N}).value()), expected));
  CHECK(idle.replace_expert({.layer = c.layer, .expert = N}, own, "own").ok());
  CHECK(plain.replace_expert({.layer = c.layer, .expert = N}, own, "own").status().code() == Code::kNotFound);
  const auto layers = busy.layers().value();
  const ExpertLayerInfo& info = layers.back();
  CHECK(info.layer == c.layer);
  CHECK(info.experts.size() == N + 2);
  CHECK(info.experts[0].origin == ExpertInfo::Origin::kCheckpoint);
  CHECK(info.experts[0].inner_width == c.model.config().moe_intermediate_size);
  CHECK(info.experts[0].bytes > 0);
  CHECK_FALSE(info.experts[0].path.empty());
  CHECK(info.experts[N].origin == ExpertInfo::Origin::kAdded);
  CHECK_FALSE(info.own_router);
  CHECK(plain.layers().value().back().own_router);

  // Shapes and numbers are checked.
  CHECK(plain.add_expert(c.layer, own, {std::vector<float>(D + 1), 0}).status().code() == Code::kShape);
  CHECK(plain.add_expert(c.layer, own, {std::vector<float>(D, std::nanf("")), 0}).status().code() ==
        Code::kInvalidArgument);
  CHECK(plain.add_expert(99, own, never).status().code() == Code::kNotFound);
  const Pathway routed = plain.replace_router(c.layer, LogitsSayAll{.N = N, .K = 1}).value();
  CHECK(routed.add_expert(c.layer, own, never).status().code() == Code::kUnsupported);
  // A host's router that knows of it takes its place.
  CHECK(idle.replace_router(c.layer, LogitsSayAll{.N = N, .K = 1}).status().code() == Code::kShape);
  CHECK(idle.replace_router(c.layer, LogitsSayAll{.N = N + 1, .K = 1}).ok());
}

TEST_CASE("an adopted expert is the other checkpoint's, with its router row") {
  // A model adopts its own expert 2 where expert 2 was dropped: only its number is another.
  const std::string name = GENERATE("tiny_tied", "bf16", "mixtral");
  const Case c(name);
  Kernel kernel = make_kernel();
  const std::size_t N = c.model.config().num_experts;
  const Model other = Model::load(data_folder(name)).value();
  const ExpertSlot slot{.layer = c.layer, .expert = 2};
  const Pathway adopted = Pathway(c.model).drop_expert(slot).value().adopt_expert(c.layer, other, slot).value();
  const auto [plain_logits, plain] = recorded(c, kernel, Pathway(c.model));
  const auto [logits, log] = recorded(c, kernel, adopted);
  bool some = false;
  double largest = 0;
  double apart = 0;
  for (std::size_t t = 0; t < c.tokens.size(); ++t) {
    auto expected = used(plain->layers[c.layer][t]);
    for (std::size_t& e : expected) e = e == slot.expert ? N : e;
    auto came = used(log->layers[c.layer][t]);
    some = some || std::ranges::find(came, N) != came.end();
    std::ranges::sort(expected);
    std::ranges::sort(came);
    CHECK(came == expected);
  }
  CHECK(some);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(plain_logits[i])));
    apart = std::max(apart, std::abs(static_cast<double>(plain_logits[i]) - static_cast<double>(logits[i])));
  }
  CHECK(apart <= 1e-4 * largest);  // a sum in another order, for its number is another
  CHECK(Pathway(c.model).adopt_expert(c.layer, other, {.layer = c.layer, .expert = N}).status().code() ==
        Code::kNotFound);
  const Model narrow = Model::load(data_folder("odd_widths")).value();
  if (narrow.config().hidden_size != c.width()) {
    const auto of_narrow = static_cast<std::size_t>(std::ranges::find(narrow.config().moe_layers, true) -
                                                    narrow.config().moe_layers.begin());
    CHECK(Pathway(c.model).adopt_expert(c.layer, narrow, {.layer = of_narrow, .expert = 0}).status().code() ==
          Code::kShape);
  }
}

TEST_CASE("pathways with other numbers of experts share a step, each with the bits that it has alone") {
  const Case c("tiny_tied");
  const std::size_t V = c.model.config().vocab_size;
  const std::size_t N = c.model.config().num_experts;
  const auto own = c.model.expert({.layer = 0, .expert = 0}).value();
  RouterRow row{.weights = std::vector<float>(c.width()), .bias = 0.0f};
  for (std::size_t d = 0; d < row.weights.size(); ++d) row.weights[d] = d % 2 == 0 ? 0.5f : -0.5f;
  const Pathway plain(c.model);
  const Pathway more = plain.add_expert(0, Times{own, 2.0f}, row, "more").value();
  const Pathway most = more.add_expert(0, Times{own, -1.0f}, row, "most").value();
  const std::vector<Pathway> pathways = {plain,
                                         more,
                                         most,
                                         plain.cap_experts(1).value(),
                                         most.drop_expert({.layer = 0, .expert = N}).value(),
                                         plain.bias_expert({.layer = 0, .expert = 1}, 3.0f).value()};
  std::vector<std::vector<float>> alone;
  for (const Pathway& pathway : pathways) {
    Kernel kernel = make_kernel(1);
    alone.push_back(c.logits(kernel, pathway));
  }
  CHECK_FALSE(same_bits(alone[0], alone[1]));
  CHECK_FALSE(same_bits(alone[1], alone[2]));
  Kernel kernel = Kernel::create({.threads = 3, .max_step_rows = 50}).value();
  std::vector<Context> contexts;
  std::vector<Request> requests;
  std::vector<std::vector<float>> came(pathways.size(), std::vector<float>(c.tokens.size() * V));
  for (const Pathway& pathway : pathways) contexts.push_back(kernel.open(pathway).value());
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    requests.push_back({.context = &contexts[i],
                        .tokens = c.tokens,
                        .want = Logits::kAll,
                        .logits = Rows(came[i].data(), c.tokens.size(), V),
                        .max_rows = 5 + i});
  }
  while (kernel.step(requests).value().unfinished > 0) {
  }
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    INFO("pathway " << i);
    CHECK(requests[i].status.message() == "");
    CHECK(same_bits(came[i], alone[i]));
  }
}

TEST_CASE("a router that names an expert of another pathway ends its own requests alone") {
  const Case c("tiny_tied");
  const std::size_t N = c.model.config().num_experts;
  const auto own = c.model.expert({.layer = 0, .expert = 0}).value();
  const Pathway more = Pathway(c.model).add_expert(0, own, {std::vector<float>(c.width()), 5.0f}, "more").value();
  const Pathway bad = Pathway(c.model).replace_router(0, Beyond{N}).value();
  Kernel kernel = make_kernel();
  Context good = kernel.open(more).value();
  Context broken = kernel.open(bad).value();
  std::array<Request, 2> requests = {Request{.context = &good, .tokens = c.tokens, .want = Logits::kNone},
                                     Request{.context = &broken, .tokens = c.tokens, .want = Logits::kNone}};
  while (kernel.step(requests).value().unfinished > 0) {
  }
  CHECK(requests[0].status.message() == "");
  CHECK(requests[1].status.code() == Code::kInvalidArgument);
}

TEST_CASE("a replayed router repeats an answer bit for bit, also over other logits") {
  const Case c("tiny_tied");
  Kernel kernel = make_kernel();
  const auto [logits, log] = recorded(c, kernel, Pathway(c.model));
  Pathway replayed(c.model);
  for (const std::size_t layer : c.layers) {
    LayerDecisions decisions{
        .num_experts = c.model.config().num_experts, .experts_per_token = c.K, .experts = {}, .weights = {}};
    for (const Log::Row& row : log->layers[layer]) {
      decisions.experts.insert(decisions.experts.end(), row.experts.begin(), row.experts.end());
      decisions.weights.insert(decisions.weights.end(), row.weights.begin(), row.weights.end());
    }
    replayed =
        replayed.replace_router(layer, Replayed::create(std::make_shared<LayerDecisions>(decisions)).value(), "replay")
            .value();
  }
  CHECK(same_bits(c.logits(kernel, replayed), logits));
  CHECK(same_bits(c.logits(kernel, replayed, 4), logits));
}

TEST_CASE("equal edits have equal hashes, others have others, and undoing is dropping") {
  const Case c("tiny_tied");
  const Pathway plain(c.model);
  const ExpertSlot slot{.layer = c.layer, .expert = 1};
  const auto make = [&](int which) {
    switch (which) {
      case 0: return plain.drop_expert(slot).value();
      case 1: return plain.cap_experts(1).value();
      case 2: return plain.cap_experts(c.layer, 1).value();
      case 3: return plain.bias_expert(slot, 1.0f).value();
      case 4: return plain.bias_expert(slot, -1.0f).value();
      case 5: return plain.adopt_expert(c.layer, c.model, slot).value();
      case 6: return plain.drop_expert(slot).value().cap_experts(1).value();
      case 7: return plain.cap_experts(1).value().drop_expert(slot).value();
      default:
        return plain
            .wrap_router(
                c.layer, [](AnyRouter own) { return own; }, "named")
            .value();
    }
  };
  std::vector<std::uint64_t> hashes = {plain.hash()};
  for (int which = 0; which < 9; ++which) {
    CHECK(make(which).hash() == make(which).hash());
    CHECK(std::ranges::find(hashes, make(which).hash()) == hashes.end());
    hashes.push_back(make(which).hash());
  }
  CHECK(plain.hash() == c.model.identity());
  const auto nameless = [&] { return plain.wrap_router(c.layer, [](AnyRouter own) { return own; }).value(); };
  const Pathway one = nameless();
  const Pathway two = nameless();
  CHECK(one.hash() != two.hash());
}

TEST_CASE("a wrap that throws, fails or fits nothing is an error, and the pathway stays as it was") {
  const Case c("tiny_tied");
  const Pathway plain(c.model);
  const auto throws = plain.wrap_router(c.layer, [](AnyRouter own) -> AnyRouter {
    if (own.num_experts() > 0) throw std::runtime_error("no");
    return own;
  });
  CHECK(throws.status().code() == Code::kHostException);
  const auto fails =
      plain.wrap_router(c.layer, [](AnyRouter own) { return Masked<AnyRouter>::create(std::move(own), {1000}); });
  CHECK(fails.status().code() == Code::kInvalidArgument);
  CHECK(plain.wrap_router(c.layer, [](AnyRouter) { return LogitsSayAll{.N = 3, .K = 1}; }).status().code() ==
        Code::kShape);
  CHECK(plain
            .wrap_expert({.layer = c.layer, .expert = 0},
                         [](AnyExpert own) -> AnyExpert {
                           if (own.width() > 0) throw std::runtime_error("no");
                           return own;
                         })
            .status()
            .code() == Code::kHostException);
  CHECK(plain.hash() == c.model.identity());

  const Pathway choice =
      plain
          .replace_router(
              c.layer,
              ExpertChoice::create({.num_experts = c.model.config().num_experts, .experts_per_token = 2}).value())
          .value();
  CHECK(choice.host_dependent());
  Kernel kernel = make_kernel();
  CHECK(kernel.open(choice).status().code() == Code::kInvalidArgument);
  Context context = kernel.open(choice, {.host_dependent = true}).value();
  CHECK_NOTHROW(all_logits(kernel, context, c.tokens, c.model.config().vocab_size));
}
