// SPDX-License-Identifier: Apache-2.0
// The row law on whole models: a row's bits depend on its context's tokens and on nothing else.

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include <moxie/core/philox.hpp>

#include "support/catch.hpp"
#include "support/running.hpp"
#include "support/sanitized.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// One checkpoint of each kind of layer, with odd widths and stored types.
const std::vector<std::string> kCheckpoints = {"odd_widths",       "bf16",       "biases", "sparse_step_2",
                                               "gqa_6_heads_2_kv", "deepseek_v3"};
/// One of each kind of family beside; what they add (windows, norms, shared experts) knows nothing of products.
const std::vector<std::string> kFamilies = {
    "llama_biases",      "deepseek_v2",    "mistral_window", "mixtral_window", "olmoe",    "qwen2_window_above",
    "qwen2_moe_mixed",   "qwen3_yarn",     "gpt_oss",        "gpt_oss_mxfp4",  "glm4_moe", "minimax_m2",
    "ernie4_5_moe_step", "hunyuan_v1_moe", "gemma2",         "afmoe",          "gemma3",   "gemma4_moe",
    "gemma4_small",      "cohere2_moe",    "laguna",         "mistral4",       "olmo3",    "granite"};

/// Of pages of each type; that they widen exactly is the kernels' test.
const std::vector<std::pair<std::string, KvType>> kTyped = {
    {"odd_widths", KvType::kF16},      {"odd_widths", KvType::kBF16},  {"odd_widths", KvType::kQ8_0},
    {"mistral_window", KvType::kQ8_0}, {"deepseek_v2", KvType::kQ8_0}, {"gpt_oss", KvType::kF16}};

struct Case {
  Model model;
  KvType kv_type = KvType::kF32;
  std::vector<TokenId> tokens;
  std::vector<float> expected;  ///< the whole prompt at once, alone, on one thread
  std::size_t vocab_size = 0;

  Kernel kernel(KernelOptions options) const {
    options.kv_type = kv_type;
    return Kernel::create(options).value();
  }
  std::span<const float> row(std::size_t position) const {
    return std::span(expected).subspan(position * vocab_size, vocab_size);
  }
};

Case make_case(const std::string& name, MatmulPath path, KvType kv_type) {
  ReferenceLogits reference = load_reference(name == "gpt_oss_mxfp4" ? "gpt_oss" : name);  // tokens alone
  Case made{.model = Model::load(data_folder(name), {.backend = {.matmul = path}}).value(),
            .kv_type = kv_type,
            .tokens = std::move(reference.tokens),
            .expected = {},
            .vocab_size = reference.vocab_size};
  Kernel kernel = made.kernel({.executor = ExecutorKind::kSerial});
  Context context = kernel.open(made.model).value();
  made.expected = all_logits(kernel, context, made.tokens, made.vocab_size);
  return made;
}

const Case& case_of(std::string_view name, MatmulPath path, KvType kv_type = KvType::kF32) {
  static std::map<std::tuple<std::string, MatmulPath, KvType>, Case> cases;
  const auto key = std::tuple(std::string(name), path, kv_type);
  if (!cases.contains(key)) cases.emplace(key, make_case(std::string(name), path, kv_type));
  return cases.at(key);
}

template <class F>
void for_each_case(F&& body) {
  const auto path = GENERATE(MatmulPath::kAuto, MatmulPath::kNative);
  for (const std::string& name : kCheckpoints) {
    DYNAMIC_SECTION(name << " on " << moxie::name(path)) { body(case_of(name, path)); }
  }
  if (path != MatmulPath::kNative) return;
  for (const std::string& name : kFamilies) {
    DYNAMIC_SECTION(name) { body(case_of(name, path)); }
  }
  for (const auto& [name, type] : kTyped) {
    DYNAMIC_SECTION(name << " with pages of " << moxie::name(type)) { body(case_of(name, path, type)); }
  }
}

std::vector<float> run(const Case& c, const KernelOptions& options, std::size_t chunk) {
  Kernel kernel = c.kernel(options);
  Context context = kernel.open(c.model).value();
  return all_logits(kernel, context, c.tokens, c.vocab_size, chunk);
}

}  // namespace

TEST_CASE("what ran is known") {
  const Case& c = case_of("biases", MatmulPath::kAuto);
  const BackendInfo info = c.model.backend().info().value();
  for (const WeightPath& path : c.model.weight_paths().value()) {
    WARN("oneDNN " << info.onednn << " within " << info.onednn_isa << ": " << path.count << " matrices on "
                   << path.path);
  }
  CHECK(case_of("biases", MatmulPath::kNative).model.weight_paths().value().at(0).path.starts_with("native"));
}

