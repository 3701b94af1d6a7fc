// SPDX-License-Identifier: Apache-2.0
// Experts of the host inside a loaded model: Pathway::replace_expert().
#include <array>
#include <atomic>
#include <stdexcept>

#include <moxie/core/math.hpp>

#include "routed_case.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// Factor times the row.
struct Scaled {
  std::size_t D = 0;
  float factor = 1;
  std::atomic<std::size_t>* rows = nullptr;

  std::size_t width() const noexcept { return D; }
  std::size_t scratch_bytes(std::size_t T) const noexcept { return T * D * sizeof(float); }
  Status run(ConstRows x, Rows y, Workspace& ws) const {
    MOXIE_TRY_LET(const Rows staged, ws.rows(x.rows, D));  // it really needs its scratch
    for (std::size_t t = 0; t < x.rows; ++t) {
      for (std::size_t d = 0; d < D; ++d) staged[t][d] = factor * x[t][d];
      std::copy_n(staged.row(t), D, y.row(t));
    }
    if (rows != nullptr) *rows += x.rows;
    return {};
  }
};

struct Failing {
  std::size_t D = 0;
  bool throws = false;
  std::size_t width() const noexcept { return D; }
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status run(ConstRows, Rows, Workspace&) const {
    if (throws) throw std::runtime_error("no");
    return Status(Code::kNotFound, "expert", "an answer", "none");
  }
};

}  // namespace

TEST_CASE("an equal expert in a checkpoint's place changes no bit") {
  const std::string name = GENERATE("tiny_tied", "bf16", "odd_widths", "qwen2_moe", "deepseek_v3", "gpt_oss_mxfp4");
  INFO(name);
  const Model model = Model::load(data_folder(name)).value();
  const std::vector<bool>& has_experts = model.config().moe_layers;
  std::size_t layer = has_experts.size() - 1;
  while (!has_experts[layer]) --layer;
  Pathway pathway(model);
  for (std::size_t e = 0; e < model.config().num_experts; e += 2) {
    pathway = pathway.replace_expert({.layer = layer, .expert = e}, model.expert({layer, e}).value(), "own").value();
  }
  std::vector<TokenId> tokens(70);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<TokenId>(i * 7 % 60);
  Kernel kernel = make_kernel();
  Context plain = kernel.open(model).value();
  Context edited = kernel.open(pathway).value();
  const auto expected = all_logits(kernel, plain, tokens, model.config().vocab_size);
  CHECK(same_bits(all_logits(kernel, edited, tokens, model.config().vocab_size), expected));
  Context pieces = kernel.open(pathway).value();
  CHECK(same_bits(all_logits(kernel, pieces, tokens, model.config().vocab_size, 7), expected));
}

TEST_CASE("another expert changes the rows that chose it and no others") {
  const Case c(GENERATE(as<std::string>{}, "tiny_tied", "biases", "mixtral"));
  Kernel kernel = make_kernel();
  const std::size_t V = c.model.config().vocab_size;
  const std::vector<float> expected = c.logits(kernel, Pathway(c.model));
  bool some_changed = false;
  bool some_stayed = false;
  for (std::size_t expert = 0; expert < c.model.config().num_experts; ++expert) {
    std::atomic<std::size_t> rows{0};
    const Pathway pathway =
        Pathway(c.model)
            .replace_expert({.layer = c.layer, .expert = expert}, Scaled{.D = c.width(), .factor = 3.0f, .rows = &rows})
            .value();
    const std::vector<float> came = c.logits(kernel, pathway);
    std::size_t chose = 0;
    for (std::size_t t = 0; t < c.tokens.size(); ++t) {
      INFO("expert " << expert << ", token " << t);
      const bool same = same_bits(std::span(came).subspan(t * V, V), std::span(expected).subspan(t * V, V));
      CHECK(same != c.chose(t, expert));
      chose += c.chose(t, expert) ? 1U : 0U;
      some_changed = some_changed || !same;
      some_stayed = some_stayed || same;
    }
    CHECK(rows == chose);
  }
  CHECK(some_changed);
  CHECK(some_stayed);
}

TEST_CASE("contexts on different pathways share a step, and each has the bits that it has alone") {
  const Case c("tiny_tied");
  const std::size_t V = c.model.config().vocab_size;
  std::vector<Pathway> pathways = {Pathway(c.model)};
  for (const float factor : {2.0f, -1.0f}) {
    Pathway pathway(c.model);
    for (const std::size_t expert : {0U, 1U, 3U}) {
      pathway = pathway
                    .replace_expert({.layer = 0, .expert = expert},
                                    Scaled{.D = c.width(), .factor = factor + static_cast<float>(expert)})
                    .value();
    }
    pathways.push_back(pathway);
  }
  std::vector<std::vector<float>> alone;
  for (const Pathway& pathway : pathways) {
    Kernel kernel = make_kernel(1);
    alone.push_back(c.logits(kernel, pathway));
  }
  CHECK_FALSE(same_bits(alone[0], alone[1]));
  CHECK_FALSE(same_bits(alone[1], alone[2]));

  Kernel kernel = Kernel::create({.threads = 3, .max_step_rows = 40}).value();
  std::vector<Context> contexts;
  std::vector<std::vector<float>> came(pathways.size(), std::vector<float>(c.tokens.size() * V));
  std::vector<Request> requests;
  for (const Pathway& pathway : pathways) contexts.push_back(kernel.open(pathway).value());
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    requests.push_back({.context = &contexts[i],
                        .tokens = c.tokens,
                        .want = Logits::kAll,
                        .logits = Rows(came[i].data(), c.tokens.size(), V),
                        .max_rows = 11 + i});
  }
  while (kernel.step(requests).value().unfinished > 0) {
  }
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    INFO("pathway " << i);
    CHECK(requests[i].status.ok());
    CHECK(same_bits(came[i], alone[i]));
  }
  Context fork = contexts[1].fork().value();  // stays on its pathway
  const std::array<TokenId, 3> more = {5, 6, 7};
  const auto of_fork = all_logits(kernel, fork, more, V);
  CHECK(same_bits(of_fork, all_logits(kernel, contexts[1], more, V)));
  CHECK_FALSE(same_bits(of_fork, all_logits(kernel, contexts[0], more, V)));
}

