// SPDX-License-Identifier: Apache-2.0
// A chat may go in the middle of its answer, and keeps what it needs of the host's.
#include <optional>

#include <moxie/chat/chat.hpp>
#include <moxie/tool/arg.hpp>
#include <moxie/tool/tool.hpp>

#include "support/catch.hpp"
#include "support/running.hpp"
#include "support/scripted_model.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

const Model& scripted() {
  static const Model model = [] {
    ScriptedModel scripts;
    scripts.say('A', {"Hello", ", ", "world"});
    scripts.say('C', {"let me see", R"(<tool_call>{"name":"ask",)", R"("arguments":{}}</tool_call>)"});
    scripts.say('5', {"it is ", "five"});
    return scripts.load();
  }();
  return model;
}

Kernel make_kernel() { return Kernel::create({.threads = 2, .memory_bytes = 64 << 20, .max_step_rows = 64}).value(); }

/// A toolbox with one tool, `ask`, that does what the test wants and says 5.
std::shared_ptr<Toolbox> toolbox_of(std::function<void()> does) {
  auto box = std::make_shared<Toolbox>();
  REQUIRE(box->add(tool("ask", "Asks",
                        [does = std::move(does)] {
                          does();
                          return 5;
                        }))
              .ok());
  REQUIRE(box->grant("ask").ok());
  return box;
}

}  // namespace

TEST_CASE("a chat, its answer and its kernel may be destroyed while the answer is told") {
  std::optional<Kernel> kernel = make_kernel();
  const std::shared_ptr<const Budget> memory = kernel->memory();
  std::optional<Chat> chat = Chat::create(*kernel, scripted()).value();
  std::optional<Generation> answer;
  int heard = 0;
  GenerationOptions options;
  options.on_event = [&](const AnswerEvent&) {
    ++heard;
    chat.reset();
    answer.reset();
    kernel.reset();
    return true;
  };
  answer = chat->ask("question A", options);
  CHECK(answer->run().code() == Code::kCancelled);
  CHECK(heard == 1);
  CHECK(memory->used() == 0);
}

TEST_CASE("an answer may be ended by a tool that it calls") {
  Kernel kernel = make_kernel();
  std::optional<Generation> answer;
  const bool destroyed = GENERATE(false, true);
  int called = 0;
  Chat chat = Chat::create(kernel, scripted(), {.toolbox = toolbox_of([&] {
                                                  ++called;
                                                  destroyed ? answer.reset() : answer->cancel();
                                                })})
                  .value();
  answer = chat.ask("question C");
  CHECK(answer->run().code() == Code::kCancelled);
  CHECK(called == 1);
  CHECK(chat.messages().empty());  // as before the question
  CHECK(chat.ask("question A").run().ok());
  CHECK(chat.messages().size() == 2);
}

TEST_CASE("a tool that runs an answer on the same kernel is refused, and the answer goes on later") {
  Kernel kernel = make_kernel();
  Chat other = Chat::create(kernel, scripted()).value();
  Generation inner = other.ask("question A");
  Status inside;
  Chat chat = Chat::create(kernel, scripted(), {.toolbox = toolbox_of([&] { inside = inner.run(); })}).value();
  Generation outer = chat.ask("question C");
  CHECK(outer.run().ok());
  CHECK(outer.text() == "let me seeit is five");
  CHECK(inside.code() == Code::kPrecondition);
  CHECK(inner.run().ok());
  CHECK(inner.text() == "Hello, world");
}

TEST_CASE("a chat and its answers share the toolbox, and outlive the kernel") {
  std::optional<Kernel> kernel = make_kernel();
  int called = 0;
  auto box = toolbox_of([&] { ++called; });
  const std::weak_ptr<Toolbox> watched = box;
  std::optional<Chat> chat = Chat::create(*kernel, scripted(), {.toolbox = std::move(box)}).value();
  std::optional<Generation> answer = chat->ask("question C");
  kernel.reset();
  chat.reset();
  REQUIRE_FALSE(watched.expired());
  CHECK(answer->run().ok());
  CHECK(called == 1);
  answer.reset();
  CHECK(watched.expired());
}

TEST_CASE("a chat that was moved from says so") {
  Kernel kernel = make_kernel();
  Chat chat = Chat::create(kernel, scripted(), {.system = "Be kind."}).value();
  const Chat taken = std::move(chat);
  CHECK(taken.messages().size() == 1);
  // NOLINTBEGIN(bugprone-use-after-move): that is what is tested
  CHECK(chat.ask("question A").status().code() == Code::kPrecondition);
  CHECK(chat.go_on().run().code() == Code::kPrecondition);
  CHECK(chat.append({.role = "user", .content = "x"}).code() == Code::kPrecondition);
  CHECK(chat.clear().code() == Code::kPrecondition);
  CHECK(chat.fork().status().code() == Code::kPrecondition);
  CHECK(chat.messages().empty());
  CHECK(chat.tool_uses().empty());
  CHECK(chat.context() == nullptr);
  // NOLINTEND(bugprone-use-after-move)
  const Kernel moved = std::move(kernel);
  CHECK(Chat::create(kernel, scripted()).status().code() == Code::kPrecondition);  // NOLINT(bugprone-use-after-move)
}
