// SPDX-License-Identifier: Apache-2.0
// Adapters against PEFT's formula in numpy and double (tests/data/make_adapters.py).
#include <array>
#include <cmath>
#include <fstream>
#include <sstream>

#include <moxie/expert/low_rank.hpp>
#include <moxie/model/adapter.hpp>

#include "routed_case.hpp"
#include "support/catch.hpp"
#include "support/plain_linear.hpp"
#include "support/temporary_folder.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

std::filesystem::path adapter_folder(const std::string& name) { return test_data() / "adapters" / name; }
Adapter adapter(const std::string& name) { return Adapter::load(adapter_folder(name)).value(); }

std::vector<double> expected(const std::string& name) {
  return elements<double>(Checkpoint::open(test_data() / "adapters" / "logits.safetensors").value().find(name).value());
}

/// The largest difference over the largest logit.
double apart(const std::vector<float>& came, const std::vector<double>& wanted) {
  REQUIRE(came.size() == wanted.size());
  double difference = 0;
  double largest = 0;
  for (std::size_t i = 0; i < came.size(); ++i) {
    REQUIRE(std::isfinite(came[i]));
    difference = std::max(difference, std::abs(static_cast<double>(came[i]) - wanted[i]));
    largest = std::max(largest, std::abs(wanted[i]));
  }
  return difference / largest;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("adapters on attention and on single experts give PEFT's logits, alone and two at once") {
  const Case c("tiny_tied");
  Kernel kernel = make_kernel();
  CHECK(adapter("first").matrices() == 26);
  CHECK(adapter("first").rank() == 4);
  CHECK(adapter("second").rank() == 3);
  const Pathway plain(c.model);
  const Pathway first = plain.add_adapter(adapter("first")).value();
  const Pathway both = first.add_adapter(adapter("second"), -0.5f).value();
  // 1e-5 is what tests of whole models allow (reference_test.cpp).
  CHECK(apart(c.logits(kernel, first), expected("first")) < 1e-5);
  CHECK(apart(c.logits(kernel, both), expected("both")) < 1e-5);
  CHECK(apart(c.logits(kernel, plain), expected("first")) > 1e-2);
  CHECK(apart(c.logits(kernel, first), expected("both")) > 1e-2);

  // Adapters add up in either order, and one taken back leaves nearly nothing.
  const Pathway swapped = plain.add_adapter(adapter("second"), -0.5f).value().add_adapter(adapter("first")).value();
  CHECK(apart(c.logits(kernel, swapped), expected("both")) < 1e-5);
  const std::vector<float> own = c.logits(kernel, plain);
  const Pathway undone = first.add_adapter(adapter("first"), -1.0f).value();
  CHECK(apart(c.logits(kernel, undone), std::vector<double>(own.begin(), own.end())) < 1e-5);
  CHECK(same_bits(c.logits(kernel, plain.add_adapter(adapter("first"), 0.0f).value()), own));
}

TEST_CASE("an adapter on a dense block gives PEFT's logits") {
  const Case c("mlp_only_layers");
  Kernel kernel = make_kernel();
  const Pathway adapted = Pathway(c.model).add_adapter(adapter("dense")).value();
  CHECK(apart(c.logits(kernel, adapted), expected("dense")) < 1e-5);
  CHECK(apart(c.logits(kernel, Pathway(c.model)), expected("dense")) > 1e-2);
}

TEST_CASE("adapted contexts keep the row law, alone and in a step with others") {
  const Case c("tiny_tied");
  const std::size_t V = c.model.config().vocab_size;
  const Pathway plain(c.model);
  const std::vector<Pathway> pathways = {plain, plain.add_adapter(adapter("first")).value(),
                                         plain.add_adapter(adapter("second"), 2.0f).value(),
                                         plain.add_adapter(adapter("first")).value().cap_experts(1).value()};
  std::vector<std::vector<float>> alone;
  for (const Pathway& pathway : pathways) {
    Kernel kernel = make_kernel(1);
    alone.push_back(c.logits(kernel, pathway));
    CHECK(same_bits(c.logits(kernel, pathway, 1), alone.back()));
    CHECK(same_bits(c.logits(kernel, pathway, 7), alone.back()));
  }
  Kernel kernel = Kernel::create({.threads = 3, .max_step_rows = 40}).value();
  std::vector<Context> contexts;
  std::vector<Request> requests;
  std::vector<std::vector<float>> came(pathways.size(), std::vector<float>(c.tokens.size() * V));
  for (const Pathway& pathway : pathways) contexts.push_back(kernel.open(pathway).value());
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    requests.push_back({.context = &contexts[i],
                        .tokens = c.tokens,
                        .want = Logits::kAll,
                        .logits = Rows(came[i].data(), c.tokens.size(), V),
                        .max_rows = 9 + i});
  }
  while (kernel.step(requests).value().unfinished > 0) {
  }
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    CHECK(requests[i].status.message() == "");
    CHECK(same_bits(came[i], alone[i]));
  }
}

