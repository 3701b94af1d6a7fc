// SPDX-License-Identifier: Apache-2.0
// An answer depends on its prompt, its options and its seed alone: not on the batch, on how its prompt was cut, on
// threads, or on what neighbours do, be it that they are cancelled, late, or throw.

#include <algorithm>
#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

#include <moxie/core/philox.hpp>

#include "support/catch.hpp"
#include "support/running.hpp"
#include "support/scripted_model.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// A random checkpoint, with a tokenizer beside it whose tokens are letters.
const Model& random_model() {
  static const Model model = [] {
    const TemporaryFolder folder;
    for (const char* file : {"config.json", "model.safetensors"}) {
      std::filesystem::copy_file(data_folder("untied_norm_topk_false") / file, folder / file);
    }
    std::string vocab;
    for (unsigned id = 0; id < 64; ++id) {
      vocab += joined({id == 0 ? "" : ",", json_quoted(byte_letter('0' + id)), ":", std::to_string(id)});
    }
    write_file(folder / "tokenizer.json",
               joined({R"({"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel",)",
                       R"("add_prefix_space":false,"use_regex":true},"post_processor":null,"decoder":)",
                       R"({"type":"ByteLevel"},"model":{"type":"BPE","merges":[],"vocab":{)", vocab, "}}}"}));
    return Model::load(folder.path()).value();
  }();
  return model;
}

struct Asked {
  std::vector<TokenId> prompt;
  GenerationOptions options;
};

/// Prompts and ways of sampling of all kinds, by number.
Asked question(std::size_t number) {
  const Philox random(99, number);
  Asked asked;
  const std::size_t length = 1 + random.block(0)[0] % 60;
  for (std::size_t i = 0; i < length; ++i) {
    asked.prompt.push_back(static_cast<TokenId>(random.block(i + 1)[1] % random_model().config().vocab_size));
  }
  asked.options.max_tokens = 3 + random.block(0)[1] % 30;
  Sampling& sampling = asked.options.sampling;
  sampling.seed = number;
  if (number % 4 != 0) sampling.temperature = 0.5 + static_cast<double>(number % 7) * 0.2;
  if (number % 3 == 1) sampling.top_k = 12;
  if (number % 3 == 2) sampling.top_p = 0.8;
  if (number % 5 == 3) sampling.typical_p = 0.9;
  if (number % 5 == 4) sampling.repetition_penalty = 1.2;
  if (number % 6 == 5) sampling.logprobs = 3;
  return asked;
}

std::vector<TokenId> tokens_of(const Generation& generation) {
  return {generation.tokens().begin(), generation.tokens().end()};
}

/// Alone, on one thread, the whole prompt in one step.
std::vector<TokenId> expected(std::size_t number) {
  Kernel kernel = Kernel::create({.executor = ExecutorKind::kSerial}).value();
  Context context = kernel.open(random_model()).value();
  const Asked asked = question(number);
  Generation generation = kernel.generate(context, asked.prompt, asked.options);
  if (!generation.run().ok()) throw StatusError(generation.status());
  return tokens_of(generation);
}

const std::vector<std::vector<TokenId>>& all_expected() {
  static const std::vector<std::vector<TokenId>> answers = [] {
    std::vector<std::vector<TokenId>> made;
    for (std::size_t i = 0; i < 100; ++i) made.push_back(expected(i));
    return made;
  }();
  return answers;
}

}  // namespace

TEST_CASE("sampled answers are not all alike") {
  std::size_t different = 0;
  Asked asked = question(1);
  Kernel kernel = Kernel::create({.threads = 1}).value();
  std::vector<TokenId> first;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    asked.options.sampling.seed = seed;
    Context context = kernel.open(random_model()).value();
    Generation generation = kernel.generate(context, asked.prompt, asked.options);
    REQUIRE(generation.run().ok());
    if (seed == 0) first = tokens_of(generation);
    different += tokens_of(generation) != first ? 1U : 0U;
  }
  CHECK(different > 4);
}

TEST_CASE("an answer is the same whatever the batch, the pieces of its prompt, the threads") {
  struct Way {
    KernelOptions kernel;
    std::size_t piece;
    std::size_t together;
  };
  for (const Way& way : std::vector<Way>{
           {{.threads = 1, .executor = ExecutorKind::kThreads}, SIZE_MAX, 100},
           {{.threads = 2, .max_step_rows = 16}, SIZE_MAX, 100},
           {{.threads = 3, .max_step_rows = 64, .executor = ExecutorKind::kThreads}, 7, 33},
           {{.threads = 2, .max_step_rows = 1}, 1, 5},
       }) {
    Kernel kernel = Kernel::create(way.kernel).value();
    std::size_t wrong = 0;
    for (std::size_t first = 0; first < 100; first += way.together) {
      const std::size_t n = std::min(way.together, 100 - first);
      std::vector<Context> contexts;
      std::vector<Generation> generations;
      for (std::size_t i = 0; i < n; ++i) contexts.push_back(kernel.open(random_model()).value());
      for (std::size_t i = 0; i < n; ++i) {
        Asked asked = question(first + i);
        asked.options.max_step_rows = way.piece;
        generations.push_back(kernel.generate(contexts[i], asked.prompt, asked.options));
      }
      while (kernel.step(generations).value().unfinished > 0) {
      }
      for (std::size_t i = 0; i < n; ++i) {
        REQUIRE(generations[i].status().message() == "");
        wrong += tokens_of(generations[i]) != all_expected()[first + i] ? 1U : 0U;
      }
    }
    CAPTURE(way.piece, way.together);
    CHECK(wrong == 0);
  }
}

