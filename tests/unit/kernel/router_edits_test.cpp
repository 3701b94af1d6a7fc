// SPDX-License-Identifier: Apache-2.0
// Routers of the host inside a loaded model, and records of what routers decide: Pathway::replace_router(), record().
#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>

#include <moxie/core/scratch.hpp>
#include <moxie/router/top_k.hpp>

#include "routed_case.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// Decides as another router does, but never for one expert: a row that would have got it is asked again without.
struct Without {
  AnyRouter other;
  std::int32_t expert = 0;
  std::atomic<std::size_t>* rows = nullptr;

  [[nodiscard]] bool row_local() const noexcept { return other.row_local(); }
  [[nodiscard]] std::size_t num_logits() const noexcept { return other.num_logits(); }
  [[nodiscard]] std::size_t num_experts() const noexcept { return other.num_experts(); }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return other.experts_per_token(); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    return ScratchSize().rows(1, num_logits()).bytes(other.scratch_bytes(T)).total();
  }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    if (rows != nullptr) *rows += in.rows();
    MOXIE_TRY(other.route(in, out, ws));
    const Workspace::Frame frame(ws);
    MOXIE_TRY_LET(const Rows logits, ws.rows(1, num_logits()));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      if (std::ranges::find(out.experts[t], expert) == out.experts[t].end()) continue;
      std::ranges::copy(in.logits[t], logits.row(0));
      logits.row(0)[expert] = -std::numeric_limits<float>::infinity();
      RouteIn row = in.slice(t, 1);
      row.logits = logits;
      MOXIE_TRY(other.route(row, out.slice(t, 1), ws));
    }
    return {};
  }
};

/// Row t of a call goes to expert t mod N: it matters which rows come together.
struct ByPlace {
  static constexpr bool row_local = false;
  std::size_t N = 0;
  std::vector<std::size_t>* calls = nullptr;

  [[nodiscard]] std::size_t num_experts() const noexcept { return N; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return 1; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return 64 * T; }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    MOXIE_TRY(check_route_shapes("ByPlace::route", N, 1, in, out));
    const Workspace::Frame frame(ws);
    MOXIE_TRY(ws.take<float>(16 * in.rows()).status());  // it really needs its scratch
    if (in.hidden.rows != in.rows() || in.positions.size() != in.rows()) {
      return Status(Code::kShape, "ByPlace::route", "hidden rows and positions", "none");
    }
    if (calls != nullptr) calls->push_back(in.rows());
    for (std::size_t t = 0; t < in.rows(); ++t) {
      out.experts[t][0] = static_cast<std::int32_t>(t % N), out.weights[t][0] = 1.0f;
    }
    return {};
  }
};

/// The same for position p and a context that begins at row 5.
struct FromRowFive {
  static constexpr bool row_local = true;
  std::size_t N = 0;

  [[nodiscard]] std::size_t num_experts() const noexcept { return N; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return 1; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status route(const RouteIn& in, RouteOut out, Workspace&) const {
    for (std::size_t t = 0; t < in.rows(); ++t) {
      out.experts[t][0] = static_cast<std::int32_t>((static_cast<std::size_t>(in.positions[t]) + 5) % N);
      out.weights[t][0] = 1.0f;
    }
    return {};
  }
};

/// Keeps everything, by layer and position.
struct Kept final : RouteSink {
  struct Row {
    std::vector<std::int32_t> experts;
    std::vector<float> weights, logits;
    bool operator==(const Row&) const = default;
  };
  Status take(const RouteRecord& record) override {
    if (fails_with == Code::kHostException) throw std::runtime_error("full");
    if (fails_with != Code::kOk) return Status(fails_with, "sink", "room", "none");
    host_dependent = record.host_dependent;
    told += record.positions.size();
    for (std::size_t t = 0; t < record.positions.size(); ++t) {
      rows[{record.layer, record.positions[t]}] = {{record.experts[t].begin(), record.experts[t].end()},
                                                   {record.weights[t].begin(), record.weights[t].end()},
                                                   {record.logits[t].begin(), record.logits[t].end()}};
    }
    return {};
  }
  Code fails_with = Code::kOk;
  bool host_dependent = false;
  std::size_t told = 0;  // rows, those that came again too
  std::map<std::pair<std::size_t, Position>, Row> rows;
};

/// The checkpoint's router as a host would write it.
TopKOptions options_of(const ModelConfig& config) {
  return {.num_experts = config.num_experts,
          .experts_per_token = config.num_experts_per_tok,
          .scores = config.scoring_func,
          .normalised = config.norm_topk_prob,
          .scale = static_cast<float>(config.routed_scaling_factor),
          .num_groups = config.n_group,
          .groups_per_token = config.topk_group,
          .group_score = config.group_score};
}

std::vector<std::size_t> layers_with_experts(const Model& model) {
  std::vector<std::size_t> layers;
  for (std::size_t l = 0; l < model.config().moe_layers.size(); ++l) {
    if (model.config().moe_layers[l]) layers.push_back(l);
  }
  return layers;
}

Pathway with_routers(const Model& model, const TopKOptions& options) {
  Pathway pathway(model);
  for (const std::size_t layer : layers_with_experts(model)) {
    pathway = pathway.replace_router(layer, TopK::create(options).value()).value();
  }
  return pathway;
}

std::vector<TokenId> some_tokens(std::size_t n) {
  std::vector<TokenId> tokens(n);
  for (std::size_t i = 0; i < n; ++i) tokens[i] = static_cast<TokenId>(i * 7 % 60);
  return tokens;
}

}  // namespace