TEST_CASE("pieces of a prompt give the bits of the whole") {
  for_each_case([](const Case& c) {
    // A sanitizer looks for other things than bits, so a few of each kind do.
    for (std::size_t chunk = 1; chunk <= c.tokens.size(); chunk += kSanitized ? 15 : chunk < 36 ? 1 : 11) {
      CAPTURE(chunk);
      CHECK(same_bits(run(c, {.threads = 2}, chunk), c.expected));
    }
  });
}

TEST_CASE("threads and executors do not show") {
  for_each_case([](const Case& c) {
    for (const ExecutorKind kind : {ExecutorKind::kThreads, ExecutorKind::kOpenMp}) {
      if (!executor_available(kind)) continue;
      for (std::size_t threads = 1; threads <= 8; threads += kSanitized ? 3 : 1) {
        CAPTURE(moxie::name(kind), threads);
        CHECK(same_bits(run(c, {.threads = threads, .executor = kind}, 29), c.expected));
      }
    }
  });
}

TEST_CASE("a row has the same bits among any neighbours, at any place of the batch") {
  for_each_case([](const Case& c) {
    const Philox random(2024);
    const std::vector<std::size_t> all = {1, 2, 3, 4, 7, 16, 17, 33, 64};
    const std::vector<std::size_t> few = {3, 17};
    for (const std::size_t tenants : kSanitized ? few : all) {
      CAPTURE(tenants);
      Kernel kernel = c.kernel({.threads = 2, .max_step_rows = 64, .kv_pool = {.poison_freed = true}});
      std::vector<Context> contexts;
      std::vector<std::vector<TokenId>> tokens;
      std::vector<std::vector<float>> logits;
      for (std::size_t i = 0; i < tenants; ++i) {
        contexts.push_back(kernel.open(c.model).value());
        const auto draw = random.block(tenants * 100 + i);
        tokens.push_back(c.tokens);
        // The watched one is whole; the others say something else, from some position on.
        const std::size_t watched = tenants / 2;
        if (i != watched) {
          tokens[i].resize(1 + draw[0] % c.tokens.size());
          for (std::size_t j = draw[1] % tokens[i].size(); j < tokens[i].size(); ++j) {
            tokens[i][j] = static_cast<TokenId>(random.block(j + draw[2])[3] % c.vocab_size);
          }
        }
        logits.emplace_back(tokens[i].size() * c.vocab_size);
      }
      std::vector<Request> requests;
      for (std::size_t i = 0; i < tenants; ++i) {
        requests.push_back({.context = &contexts[i],
                            .tokens = tokens[i],
                            .want = Logits::kAll,
                            .logits = Rows(logits[i].data(), tokens[i].size(), c.vocab_size),
                            .max_rows = 1 + random.block(i)[0] % 9});
      }
      while (std::ranges::any_of(requests, [](const Request& request) { return !request.finished(); })) {
        REQUIRE(kernel.step(requests).ok());
        std::rotate(requests.begin(), requests.begin() + static_cast<std::ptrdiff_t>(requests.size() / 3),
                    requests.end());  // another order
      }
      for (std::size_t i = 0; i < tenants; ++i) {
        // Positions before the first other token are the reference's own.
        const auto [mine, theirs] = std::ranges::mismatch(tokens[i], c.tokens);
        const auto same = static_cast<std::size_t>(mine - tokens[i].begin());
        CHECK(same_bits(std::span(logits[i]).first(same * c.vocab_size),
                        std::span(c.expected).first(same * c.vocab_size)));
      }
    }
  });
}

TEST_CASE("a fork goes on with the bits of a context that was never forked") {
  for_each_case([](const Case& c) {
    for (const std::size_t at : std::vector<std::size_t>{1, 31, 32, 33, 50, 64}) {
      CAPTURE(at);
      Kernel kernel = c.kernel({.threads = 2, .kv_pool = {.poison_freed = true}});
      Context trunk = kernel.open(c.model).value();
      all_logits(kernel, trunk, std::span(c.tokens).first(at), c.vocab_size);
      Context fork = trunk.fork().value();
      // The trunk says something else first: what it writes must not reach the fork.
      const std::vector<TokenId> other(9, 3);
      all_logits(kernel, trunk, other, c.vocab_size);
      const auto rest = std::span(c.tokens).subspan(at);
      CHECK(
          same_bits(all_logits(kernel, fork, rest, c.vocab_size, 5), std::span(c.expected).subspan(at * c.vocab_size)));
      REQUIRE(trunk.truncate(at).ok());
      CHECK(same_bits(all_logits(kernel, trunk, rest, c.vocab_size), std::span(c.expected).subspan(at * c.vocab_size)));
    }
  });
}

