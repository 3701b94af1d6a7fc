// SPDX-License-Identifier: Apache-2.0
// A game that keeps its loop: each frame gives moxie one small step, and everything else goes on. Characters begin to
// speak when they like; whoever speaks is in the batch.

#include <cstdio>
#include <string>
#include <vector>

#include <moxie/moxie.hpp>

namespace {

struct Character {
  const char* name;
  int speaks_in_frame;
  moxie::Chat chat;
  std::string says = {};
};

moxie::Status example(const char* path) {
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  // 16 rows: a long prompt takes several frames, and no frame waits for all of it.
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.threads = 2, .memory_bytes = 256 << 20, .max_step_rows = 16}));
  std::vector<Character> characters;
  for (const auto& [name, frame] : {std::pair("smith", 0), std::pair("guard", 3), std::pair("cat", 9)}) {
    MOXIE_TRY_LET(auto chat, moxie::Chat::create(kernel, model,
                                                 {.system = std::string("You are the ") + name + " of a village."}));
    characters.push_back({name, frame, std::move(chat)});
  }

  std::vector<moxie::Generation> speaking;
  std::vector<Character*> speakers;
  int most = 0;
  int frame = 0;
  for (; frame < 1000; ++frame) {
    for (Character& character : characters) {
      if (character.speaks_in_frame != frame) continue;
      speaking.push_back(character.chat.ask("Good morning!", {.max_tokens = 12}));
      speakers.push_back(&character);
    }
    MOXIE_TRY_LET(const auto report, kernel.step(speaking));  // the rest of the frame: draw, move, ...
    most = std::max(most, static_cast<int>(report.sampled));
    for (std::size_t i = 0; i < speaking.size(); ++i) speakers[i]->says += speaking[i].take();
    if (report.unfinished == 0 && speaking.size() == characters.size()) break;
  }

  std::printf("%d frames, up to %d characters speaking at once\n", frame + 1, most);
  for (const moxie::Generation& said : speaking) MOXIE_TRY(said.status());
  for (const Character& character : characters) std::printf("%s: %s\n", character.name, character.says.c_str());
  if (most < 2 || frame == 1000) return {moxie::Code::kInternal, "example", "characters that speak", "silence"};
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const moxie::Status status = example(argc > 1 ? argv[1] : "model.gguf");
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
