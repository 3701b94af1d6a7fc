// SPDX-License-Identifier: Apache-2.0
// A LoRA in PEFT's form over a loaded model: in full, at a tenth of its strength, and in one step beside the model as
// it is. The weights are read once for all of them.
#include <array>
#include <cstdio>
#include <string>

#include <moxie/moxie.hpp>

moxie::Status example(const char* path, const char* folder) {
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.threads = 2, .memory_bytes = 256 << 20}));
  MOXIE_TRY_LET(const auto adapter, moxie::Adapter::load(folder));
  std::printf("%zu matrices, of rank %zu at most\n", adapter.matrices(), adapter.rank());

  const moxie::Pathway plain(model);
  std::vector<moxie::Pathway> pathways;
  for (const float weight : {0.0f, 0.1f, 1.0f}) {
    MOXIE_TRY_LET(const auto adapted, plain.add_adapter(adapter, weight));
    pathways.push_back(adapted);
  }
  pathways.push_back(plain);

  std::vector<moxie::Chat> chats;
  std::vector<moxie::Generation> answers;
  for (const moxie::Pathway& pathway : pathways) {
    MOXIE_TRY_LET(auto chat, moxie::Chat::create(kernel, pathway));
    chats.push_back(std::move(chat));
  }
  for (moxie::Chat& chat : chats) {
    answers.push_back(chat.ask("Tell me a short story about a fox named Mia and a bell.", {.max_tokens = 30}));
  }
  for (bool more = true; more;) {
    MOXIE_TRY_LET(const auto report, kernel.step(answers));
    more = report.unfinished > 0;
  }
  const char* const names[] = {"at 0  ", "at 0.1", "at 1  ", "plain "};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    MOXIE_TRY(answers[i].status());
    std::printf("%s  %s\n", names[i], std::string(answers[i].text()).c_str());
  }
  const bool right = answers[0].text() == answers[3].text() && answers[2].text() != answers[3].text();
  return right ? moxie::Status() : moxie::Status(moxie::Code::kInternal, "example", "an adapter that counts", "none");
}

int main(int argc, char** argv) {
  const moxie::Status status = example(argc > 1 ? argv[1] : "model.gguf", argc > 2 ? argv[2] : "adapter");
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