TEST_CASE("an equal router in a checkpoint's place changes no bit") {
  const std::string name = GENERATE("tiny_tied", "odd_widths", "qwen2_moe", "deepseek_v2_lite", "deepseek_v3",
                                    "gpt_oss_mxfp4", "../../examples/tiny-model/moxie-tiny.gguf");
  INFO(name);
  const Model model = Model::load(data_folder(name)).value();
  const std::size_t V = model.config().vocab_size;
  const auto tokens = some_tokens(70);
  Kernel kernel = make_kernel();
  Context plain = kernel.open(model).value();
  const auto expected = all_logits(kernel, plain, tokens, V);

  Pathway own(model);
  for (const std::size_t layer : layers_with_experts(model)) {
    own = own.replace_router(layer, model.router(layer).value()).value();
  }
  for (const std::size_t chunk : {std::size_t{70}, std::size_t{7}}) {
    Context context = kernel.open(own).value();
    CHECK(same_bits(all_logits(kernel, context, tokens, V, chunk), expected));
  }
  if (model.config().selection_bias) return;  // numbers that only the checkpoint has
  Context hosts = kernel.open(with_routers(model, options_of(model.config()))).value();
  CHECK(same_bits(all_logits(kernel, hosts, tokens, V), expected));
}

TEST_CASE("a router that leaves an expert out changes the rows that chose it and no others") {
  const Case c(GENERATE(as<std::string>{}, "tiny_tied", "biases", "mixtral"));
  Kernel kernel = make_kernel();
  const std::size_t V = c.model.config().vocab_size;
  const std::vector<float> expected = c.logits(kernel, Pathway(c.model));
  const AnyRouter own = c.model.router(c.layer).value();
  std::size_t changed = 0;
  std::size_t stayed = 0;
  for (std::size_t expert = 0; expert < c.model.config().num_experts; ++expert) {
    const auto kept = std::make_shared<Kept>();
    const Pathway pathway = Pathway(c.model)
                                .replace_router(c.layer, Without{own, static_cast<std::int32_t>(expert)})
                                .value()
                                .record(kept)
                                .value();
    const std::vector<float> came = c.logits(kernel, pathway, expert % 2 == 0 ? SIZE_MAX : 9);
    for (std::size_t t = 0; t < c.tokens.size(); ++t) {
      INFO("expert " << expert << ", token " << t);
      const bool same = same_bits(std::span(came).subspan(t * V, V), std::span(expected).subspan(t * V, V));
      CHECK(same != c.chose(t, expert));
      (same ? stayed : changed) += 1;
      const auto& of_row = kept->rows.at({c.layer, static_cast<Position>(t)}).experts;
      CHECK(of_row.size() == c.K);
      CHECK(std::ranges::find(of_row, static_cast<std::int32_t>(expert)) == of_row.end());
    }
  }
  CHECK(changed > 0);
  CHECK(stayed > 0);
}

