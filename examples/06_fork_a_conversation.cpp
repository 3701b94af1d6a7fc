// SPDX-License-Identifier: Apache-2.0
// What if? A conversation is forked, and the same wish is answered in three ways. The forks share the memory of
// what was said before, so each costs its own tokens alone.

#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include <moxie/moxie.hpp>

namespace {

moxie::Status example(const char* path) {
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.threads = 2, .memory_bytes = 256 << 20}));
  MOXIE_TRY_LET(auto chat, moxie::Chat::create(kernel, model, {.system = "You tell stories."}));
  auto opening = chat.ask("Tell me a story about a cat named Olga and a lamp.");
  MOXIE_TRY(opening.run());

  std::vector<moxie::Chat> forks;
  std::vector<moxie::Generation> others;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    MOXIE_TRY_LET(auto fork, chat.fork());
    forks.push_back(std::move(fork));
    others.push_back(forks.back().ask("Tell me another story, about a bear named Bruno.",
                                      {.sampling = {.temperature = 0.5, .seed = seed}, .max_tokens = 30}));
  }
  for (bool more = true; more;) {
    MOXIE_TRY_LET(const auto report, kernel.step(others));
    more = report.unfinished > 0;
  }

  std::set<std::string_view> different;
  for (std::size_t i = 0; i < others.size(); ++i) {
    MOXIE_TRY(others[i].status());
    const auto& usage = others[i].usage();
    std::printf("story %zu (%zu of %zu prompt tokens were there): %.*s\n", i + 1, usage.cached_tokens,
                usage.prompt_tokens, static_cast<int>(others[i].text().size()), others[i].text().data());
    different.insert(others[i].text());
    if (usage.cached_tokens < opening.usage().prompt_tokens)
      return {moxie::Code::kInternal, "example", "memory", "none"};
  }
  if (different.size() < 2 || chat.messages().size() != 3) return {moxie::Code::kInternal, "example", "forks", "one"};
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const moxie::Status status = example(argc > 1 ? argv[1] : "model.gguf");
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
