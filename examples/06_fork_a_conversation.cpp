// SPDX-License-Identifier: Apache-2.0
// What if? A conversation is forked, and the same question is answered in three ways. The forks share the memory of
// what was said before, so each costs its own tokens alone.

#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include <moxie/kernel/kernel.hpp>

namespace {

moxie::Status example(const char* path) {
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.threads = 2, .memory_bytes = 256 << 20}));
  MOXIE_TRY_LET(auto chat, kernel.chat(model, {.system = "You tell stories about a lighthouse and its keeper."}));
  auto opening = chat.ask("Begin.", {.max_tokens = 30});
  MOXIE_TRY(opening.run());

  std::vector<moxie::Chat> forks;
  std::vector<moxie::Generation> endings;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    MOXIE_TRY_LET(auto fork, chat.fork());
    forks.push_back(std::move(fork));
    endings.push_back(
        forks.back().ask("How does it end?", {.sampling = {.temperature = 1, .seed = seed}, .max_tokens = 20}));
  }
  for (bool more = true; more;) {
    MOXIE_TRY_LET(const auto report, kernel.step(endings));
    more = report.unfinished > 0;
  }

  std::set<std::string_view> different;
  for (std::size_t i = 0; i < endings.size(); ++i) {
    MOXIE_TRY(endings[i].status());
    const auto& usage = endings[i].usage();
    std::printf("ending %zu (%zu of %zu prompt tokens were there): %.*s\n", i + 1, usage.cached_tokens,
                usage.prompt_tokens, static_cast<int>(endings[i].text().size()), endings[i].text().data());
    different.insert(endings[i].text());
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