TEST_CASE("a router with another K gives the bits of a checkpoint that has it") {
  const Case c("tiny_tied");
  const std::size_t K = GENERATE(1U, 5U, 8U);
  TemporaryFolder folder;
  for (const char* file : {"config.json", "model.safetensors"}) {
    std::filesystem::copy_file(data_folder("tiny_tied") / file, folder / file);
  }
  std::stringstream config;
  config << std::ifstream(folder / "config.json").rdbuf();
  std::string text = config.str();
  const std::string key = "\"num_experts_per_tok\": ";
  const std::size_t at = text.find(key);
  REQUIRE(at != std::string::npos);
  text.replace(at + key.size(), 1, std::to_string(K));
  std::ofstream(folder / "config.json") << text;
  const Model other = Model::load(folder.path()).value();
  REQUIRE(other.config().num_experts_per_tok == K);

  TopKOptions options = options_of(c.model.config());
  options.experts_per_token = K;
  Kernel kernel = make_kernel();
  CHECK(same_bits(c.logits(kernel, with_routers(c.model, options)), [&] {
    Context context = kernel.open(other).value();
    return all_logits(kernel, context, c.tokens, c.model.config().vocab_size);
  }()));
}

TEST_CASE("contexts with routers of their own share a step, and each has the bits that it has alone") {
  const Case c("tiny_tied");
  const std::size_t V = c.model.config().vocab_size;
  const AnyRouter own = c.model.router(0).value();
  std::atomic<std::size_t> routed{0};
  TopKOptions one = options_of(c.model.config());
  one.experts_per_token = 1;
  TopKOptions many = one;
  many.experts_per_token = 6;
  // Also a host's expert beside few and many slots: memory is enough for any of them together.
  const std::vector<Pathway> pathways = {
      Pathway(c.model), with_routers(c.model, one),
      Pathway(c.model).replace_router(0, Without{own, 3, &routed}).value(), with_routers(c.model, many),
      with_routers(c.model, one)
          .replace_expert({.layer = 0, .expert = 2}, c.model.expert({.layer = 1, .expert = 2}).value())
          .value()};
  std::vector<std::vector<float>> alone;
  for (const Pathway& pathway : pathways) {
    Kernel kernel = make_kernel(1);
    alone.push_back(c.logits(kernel, pathway));
  }
  for (std::size_t i = 1; i < alone.size(); ++i) CHECK_FALSE(same_bits(alone[0], alone[i]));

  Kernel kernel = Kernel::create({.threads = 3, .max_step_rows = 40}).value();
  std::vector<Context> contexts;
  std::vector<std::shared_ptr<Kept>> sinks;
  std::vector<std::vector<float>> came(pathways.size(), std::vector<float>(c.tokens.size() * V));
  std::vector<Request> requests;
  for (const Pathway& pathway : pathways) {
    sinks.push_back(std::make_shared<Kept>());
    contexts.push_back(kernel.open(pathway.record(sinks.back()).value()).value());
  }
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    requests.push_back({.context = &contexts[i],
                        .tokens = c.tokens,
                        .want = Logits::kAll,
                        .logits = Rows(came[i].data(), c.tokens.size(), V),
                        .max_rows = 7 + i});
  }
  routed = 0;
  while (kernel.step(requests).value().unfinished > 0) {
  }
  CHECK(routed == c.tokens.size());  // no step failed and went one by one
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    INFO("pathway " << i);
    CHECK(requests[i].status.message() == "");
    CHECK(same_bits(came[i], alone[i]));
    Kernel other = make_kernel(1);  // a record does not depend on neighbours either
    const auto kept = std::make_shared<Kept>();
    static_cast<void>(c.logits(other, pathways[i].record(kept).value()));
    CHECK(kept->rows.size() == 2 * c.tokens.size());
    CHECK(kept->rows == sinks[i]->rows);
    CHECK(sinks[i]->told == kept->rows.size());
  }
}