TEST_CASE("a hundred answers of which some are cancelled, late or throw: the others keep their bits, nothing stays") {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const Philox random(seed, 5);
    Kernel kernel = Kernel::create({.threads = 2, .memory_bytes = 256 << 20, .max_step_rows = 48}).value();
    { Context warm = kernel.open(random_model()).value(); }
    std::array<std::atomic<bool>, 100> cancel{};
    std::uint64_t before = 0;
    {
      // The first generation makes the kernel's memory for sampling.
      Context context = kernel.open(random_model()).value();
      Asked asked = question(5);
      asked.options.sampling = {
          .temperature = 1, .top_p = 0.9, .typical_p = 0.9, .repetition_penalty = 2, .logprobs = 3};
      REQUIRE(kernel.generate(context, asked.prompt, asked.options).run().ok());
    }
    before = kernel.memory()->used();
    std::size_t wrong = 0;
    std::size_t ended[5] = {};
    {
      std::vector<Context> contexts;
      std::vector<Generation> generations;
      for (std::size_t i = 0; i < 100; ++i) contexts.push_back(kernel.open(random_model()).value());
      for (std::size_t i = 0; i < 100; ++i) {
        Asked asked = question(i);
        const auto draw = random.block(i);
        asked.options.cancel = &cancel[i];
        if (draw[0] % 5 == 0) {
          asked.options.deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(draw[1] % 30'000);
        }
        if (draw[0] % 5 == 1) {
          asked.options.on_event = [left = draw[1] % 8](const AnswerEvent&) mutable -> bool {
            if (left-- == 0) throw std::runtime_error("the host's");
            return true;
          };
        }
        generations.push_back(kernel.generate(contexts[i], asked.prompt, asked.options));
      }
      std::size_t steps = 0;
      for (bool more = true; more; ++steps) {
        REQUIRE(steps < 2000);
        for (std::size_t i = 0; i < 100; ++i) {
          const auto draw = random.block(i);
          if (draw[0] % 5 == 2 && steps == draw[2] % 40) cancel[i] = true;
          if (draw[0] % 5 == 3 && steps == draw[2] % 40) generations[i].cancel();
        }
        more = kernel.step(generations).value().unfinished > 0;
      }
      for (std::size_t i = 0; i < 100; ++i) {
        const Code code = generations[i].status().code();
        if (code != Code::kOk && code != Code::kCancelled && code != Code::kDeadline) {
          CHECK(code == Code::kHostException);
        }
        const std::vector<TokenId> tokens = tokens_of(generations[i]);
        const std::vector<TokenId>& whole = all_expected()[i];
        ++ended[code == Code::kOk ? 0 : code == Code::kCancelled ? 1 : code == Code::kDeadline ? 2 : 3];
        const bool prefix = tokens.size() <= whole.size() && std::equal(tokens.begin(), tokens.end(), whole.begin());
        wrong += !prefix || (code == Code::kOk && tokens.size() != whole.size()) ? 1U : 0U;
        CHECK(generations[i].finished());
      }
      // And the contexts are of use afterwards.
      Generation again = kernel.generate(contexts[0], question(0).prompt, {.max_tokens = 2, .ignore_end = true});
      CHECK(again.run().ok());
    }
    CHECK(wrong == 0);
    CHECK(kernel.memory()->used() == before);
    CAPTURE(ended[0], ended[1], ended[2], ended[3]);
    CHECK(ended[0] > 20);
    CHECK(ended[1] > 10);
    CHECK(ended[3] > 5);
  }
}

TEST_CASE("several host threads, each with a kernel over one model") {
  const Model model = random_model();
  std::array<std::size_t, 3> wrong{};
  const std::vector<std::vector<TokenId>> answers(all_expected().begin(), all_expected().begin() + 24);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      Kernel kernel = Kernel::create({.threads = 2, .executor = ExecutorKind::kThreads}).value();
      for (std::size_t i = t; i < answers.size(); i += wrong.size()) {
        Context context = kernel.open(model).value();
        const Asked asked = question(i);
        Generation generation = kernel.generate(context, asked.prompt, asked.options);
        wrong[t] += !generation.run().ok() || tokens_of(generation) != answers[i] ? 1U : 0U;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::array<std::size_t, 3>{});
}