TEST_CASE("only the last logits, or none before, give the bits of all") {
  for_each_case([](const Case& c) {
    Kernel kernel = c.kernel({.threads = 2});
    for (std::size_t n = 1; n <= c.tokens.size(); n += 9) {
      Context context = kernel.open(c.model).value();
      std::vector<float> out(c.vocab_size);
      Request request{.context = &context,
                      .tokens = std::span(c.tokens).first(n),
                      .want = Logits::kLast,
                      .logits = Rows(out.data(), 1, c.vocab_size),
                      .max_rows = 7};
      while (!request.finished()) REQUIRE(kernel.step({&request, 1}).ok());
      REQUIRE(request.status.ok());
      CHECK(same_bits(out, c.row(n - 1)));
    }
  });
}

TEST_CASE("the law holds for every family with pages of every type") {
  // Pieces, threads, neighbours and a fork at once: which of them it was, the cases above would say.
  std::vector<std::string> names = kFamilies;
  names.insert(names.end(), kCheckpoints.begin(), kCheckpoints.end());
  for (const std::string& name : names) {
    for (const KvType type : {KvType::kF16, KvType::kBF16, KvType::kQ8_0}) {
      CAPTURE(name, moxie::name(type));
      const Case& c = case_of(name, MatmulPath::kNative, type);
      Kernel kernel = c.kernel({.threads = 3, .max_step_rows = 48, .kv_pool = {.poison_freed = true}});
      constexpr std::size_t kTenants = 5;
      constexpr std::size_t kFork = 33;
      REQUIRE(c.tokens.size() > kFork);
      std::vector<Context> contexts;
      for (std::size_t i = 0; i < kTenants; ++i) contexts.push_back(kernel.open(c.model).value());
      // Two of them fork a trunk in the middle of a page, which then goes.
      std::optional<Context> trunk = kernel.open(c.model).value();
      all_logits(kernel, *trunk, std::span(c.tokens).first(kFork), c.vocab_size, 7);
      contexts[1] = trunk->fork().value();
      contexts[3] = trunk->fork().value();
      trunk.reset();
      std::vector<Request> requests;
      std::vector<std::vector<float>> logits(kTenants);
      for (std::size_t i = 0; i < kTenants; ++i) {
        const auto tokens = std::span(c.tokens).subspan(i % 2 == 1 ? kFork : 0);
        logits[i].resize(tokens.size() * c.vocab_size);
        requests.push_back({.context = &contexts[i],
                            .tokens = tokens,
                            .want = Logits::kAll,
                            .logits = Rows(logits[i].data(), tokens.size(), c.vocab_size),
                            .max_rows = 1 + 5 * i});
      }
      while (std::ranges::any_of(requests, [](const Request& request) { return !request.finished(); })) {
        REQUIRE(kernel.step(requests).ok());
        std::rotate(requests.begin(), requests.begin() + 2, requests.end());
      }
      for (const Request& request : requests) CHECK(request.status.message() == "");
      for (std::size_t i = 0; i < kTenants; ++i) {
        CHECK(same_bits(logits[i], std::span(c.expected).last(logits[i].size())));
      }
    }
  }
}

TEST_CASE("pages behind a window may be given back: no bit changes") {
  for (const std::string name : {"mistral_window", "mixtral_window"}) {
    const KvType type = GENERATE(KvType::kF32, KvType::kQ8_0);
    CAPTURE(name, moxie::name(type));
    const Case& c = case_of(name, MatmulPath::kNative, type);
    for (const std::size_t chunk : {1u, 20u, 80u}) {
      Kernel kernel = c.kernel({.threads = 2, .kv_pool = {.poison_freed = true}});
      Context context = kernel.open(c.model, {.rewind = 0}).value();
      CHECK(same_bits(all_logits(kernel, context, c.tokens, c.vocab_size, chunk), c.expected));
      CHECK(context.usage().released_pages > 0);
    }
  }
}

TEST_CASE("every ISA path gives the same bits with pages of every type") {
  for (const auto& [name, type] : kTyped) {
    CAPTURE(name, moxie::name(type));
    const Case& c = case_of(name, MatmulPath::kNative, type);
    std::size_t paths = 0;
    for (const Isa isa : kIsas) {
      const auto model = Model::load(data_folder(name), {.backend = {.isa = isa, .matmul = MatmulPath::kNative}});
      if (!model.ok() && model.status().code() == Code::kUnsupported) continue;  // not on this CPU
      Kernel kernel = c.kernel({.threads = 2});
      Context context = kernel.open(*model).value();
      CHECK(same_bits(all_logits(kernel, context, c.tokens, c.vocab_size), c.expected));
      ++paths;
    }
    CHECK(paths >= 1);
  }
}