TEST_CASE("a sink is told what transformers' routers chose") {
  const Case c(
      GENERATE(as<std::string>{}, "tiny_tied", "mlp_only_layers", "qwen2_moe", "top_all", "deepseek_v3", "gpt_oss"));
  const auto kept = std::make_shared<Kept>();
  const Pathway pathway = Pathway(c.model).record(kept).value();
  CHECK(pathway.hash() == c.model.identity());
  Kernel kernel = make_kernel();
  CHECK(same_bits(c.logits(kernel, pathway, 23), c.logits(kernel, Pathway(c.model))));
  CHECK(kept->rows.size() == c.layers.size() * c.tokens.size());
  CHECK_FALSE(kept->host_dependent);
  for (std::size_t l = 0; l < c.layers.size(); ++l) {
    for (std::size_t t = 0; t < c.tokens.size(); ++t) {
      INFO("layer " << c.layers[l] << ", token " << t);
      const Kept::Row& row = kept->rows.at({c.layers[l], static_cast<Position>(t)});
      std::map<std::int32_t, double> expected;
      std::map<std::int32_t, double> came;
      for (std::size_t k = 0; k < c.K; ++k) expected[c.experts[c.at(l, t) + k]] = c.weights[c.at(l, t) + k];
      for (std::size_t k = 0; k < row.experts.size(); ++k) came[row.experts[k]] = static_cast<double>(row.weights[k]);
      REQUIRE(came.size() == expected.size());
      CHECK(row.logits.size() == c.model.config().num_experts);
      for (const auto& [expert, weight] : expected) {
        REQUIRE(came.contains(expert));
        CHECK(std::abs(came[expert] - weight) <= 2e-5 * std::abs(weight));
      }
    }
  }
}

TEST_CASE("rows that the last layer does not compute are absent from a record") {
  const Case c("tiny_tied");
  const std::size_t V = c.model.config().vocab_size;
  std::vector<float> out(V);
  for (const Logits want : {Logits::kNone, Logits::kLast}) {
    const auto kept = std::make_shared<Kept>();
    Kernel kernel = make_kernel();
    Context context = kernel.open(Pathway(c.model).record(kept).value()).value();
    Request request{.context = &context,
                    .tokens = c.tokens,
                    .want = want,
                    .logits = want == Logits::kLast ? Rows(out.data(), 1, V) : Rows()};
    while (!request.finished()) REQUIRE(kernel.step({&request, 1}).ok());
    REQUIRE(request.status.ok());
    std::size_t in_last = 0;
    for (const auto& [at, row] : kept->rows) in_last += at.first == c.layer ? 1U : 0U;
    CHECK(in_last == (want == Logits::kLast ? 1U : 0U));
    CHECK(kept->rows.size() == in_last + c.tokens.size());
    if (want == Logits::kLast) CHECK(kept->rows.contains({c.layer, static_cast<Position>(c.tokens.size() - 1)}));
  }
}

TEST_CASE("a sink that fails or throws ends its own requests and no others") {
  const Case c("tiny_tied");
  const auto kept = std::make_shared<Kept>();
  kept->fails_with = GENERATE(Code::kNoSpace, Code::kHostException);
  Kernel kernel = make_kernel();
  Context good = kernel.open(c.model).value();
  Context bad = kernel.open(Pathway(c.model).record(kept).value()).value();
  std::array<Request, 2> requests = {Request{.context = &bad, .tokens = c.tokens, .want = Logits::kNone},
                                     Request{.context = &good, .tokens = c.tokens, .want = Logits::kNone}};
  while (kernel.step(requests).value().unfinished > 0) {
  }
  CHECK(requests[0].status.code() == kept->fails_with);
  CHECK(bad.size() == 0);
  CHECK(requests[1].status.ok());
  CHECK(good.size() == c.tokens.size());
}

