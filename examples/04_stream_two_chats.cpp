// SPDX-License-Identifier: Apache-2.0
// Two conversations with one model, answered together: each step computes a batch of both. Neither hears of the other,
// and both get exactly the answers that they would get alone.

#include <array>
#include <cstdio>
#include <string>

#include <moxie/moxie.hpp>

namespace {

constexpr const char* kQuestions[] = {"Tell me a story about a spoon.",
                                      "I want a story about an owl called Olga and a lamp."};
const moxie::GenerationOptions kOptions = {.sampling = {.temperature = 0.7, .top_k = 40, .seed = 7}, .max_tokens = 60};

moxie::Status example(const char* path) {
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.threads = 2, .memory_bytes = 256 << 20}));
  MOXIE_TRY_LET(auto first, moxie::Chat::create(kernel, model));
  MOXIE_TRY_LET(auto second, moxie::Chat::create(kernel, model));

  std::array answers = {first.ask(kQuestions[0], kOptions), second.ask(kQuestions[1], kOptions)};
  std::array<std::string, 2> texts;
  for (bool more = true; more;) {
    MOXIE_TRY_LET(const auto report, kernel.step(answers));
    for (std::size_t i = 0; i < answers.size(); ++i) texts[i] += answers[i].take();  // what is new
    more = report.unfinished > 0;
  }

  for (std::size_t i = 0; i < answers.size(); ++i) {
    MOXIE_TRY(answers[i].status());
    std::printf("%s\n  %s\n", kQuestions[i], texts[i].c_str());
    MOXIE_TRY_LET(auto alone, moxie::Chat::create(kernel, model));
    auto answer = alone.ask(kQuestions[i], kOptions);
    MOXIE_TRY(answer.run());
    if (answer.text() != texts[i]) return {moxie::Code::kInternal, "example", answer.text(), texts[i]};
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const moxie::Status status = example(argc > 1 ? argv[1] : "model.gguf");
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
