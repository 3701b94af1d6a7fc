// SPDX-License-Identifier: Apache-2.0
// Edits of a loaded model: an expert dropped, one adopted from elsewhere, fewer for each token. Nothing is copied, and
// dropping the pathway undoes it.
#include <cstdio>
#include <string>

#include <moxie/moxie.hpp>

using moxie::Pathway;

moxie::Result<std::string> ask(moxie::Kernel& kernel, const Pathway& pathway) {
  MOXIE_TRY_LET(auto chat, moxie::Chat::create(kernel, pathway));
  auto answer = chat.ask("Tell me a short story about a fox named Mia and a bell.", {.max_tokens = 30});
  MOXIE_TRY(answer.run());
  MOXIE_TRY(answer.status());
  return std::string(answer.text());
}

moxie::Status example(const char* path) {
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.threads = 2, .memory_bytes = 256 << 20}));
  const Pathway plain(model);
  MOXIE_TRY_LET(const auto layers, plain.layers());
  for (const moxie::ExpertLayerInfo& layer : layers) {
    std::printf("layer %zu: %zu experts of %llu bytes, %zu for each token\n", layer.layer, layer.experts.size(),
                static_cast<unsigned long long>(layer.experts[0].bytes), layer.experts_per_token);
  }
  const moxie::ExpertSlot slot{.layer = layers.back().layer, .expert = 0};
  const std::size_t number = layers.back().experts.size();  // of the expert that comes behind the last

  MOXIE_TRY_LET(const Pathway without, plain.drop_expert(slot));
  MOXIE_TRY_LET(const Pathway frugal, plain.cap_experts(1));
  MOXIE_TRY_LET(const Pathway moved, without.adopt_expert(slot.layer, model, slot));  // the dropped one, as the last
  MOXIE_TRY_LET(const Pathway alone, moved.drop_expert({.layer = slot.layer, .expert = number}));

  MOXIE_TRY_LET(const std::string own, ask(kernel, plain));
  MOXIE_TRY_LET(const std::string of_one, ask(kernel, frugal));
  MOXIE_TRY_LET(const std::string dropped, ask(kernel, without));
  MOXIE_TRY_LET(const std::string dropped_again, ask(kernel, alone));
  MOXIE_TRY_LET(const std::string undone, ask(kernel, plain));
  std::printf("\nas it is     %s\none expert   %s\nwithout 0    %s\n", own.c_str(), of_one.c_str(), dropped.c_str());
  if (undone != own || dropped_again != dropped || of_one == own) {
    return {moxie::Code::kInternal, "example", "answers that follow their pathway", "others"};
  }
  return {};
}

int main(int argc, char** argv) {
  const moxie::Status status = example(argc > 1 ? argv[1] : "model.gguf");
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
