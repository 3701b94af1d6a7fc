// SPDX-License-Identifier: Apache-2.0
// An expert is any type with width, scratch_bytes and run. This one stands in for an expert of a loaded model, and
// wraps it.
#include <cstdio>
#include <string>

#include <moxie/moxie.hpp>

struct Scaled {  // y = factor * own(x)
  moxie::AnyExpert own;
  float factor;
  std::size_t width() const noexcept { return own.width(); }
  std::size_t scratch_bytes(std::size_t rows) const noexcept { return own.scratch_bytes(rows); }
  moxie::Status run(moxie::ConstRows x, moxie::Rows y, moxie::Workspace& workspace) const {
    MOXIE_TRY(own.run(x, y, workspace));
    for (std::size_t t = 0; t < y.rows; ++t) {
      for (float& value : y[t]) value *= factor;
    }
    return {};
  }
};

moxie::Status example(const char* path) {
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.threads = 2, .memory_bytes = 256 << 20}));
  const moxie::ExpertSlot slot{.layer = 3, .expert = 0};
  MOXIE_TRY_LET(const auto own, model.expert(slot));
  std::string answers[3];
  const float factors[3] = {1, 1, -4};  // the model as it is, an equal expert, another one
  for (std::size_t i = 0; i < 3; ++i) {
    MOXIE_TRY_LET(const auto edited, moxie::Pathway(model).replace_expert(slot, Scaled{own, factors[i]}));
    MOXIE_TRY_LET(auto chat, moxie::Chat::create(kernel, i == 0 ? moxie::Pathway(model) : edited));
    auto answer = chat.ask("Tell me a short story about a fox named Mia and a bell.", {.max_tokens = 40});
    MOXIE_TRY(answer.run());
    std::printf("%s\n", (answers[i] = answer.text()).c_str());
  }
  const bool right = answers[0] == answers[1] && answers[0] != answers[2];
  return right ? moxie::Status() : moxie::Status(moxie::Code::kInternal, "example", answers[0], answers[1]);
}

int main(int argc, char** argv) {
  const moxie::Status status = example(argc > 1 ? argv[1] : "model.gguf");
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