TEST_CASE("adapters are told apart by their hash, and fit or are refused") {
  const Case c("tiny_tied");
  const Pathway plain(c.model);
  const Pathway first = plain.add_adapter(adapter("first")).value();
  CHECK(first.hash() == plain.add_adapter(adapter("first")).value().hash());
  CHECK(first.hash() != plain.hash());
  CHECK(first.hash() != plain.add_adapter(adapter("first"), 0.5f).value().hash());
  CHECK(first.hash() != plain.add_adapter(adapter("second")).value().hash());
  CHECK(plain.add_adapter(adapter("first"), std::nanf("")).status().code() == Code::kInvalidArgument);
  // Of another model.
  CHECK(plain.add_adapter(adapter("dense")).status().code() == Code::kNotFound);
  const Case narrow("odd_widths");
  CHECK(Pathway(narrow.model).add_adapter(adapter("first")).status().code() == Code::kShape);
  const Model latent = Model::load(data_folder("deepseek_v3")).value();
  CHECK(Pathway(latent).add_adapter(adapter("first")).status().code() == Code::kNotFound);
  // On an expert that is the host's.
  const auto own = c.model.expert({.layer = 0, .expert = 3}).value();
  const Pathway replaced = plain.replace_expert({.layer = 0, .expert = 3}, own, "own").value();
  CHECK(replaced.add_adapter(adapter("first")).status().code() == Code::kUnsupported);
  // The other way round the host's takes its place.
  CHECK(first.replace_expert({.layer = 0, .expert = 3}, own, "own").ok());
}

TEST_CASE("what is no adapter is refused by name") {
  const std::string config = read(adapter_folder("first") / "adapter_config.json");
  const std::string weights = read(adapter_folder("first") / "adapter_model.safetensors");
  const TemporaryFolder folder;
  const auto load = [&](const std::string& of_config, const std::string& of_weights) {
    write(folder.path() / "adapter_config.json", of_config);
    write(folder.path() / "adapter_model.safetensors", of_weights);
    return Adapter::load(folder.path()).status();
  };
  const auto changed = [](std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  CHECK(load(config, weights).message() == "");
  CHECK(Adapter::load(folder.path() / "nowhere").status().code() == Code::kNotFound);
  CHECK(load("[]", weights).code() == Code::kFormat);
  CHECK(load(changed(config, "LORA", "LOHA"), weights).code() == Code::kUnsupported);
  CHECK(load(changed(config, "\"use_dora\": false", "\"use_dora\": true"), weights).code() == Code::kUnsupported);
  CHECK(load(changed(config, "\"bias\": \"none\"", "\"bias\": \"all\""), weights).code() == Code::kUnsupported);
  CHECK(load(changed(config, "\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]"), weights).code() ==
        Code::kUnsupported);
  CHECK(load(changed(config, "\"r\": 4", "\"r\": 5"), weights).code() == Code::kFormat);
  CHECK(load(changed(config, "\"r\": 4", "\"r\": 0"), weights).code() == Code::kFormat);
  CHECK(load(config, changed(weights, "self_attn.q_proj.lora_A", "self_attn.z_proj.lora_A")).code() ==
        Code::kUnsupported);
  CHECK(load(config, changed(weights, "self_attn.q_proj.lora_B", "self_attn.q_proj.lora_C")).code() != Code::kOk);
  CHECK(load(config, weights.substr(0, weights.size() / 2)).code() == Code::kFormat);
  std::string infinite = weights;
  infinite.replace(infinite.size() - 4, 4, std::string("\x00\x00\x80\x7f", 4));
  CHECK(load(config, infinite).code() == Code::kFormat);
}

TEST_CASE("a change of low rank agrees with double, and keeps a row's bits") {
  const std::size_t in = 37, out = 21, R = 5;
  const PlainLinear a = PlainLinear::random(R, in, 1);
  const PlainLinear b = PlainLinear::random(out, R, 2);
  std::vector<float> of_a(R * in), of_b(out * R), x(in), y(out, 0.5f), narrow(R);
  for (std::size_t r = 0; r < R; ++r) {
    for (std::size_t i = 0; i < in; ++i) of_a[r * in + i] = a.weight(r, i);
    for (std::size_t o = 0; o < out; ++o) of_b[o * R + r] = b.weight(o, r);
  }
  for (std::size_t i = 0; i < in; ++i) x[i] = static_cast<float>(i) / 16.0f - 1.0f;
  const LowRank change = LowRank::create({of_a.data(), R, in}, {of_b.data(), out, R}, 2.5f).value();
  change.add(x.data(), y.data(), narrow);
  for (std::size_t o = 0; o < out; ++o) {
    double sum = 0.5;
    double size = 0.5;
    for (std::size_t r = 0; r < R; ++r) {
      double inner = 0;
      double inner_size = 0;
      for (std::size_t i = 0; i < in; ++i) {
        inner += static_cast<double>(x[i]) * static_cast<double>(of_a[r * in + i]);
        inner_size += std::abs(static_cast<double>(x[i]) * static_cast<double>(of_a[r * in + i]));
      }
      sum += 2.5 * inner * static_cast<double>(of_b[o * R + r]);
      size += std::abs(2.5 * static_cast<double>(of_b[o * R + r])) * inner_size;
    }
    CHECK(std::abs(static_cast<double>(y[o]) - sum) <= size * static_cast<double>(in + R + 2) * std::ldexp(1.0, -24));
  }
  CHECK(LowRank::create({of_a.data(), R, in}, {of_b.data(), out, R + 1}, 1.0f).status().code() == Code::kShape);
  CHECK(LowRank::create({of_a.data(), R, in}, {of_b.data(), out, R}, std::nanf("")).status().code() ==
        Code::kInvalidArgument);
}