TEST_CASE("a router that sees other rows runs only where the host accepts that") {
  const Case c("tiny_tied");
  const std::size_t N = c.model.config().num_experts;
  const std::size_t V = c.model.config().vocab_size;
  std::vector<std::size_t> calls;
  const auto first = std::make_shared<Kept>();
  const auto second = std::make_shared<Kept>();
  const Pathway pathway = Pathway(c.model).replace_router(c.layer, ByPlace{.N = N, .calls = &calls}).value();
  CHECK(pathway.host_dependent());
  CHECK_FALSE(Pathway(c.model).host_dependent());

  Kernel kernel = make_kernel();
  const Status refused = kernel.open(pathway).status();
  CHECK(refused.code() == Code::kInvalidArgument);
  CHECK(refused.message().find("host_dependent") != std::string_view::npos);
  CHECK(kernel.memory()->used() == 0);

  Context a = kernel.open(pathway.record(first).value(), {.host_dependent = true}).value();
  Context plain = kernel.open(c.model, {.host_dependent = true}).value();
  Context b = kernel.open(pathway.record(second).value(), {.host_dependent = true}).value();
  CHECK(a.host_dependent());
  CHECK(a.fork().value().host_dependent());
  CHECK_FALSE(plain.host_dependent());
  const std::span<const TokenId> tokens(c.tokens);
  std::vector<float> out_a(5 * V), out_plain(11 * V), out_b(9 * V);
  std::array<Request, 3> requests = {
      Request{.context = &a, .tokens = tokens.first(5), .want = Logits::kAll, .logits = Rows(out_a.data(), 5, V)},
      Request{
          .context = &plain, .tokens = tokens.first(11), .want = Logits::kAll, .logits = Rows(out_plain.data(), 11, V)},
      Request{.context = &b, .tokens = tokens.first(9), .want = Logits::kAll, .logits = Rows(out_b.data(), 9, V)}};
  REQUIRE(kernel.step(requests).ok());
  for (const Request& request : requests) CHECK(request.status.message() == "");
  CHECK(first->host_dependent);
  CHECK(calls == std::vector<std::size_t>{14});  // all of its rows in one call, and nobody else's
  for (std::size_t t = 0; t < 14; ++t) {
    const auto& kept = t < 5 ? *first : *second;
    const auto& row = kept.rows.at({c.layer, static_cast<Position>(t < 5 ? t : t - 5)});
    CHECK(row.experts == std::vector<std::int32_t>{static_cast<std::int32_t>(t % N)});
  }
  Kernel other = make_kernel();
  Context alone = other.open(c.model).value();
  CHECK(same_bits(out_plain, all_logits(other, alone, tokens.first(11), V)));
  // What a row gets is what its expert makes of it: the same choice by a row-local router gives the same bits.
  Context same = other.open(Pathway(c.model).replace_router(c.layer, FromRowFive{N}).value()).value();
  CHECK(same_bits(out_b, all_logits(other, same, tokens.first(9), V)));
}

TEST_CASE("routers and sinks are checked, compose, and are told apart by their hash") {
  const Case c("mlp_only_layers");  // the first layer is dense
  const Pathway plain(c.model);
  const TopKOptions options = options_of(c.model.config());
  const TopK same = TopK::create(options).value();
  CHECK(plain.replace_router(0, same).status().code() == Code::kNotFound);
  CHECK(plain.replace_router(99, same).status().code() == Code::kNotFound);
  CHECK(c.model.router(0).status().code() == Code::kNotFound);
  CHECK(plain.record(nullptr).status().code() == Code::kInvalidArgument);
  const Model dense = Model::load(data_folder("qwen3")).value();
  CHECK(Pathway(dense).record(std::make_shared<Kept>()).status().code() == Code::kNotFound);
  TopKOptions wide = options;
  wide.num_experts += 1;
  const Status wrong = plain.replace_router(1, TopK::create(wide).value()).status();
  CHECK(wrong.code() == Code::kShape);
  CHECK(wrong.message().find("layer 1") != std::string_view::npos);

  const Pathway first = plain.replace_router(1, same, "twice").value();
  CHECK(first.hash() == plain.replace_router(1, same, "twice").value().hash());
  CHECK(first.hash() != plain.hash());
  CHECK(first.hash() != plain.replace_router(2, same, "twice").value().hash());
  CHECK(first.hash() != plain.replace_router(1, same, "thrice").value().hash());
  const Pathway nameless = plain.replace_router(1, same).value();
  CHECK(nameless.hash() != plain.replace_router(1, same).value().hash());
  // Whatever lies at addresses that were given back.
  const Pathway recorded = plain.replace_router(1, same).value().record(std::make_shared<Kept>()).value();
  for (int i = 0; i < 100; ++i) CHECK(plain.replace_router(1, same).value().hash() != recorded.hash());
  const Pathway expert =
      plain.replace_expert({.layer = 1, .expert = 0}, c.model.expert({.layer = 1, .expert = 0}).value(), "twice")
          .value();
  CHECK(first.hash() != expert.hash());
  const Pathway both =
      first.replace_expert({.layer = 1, .expert = 0}, c.model.expert({.layer = 1, .expert = 0}).value(), "x").value();
  CHECK(both.hash() != first.hash());
  Kernel kernel = make_kernel();
  CHECK(same_bits(c.logits(kernel, both), c.logits(kernel, plain)));
}
