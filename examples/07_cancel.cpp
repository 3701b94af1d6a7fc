// SPDX-License-Identifier: Apache-2.0
// Stops answers: from another thread, by a deadline, and from a callback. The conversation is then as it was before the
// question, and goes on.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include <moxie/moxie.hpp>

namespace {

using namespace std::chrono_literals;

moxie::Status expect(moxie::Code code, const moxie::Generation& answer) {
  const moxie::Status status = answer.status();
  std::printf("%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  if (status.code() == code) return {};
  return {moxie::Code::kInternal, "example", name(code), name(status.code())};
}

moxie::Status example(const char* path) {
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.threads = 2, .memory_bytes = 256 << 20}));
  MOXIE_TRY_LET(auto chat, moxie::Chat::create(kernel, model));
  const char* question = "Tell me a story about a key.";

  std::atomic<bool> cancel{false};
  std::jthread user([&cancel] {
    std::this_thread::sleep_for(30ms);
    cancel = true;
  });
  auto cancelled = chat.ask(question, {.ignore_end = true, .cancel = &cancel});
  static_cast<void>(cancelled.run());  // looked at in every step, also in the middle of one
  MOXIE_TRY(expect(moxie::Code::kCancelled, cancelled));

  auto late = chat.ask(question, {.ignore_end = true, .deadline = std::chrono::steady_clock::now() + 30ms});
  static_cast<void>(late.run());
  MOXIE_TRY(expect(moxie::Code::kDeadline, late));

  int pieces = 0;
  auto enough =
      chat.ask(question, {.ignore_end = true, .on_event = [&](const moxie::AnswerEvent&) { return ++pieces < 5; }});
  static_cast<void>(enough.run());
  MOXIE_TRY(expect(moxie::Code::kCancelled, enough));

  if (!chat.messages().empty()) return {moxie::Code::kInternal, "example", "no messages", "some"};
  return chat.ask("Hello!", {.max_tokens = 5}).run();
}

}  // namespace

int main(int argc, char** argv) {
  const moxie::Status status = example(argc > 1 ? argv[1] : "model.gguf");
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
