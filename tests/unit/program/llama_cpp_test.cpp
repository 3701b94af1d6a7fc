// SPDX-License-Identifier: Apache-2.0
// Files between moxie and llama.cpp, with what llama.cpp said to them (tests/data/llama_cpp/make.py).

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "commands.hpp"
#include "support/catch.hpp"
#include "support/running.hpp"
#include "support/safetensors_writer.hpp"
#include "support/temporary_folder.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

template <class T>
std::vector<double> doubles(const Checkpoint& file, const std::string& name) {
  const std::vector<T> values = elements<T>(file.find(name).value());
  return {values.begin(), values.end()};
}

/// The mean over positions of the KL divergence, in nats, of `other` from `reference`.
double divergence(std::span<const double> reference, std::span<const double> other, std::size_t vocab) {
  REQUIRE(reference.size() == other.size());
  REQUIRE(reference.size() % vocab == 0);
  double sum = 0;
  for (std::size_t at = 0; at < reference.size(); at += vocab) {
    const auto normaliser = [&](std::span<const double> x) {
      const double most = *std::ranges::max_element(x);
      double total = 0;
      for (const double value : x) total += std::exp(value - most);
      return most + std::log(total);
    };
    const auto p = reference.subspan(at, vocab);
    const auto q = other.subspan(at, vocab);
    const double shift = normaliser(q) - normaliser(p);
    for (std::size_t v = 0; v < vocab; ++v) {
      sum += std::exp(p[v] - normaliser(p)) * (p[v] - q[v] + shift);
    }
  }
  return sum / static_cast<double>(reference.size() / vocab);
}

std::vector<double> run(const std::filesystem::path& path, const std::vector<TokenId>& tokens,
                        const ModelOptions& options = {}) {
  const Model model = Model::load(path, options).value();
  Kernel kernel = Kernel::create({.threads = 2}).value();
  Context context = kernel.open(model).value();
  const std::vector<float> logits = all_logits(kernel, context, tokens, model.config().vocab_size);
  return {logits.begin(), logits.end()};
}

/// At how many positions another token is the best; where the two best are closer than the two differ, either may be.
std::size_t other_choices(std::span<const double> a, std::span<const double> b, std::size_t vocab) {
  std::size_t wrong = 0;
  for (std::size_t at = 0; at < a.size(); at += vocab) {
    const auto x = a.subspan(at, vocab);
    const auto y = b.subspan(at, vocab);
    const auto mine = std::ranges::max_element(x) - x.begin();
    const auto best = std::ranges::max_element(y);
    double apart = 0;
    for (std::size_t v = 0; v < vocab; ++v) apart = std::max(apart, std::fabs(x[v] - y[v]));
    if (*best - *(y.begin() + mine) > 2 * apart) ++wrong;
  }
  return wrong;
}

}  // namespace

TEST_CASE("the comparator tells distributions apart") {
  const std::vector<double> a = {1, 2, 3, 0, 0, 0};
  std::vector<double> b = a;
  CHECK(divergence(a, b, 3) == 0);
  for (double& value : b) value += 7;  // the same distribution
  CHECK(divergence(a, b, 3) < 1e-12);
  b[3] += 1;
  CHECK(divergence(a, b, 3) > 0.05);
  CHECK(other_choices(a, std::vector<double>{1, 2, 3, 0, 0, 0}, 3) == 0);
}

TEST_CASE("a file that llama.cpp quantized in every type runs by the documented rule, and as well as there") {
  const std::filesystem::path folder = data_folder("llama_cpp");
  const Checkpoint file = Checkpoint::open(folder / "all_types.gguf").value();
  std::set<ElementType> types;
  for (const Tensor& tensor : file.tensors()) types.insert(tensor.type);
  CHECK(types.size() == 15);  // F32, F16, BF16 and the twelve of blocks

  const Checkpoint reference = Checkpoint::open(folder / "all_types.safetensors").value();
  const auto tokens = elements<TokenId>(reference.find("tokens").value());
  const auto vocab = static_cast<std::size_t>(reference.find("rule").value().dims[1]);
  const std::vector<double> rule = doubles<double>(reference, "rule");
  const std::vector<double> exact = doubles<double>(reference, "exact");
  const std::vector<double> llama = doubles<float>(reference, "llama");
  const double theirs = divergence(exact, llama, vocab);
  for (const Isa isa : kIsas) {
    ModelOptions options{.backend = {.isa = isa, .matmul = MatmulPath::kNative}, .files = {}};
    if (!Backend::create(options.backend).ok()) continue;
    for (const bool read : {false, true}) {
      options.files.read = read;
      const std::vector<double> ours = run(folder / "all_types.gguf", tokens, options);
      const double from_rule = divergence(rule, ours, vocab);
      const double from_exact = divergence(exact, ours, vocab);
      CAPTURE(moxie::name(isa), read, from_rule, from_exact, theirs);
      CHECK(from_rule <= 1e-4);
      CHECK(from_exact <= 1.1 * theirs);
      CHECK(other_choices(ours, llama, vocab) == 0);
    }
  }
}

TEST_CASE("llama.cpp says the same to a file that moxie synth wrote") {
  const Checkpoint reference = Checkpoint::open(data_folder("llama_cpp") / "synth.safetensors").value();
  program::Synth synth;
  synth.seed = 4;
  synth.layers = 2;
  synth.hidden = 256;
  synth.experts = 8;
  synth.experts_per_token = 2;
  synth.expert_width = 256;
  synth.heads = 4;
  synth.kv_heads = 2;
  synth.head_width = 32;
  synth.vocab = 259;
  const TemporaryFolder folder;
  synth.output = (folder / "m.gguf").native();
  struct Case {
    const char* type;
    double limit;  ///< both round the activations of quantized weights, each in its own places
  };
  for (const auto& [type, limit] :
       {Case{"q4_k_m", 5e-4}, Case{"q8_0", 5e-4}, Case{"q4_0", 5e-4}, Case{"bf16", 5e-5}, Case{"f32", 1e-6}}) {
    synth.type = type;
    REQUIRE(program::run_synth(synth).ok());
    const auto tokens = elements<TokenId>(reference.find(joined({type, ".tokens"})).value());
    const std::vector<double> llama = doubles<float>(reference, joined({type, ".llama"}));
    const std::vector<double> ours = run(folder / "m.gguf", tokens);
    const double kl = divergence(llama, ours, synth.vocab);
    CAPTURE(type, kl);
    CHECK(kl <= limit);
    CHECK(other_choices(ours, llama, synth.vocab) == 0);
  }
}