TEST_CASE("an expert that fails or throws ends the requests that reach it and no others") {
  const Case c("tiny_tied");
  const bool throws = GENERATE(false, true);
  Pathway broken(c.model);
  for (std::size_t e = 0; e < c.model.config().num_experts; ++e) {
    broken = broken.replace_expert({.layer = 0, .expert = e}, Failing{.D = c.width(), .throws = throws}).value();
  }
  Kernel kernel = make_kernel();
  Context good = kernel.open(c.model).value();
  Context bad = kernel.open(broken).value();
  std::array<Request, 2> requests = {Request{.context = &good, .tokens = c.tokens, .want = Logits::kNone},
                                     Request{.context = &bad, .tokens = c.tokens, .want = Logits::kNone}};
  while (kernel.step(requests).value().unfinished > 0) {
  }
  CHECK(requests[0].status.ok());
  CHECK(good.size() == c.tokens.size());
  CHECK(requests[1].status.code() == (throws ? Code::kHostException : Code::kNotFound));
  CHECK(bad.size() == 0);
}

TEST_CASE("edits are checked, compose, and are told apart by their hash") {
  const Case c("mlp_only_layers");  // the first layer is dense
  const Pathway plain(c.model);
  const Scaled same{.D = c.width(), .factor = 2.0f};
  CHECK(plain.replace_expert({.layer = 0, .expert = 0}, same).status().code() == Code::kNotFound);
  CHECK(plain.replace_expert({.layer = 99, .expert = 0}, same).status().code() == Code::kNotFound);
  CHECK(plain.replace_expert({.layer = 1, .expert = 1000}, same).status().code() == Code::kNotFound);
  const Status wide = plain.replace_expert({.layer = 1, .expert = 0}, Scaled{.D = c.width() + 1}).status();
  CHECK(wide.code() == Code::kShape);
  CHECK(wide.message().find("layer 1") != std::string_view::npos);
  CHECK(c.model.expert({.layer = 0, .expert = 0}).status().code() == Code::kNotFound);
  CHECK(c.model.expert({.layer = 1, .expert = 0}).value().width() == c.width());

  const Pathway first = plain.replace_expert({.layer = 1, .expert = 0}, same, "twice").value();
  const Pathway again = plain.replace_expert({.layer = 1, .expert = 0}, same, "twice").value();
  const Pathway other = plain.replace_expert({.layer = 1, .expert = 1}, same, "twice").value();
  const Pathway renamed = plain.replace_expert({.layer = 1, .expert = 0}, same, "thrice").value();
  const Pathway nameless = plain.replace_expert({.layer = 1, .expert = 0}, same).value();
  const Pathway nameless_too = plain.replace_expert({.layer = 1, .expert = 0}, same).value();
  CHECK(plain.hash() == c.model.identity());
  CHECK(first.hash() == again.hash());
  CHECK(first.hash() != plain.hash());
  CHECK(first.hash() != other.hash());
  CHECK(first.hash() != renamed.hash());
  CHECK(nameless.hash() != nameless_too.hash());
  const Pathway both = first.replace_expert({.layer = 1, .expert = 1}, same, "twice").value();
  CHECK(both.hash() != first.hash());

  Kernel kernel = make_kernel();
  CHECK(kernel.open(both).value().pathway_hash() == both.hash());
  // The edit of one layer's expert twice: the last one counts.
  const Pathway back =
      first.replace_expert({.layer = 1, .expert = 0}, c.model.expert({.layer = 1, .expert = 0}).value(), "own").value();
  CHECK(same_bits(c.logits(kernel, back), c.logits(kernel, plain)));
  CHECK_FALSE(same_bits(c.logits(kernel, first), c.logits(kernel, plain)));
}

TEST_CASE("room for an expert's scratch is taken when a context is opened, and refused exactly") {
  const Case c("tiny_tied");
  std::uint64_t plain = 0;
  std::uint64_t edited = 0;
  const Pathway pathway =
      Pathway(c.model).replace_expert({.layer = 0, .expert = 0}, Scaled{.D = c.width(), .factor = 2.0f}).value();
  {
    Kernel kernel = make_kernel();
    const Context context = kernel.open(c.model).value();
    plain = kernel.memory()->used();
    const Context other = kernel.open(pathway).value();
    edited = kernel.memory()->used() - other.usage().bytes;
  }
  CHECK(edited > plain);
  Kernel kernel = Kernel::create({.threads = 2, .memory_bytes = edited - 1, .max_step_rows = 64}).value();
  Context context = kernel.open(c.model).value();
  CHECK(kernel.open(pathway).status().code() == Code::kBudget);
  CHECK(kernel.memory()->used() == plain);
  const std::array<TokenId, 3> tokens = {1, 2, 3};
  CHECK_NOTHROW(all_logits(kernel, context, tokens, c.model.config().vocab_size));
}
