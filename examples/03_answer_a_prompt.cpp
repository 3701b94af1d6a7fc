// SPDX-License-Identifier: Apache-2.0
// Answers a prompt, piece by piece as the pieces are made.

#include <cstdio>
#include <string>
#include <string_view>

#include <moxie/moxie.hpp>

namespace {

constexpr const char* kPrompt = "Tell me a short story about a fox named Mia and a bell.";

moxie::Status example(const char* path) {
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.threads = 2, .memory_bytes = 256 << 20}));
  MOXIE_TRY_LET(auto chat, moxie::Chat::create(kernel, model));

  auto answer = chat.ask(kPrompt, {.max_tokens = 200});
  std::string all;
  for (const std::string_view piece : answer) {
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    all += piece;
  }
  MOXIE_TRY(answer.status());  // an error in the middle is not lost
  const std::string_view reason = name(answer.stop_reason());
  std::printf("\n%zu tokens of prompt, %zu of answer, ended by: %.*s\n", answer.usage().prompt_tokens,
              answer.usage().generated_tokens, static_cast<int>(reason.size()), reason.data());

  // The same again, for whoever does not want pieces; the conversation begins anew.
  MOXIE_TRY(chat.clear());
  auto again = chat.ask(kPrompt, {.max_tokens = 200});
  MOXIE_TRY(again.run());
  if (again.text() != all || all.empty()) return {moxie::Code::kInternal, "example", all, again.text()};
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const moxie::Status status = example(argc > 1 ? argv[1] : "model.gguf");
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
