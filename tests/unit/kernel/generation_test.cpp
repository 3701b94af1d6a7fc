// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/catch.hpp"
#include "support/running.hpp"
#include "support/scripted_model.hpp"

using namespace moxie;
using namespace moxie::test;

static_assert(std::ranges::input_range<Generation>);

namespace {

Kernel make_kernel(std::size_t max_step_rows = 64) {
  return Kernel::create({.threads = 2, .memory_bytes = 64 << 20, .max_step_rows = max_step_rows}).value();
}

const Model& scripted() {
  static const Model model = [] {
    ScriptedModel scripts;
    scripts.say('A', {"Hello", ", ", "world", "!"});
    // The same character in halves and thirds; and one that never becomes whole.
    scripts.say('B', {"x\xc3", "\xa9y\xe2", "\x82", "\xac.", "end \xf0\x9f"});
    scripts.say('C', {"one ST", "O", "PP", "ED two STO", "P three", "\xe2\x80"});
    scripts.say('D', {"again and "});
    scripts.loop("again and ", "again and ");
    scripts.say('E', {"visible", "<|user|>", " text"});
    return scripts.load();
  }();
  return model;
}

std::string joined_pieces(Generation& generation) {
  std::string all;
  for (const std::string_view piece : generation) {
    CHECK(!piece.empty());
    all += piece;
  }
  return all;
}

}  // namespace

TEST_CASE("an answer is a range of pieces, with how it ended and what it took") {
  Kernel kernel = make_kernel();
  Context context = kernel.open(scripted()).value();
  Generation answer = kernel.generate(context, "question A");
  CHECK(!answer.finished());
  CHECK(joined_pieces(answer) == "Hello, world!");
  CHECK(answer.status().message() == "");
  CHECK(answer.stop_reason() == StopReason::kEndToken);
  CHECK(answer.text() == "Hello, world!");
  CHECK(answer.tokens().size() == 4);
  CHECK(answer.usage().prompt_tokens == 10);
  CHECK(answer.usage().cached_tokens == 0);
  CHECK(answer.usage().generated_tokens == 5);
  CHECK(answer.usage().computed_tokens == 14);  // the end token is chosen, never fed
  CHECK(context.size() == 14);

  // The same in a context of its own, without looking at pieces.
  Generation other = kernel.generate(scripted(), "A");
  CHECK(other.run().ok());
  CHECK(other.text() == "Hello, world!");
  CHECK(std::ranges::equal(other.tokens(), answer.tokens()));
}

TEST_CASE("a piece never ends inside a character") {
  Kernel kernel = make_kernel();
  Generation answer = kernel.generate(scripted(), "B");
  std::vector<std::string> pieces;
  for (const std::string_view piece : answer) pieces.emplace_back(piece);
  CHECK(pieces == std::vector<std::string>{"x", "\xc3\xa9y", "\xe2\x82\xac.", "end ", "\xf0\x9f"});
  CHECK(answer.text() == "x\xc3\xa9y\xe2\x82\xac.end \xf0\x9f");
}

TEST_CASE("a stop string ends an answer, whatever tokens it is made of, and no byte of it comes out") {
  Kernel kernel = make_kernel();
  const auto text = [&](std::vector<std::string> stops) {
    Generation answer = kernel.generate(scripted(), "C", {.stop = std::move(stops)});
    const std::string all = joined_pieces(answer);
    CHECK(all == answer.text());
    return all + "|" + std::string(name(answer.stop_reason()));
  };
  const std::string whole = "one STOPPED two STOP three\xe2\x80";
  CHECK(text({}) == whole + "|end token");
  CHECK(text({"STOPPED"}) == "one |stop string");
  CHECK(text({"STOP"}) == "one |stop string");
  CHECK(text({"STOP "}) == "one STOPPED two |stop string");
  CHECK(text({"D two STOP t", "two"}) == "one STOPPED |stop string");
  CHECK(text({"STOPS", "three!"}) == whole + "|end token");
  CHECK(text({"e ST", "ST", "T"}) == "on|stop string");  // of those that end together, the longest
  CHECK(text({"one"}) == "|stop string");
  CHECK(text({"\xe2\x80"}) == "one STOPPED two STOP three|stop string");  // it came out with the last character
  Generation wrong = kernel.generate(scripted(), "C", {.stop = {""}});
  CHECK(wrong.status().code() == Code::kInvalidArgument);
  CHECK(wrong.stop_reason() == StopReason::kError);
}

TEST_CASE("limits end an answer well") {
  Kernel kernel = make_kernel();
  Generation few = kernel.generate(scripted(), "D", {.max_tokens = 3});
  CHECK(few.run().ok());
  CHECK(few.stop_reason() == StopReason::kMaxTokens);
  CHECK(few.text() == "again and again and again and ");
  CHECK(few.usage().computed_tokens == 3);  // the third is chosen, not fed

  Generation none = kernel.generate(scripted(), "D", {.max_tokens = 0});
  CHECK(none.finished());
  CHECK(none.status().ok());
  CHECK(none.usage().computed_tokens == 0);

  Context small = kernel.open(scripted(), {.max_positions = 10}).value();
  Generation full = kernel.generate(small, "1234D");
  CHECK(full.run().ok());
  CHECK(full.stop_reason() == StopReason::kContextFull);
  CHECK(small.size() == 10);
  CHECK(full.tokens().size() == 6);  // one more than fits: it was chosen from the last row
  Generation more = kernel.generate(small, "x");
  CHECK(more.status().code() == Code::kBudget);
  CHECK(small.size() == 10);

  Generation ends = kernel.generate(scripted(), "A", {.end_tokens = {scripted().tokenizer()->find("world").value()}});
  CHECK(ends.run().ok());
  CHECK(ends.text() == "Hello, ");
  Generation goes_on = kernel.generate(scripted(), "A", {.max_tokens = 6, .ignore_end = true});
  CHECK(goes_on.run().ok());
  CHECK(goes_on.tokens()[4] == ScriptedModel::kEnd);
  CHECK(goes_on.text().starts_with("Hello, world!"));
}

TEST_CASE("a control token is no text") {
  Kernel kernel = make_kernel();
  Generation answer = kernel.generate(scripted(), "E");
  CHECK(joined_pieces(answer) == "visible text");
  CHECK(answer.tokens().size() == 3);
}

TEST_CASE("a context goes on where it is, and without a prompt from its last token") {
  Kernel kernel = make_kernel();
  Context context = kernel.open(scripted()).value();
  REQUIRE(kernel.generate(context, "some text A", {.max_tokens = 1}).run().ok());
  Context fork = context.fork().value();
  CHECK(context.size() == 11);
  Generation again = kernel.generate(context, std::span<const TokenId>());
  CHECK(again.run().ok());
  CHECK(again.text() == "Hello, world!");
  CHECK(again.usage().cached_tokens == 10);
  CHECK(again.usage().prompt_tokens == 11);
  Generation other = kernel.generate(fork, " B");
  CHECK(other.run().ok());
  CHECK(other.text().starts_with("x\xc3\xa9y"));
  CHECK(other.usage().computed_tokens == 2 + 5);

  Context empty = kernel.open(scripted()).value();
  CHECK(kernel.generate(empty, "").status().code() == Code::kInvalidArgument);
  Kernel stranger = make_kernel();
  CHECK(stranger.generate(context, "A").status().code() == Code::kInvalidArgument);
}

TEST_CASE("a model without a tokenizer generates tokens, and says what it lacks where text is asked for") {
  const Model model = Model::load(data_folder("tiny_tied")).value();
  CHECK(model.tokenizer().status().code() == Code::kNotFound);
  CHECK(model.chat_template().status().code() == Code::kNotFound);
  CHECK(*model.end_tokens() == std::vector<TokenId>{2});
  Kernel kernel = make_kernel();
  Context context = kernel.open(model).value();
  CHECK(kernel.generate(context, "text").status().code() == Code::kNotFound);
  const std::vector<TokenId> prompt = {1, 5, 9};
  CHECK(kernel.generate(context, prompt, {.stop = {"x"}}).status().code() == Code::kNotFound);
  Generation answer = kernel.generate(context, prompt, {.max_tokens = 5, .ignore_end = true});
  CHECK(answer.run().ok());
  CHECK(answer.tokens().size() == 5);
  CHECK(answer.text().empty());
}

TEST_CASE("an answer is cancelled in any phase, and the context keeps what was computed") {
  const std::string prompt(200, 'D');
  for (const std::size_t after : std::vector<std::size_t>{0, 1, 3, 10, 20}) {
    Kernel kernel = make_kernel(16);
    Context context = kernel.open(scripted()).value();
    std::atomic<bool> cancel{false};
    Generation answer = kernel.generate(context, prompt, {.cancel = &cancel});
    for (std::size_t i = 0; i < after; ++i) REQUIRE(kernel.step(answer).ok());
    cancel = true;
    CHECK(answer.run().code() == Code::kCancelled);
    CHECK(answer.stop_reason() == StopReason::kCancelled);
    CHECK(context.size() == (after < 13 ? after * 16 : 200 + after - 13));
    CHECK(answer.text().size() == (after < 13 ? 0 : (after - 12) * 10));
  }
  Kernel kernel = make_kernel(16);
  Generation too_late = kernel.generate(scripted(), "D", {.deadline = std::chrono::steady_clock::now()});
  CHECK(too_late.run().code() == Code::kDeadline);
  CHECK(too_late.text().empty());
  // It passes while the host looks at the first piece: far enough away that a busy machine comes so far before.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  Generation late = kernel.generate(scripted(), "D", {.deadline = deadline, .on_event = [&](const AnswerEvent&) {
                                                        std::this_thread::sleep_until(deadline);
                                                        return true;
                                                      }});
  CHECK(late.run().code() == Code::kDeadline);
  CHECK(late.stop_reason() == StopReason::kDeadline);
  CHECK(late.text() == "again and ");
  Generation dropped = kernel.generate(scripted(), "D");
  CHECK(*dropped.begin() == "again and ");
  dropped.cancel();
  CHECK(dropped.status().code() == Code::kCancelled);
  CHECK(dropped.begin() == dropped.end());
}

TEST_CASE("a callback hears every piece, may stop its generation, and may throw") {
  Kernel kernel = make_kernel();
  std::string heard;
  Generation answer = kernel.generate(scripted(), "C", {.stop = {"three"}, .on_event = [&](const AnswerEvent& event) {
                                                          heard += event.text;
                                                          return true;
                                                        }});
  Generation stopped =
      kernel.generate(scripted(), "D", {.on_event = [n = 0](const AnswerEvent&) mutable { return ++n < 3; }});
  Generation thrown = kernel.generate(
      scripted(), "D", {.on_event = [](const AnswerEvent&) -> bool { throw std::runtime_error("the host's"); }});
  Code again = Code::kOk;
  Generation entered = kernel.generate(scripted(), "A", {.on_event = [&](const AnswerEvent&) {
                                         again = kernel.step(std::span<Request>()).status().code();
                                         return true;
                                       }});
  std::array<Generation*, 4> all = {&answer, &stopped, &thrown, &entered};
  while (kernel.step(all).value().unfinished > 0) {
  }
  CHECK(answer.status().ok());
  CHECK(heard == "one STOPPED two STOP ");
  CHECK(answer.text() == heard);
  CHECK(stopped.status().code() == Code::kCancelled);
  CHECK(stopped.text() == "again and again and again and ");
  CHECK(thrown.status().code() == Code::kHostException);
  CHECK(thrown.text() == "again and ");
  CHECK(entered.status().ok());
  CHECK(again == Code::kPrecondition);
}

TEST_CASE("many answers in one step are those that each gives alone") {
  Kernel kernel = make_kernel(8);
  std::vector<Generation> generations;
  for (const char* prompt : {"a long question that takes some steps A", "B", "x C", "A"}) {
    generations.push_back(kernel.generate(scripted(), prompt));
  }
  std::size_t rows = 0;
  std::size_t sampled = 0;
  for (bool more = true; more;) {
    const StepReport report = kernel.step(generations).value();
    CHECK(report.rows <= 8);
    rows += report.rows;
    sampled += report.sampled;
    more = report.unfinished > 0;
  }
  std::size_t computed = 0;
  std::size_t chosen = 0;
  for (const Generation& generation : generations) {
    CHECK(generation.status().ok());
    computed += generation.usage().computed_tokens;
    chosen += generation.usage().generated_tokens;
  }
  CHECK(rows == computed);
  CHECK(sampled == chosen);
  CHECK(generations[0].text() == "Hello, world!");
  CHECK(generations[1].text() == "x\xc3\xa9y\xe2\x82\xac.end \xf0\x9f");
  CHECK(generations[2].text() == "one STOPPED two STOP three\xe2\x80");
  CHECK(generations[3].text() == "Hello, world!");
  CHECK(kernel.step(generations).value().unfinished == 0);  // finished ones are passed over
}

TEST_CASE("a generation and its chat outlive their kernel's handle") {
  Generation answer = [] {
    Kernel kernel = make_kernel();
    return kernel.generate(scripted(), "A");
  }();
  CHECK(answer.run().ok());
  CHECK(answer.text() == "Hello, world!");
  Generation moved = std::move(answer);
  CHECK(moved.text() == "Hello, world!");
  CHECK(answer.status().code() == Code::kPrecondition);  // NOLINT(bugprone-use-after-move): that is the question
  CHECK(answer.begin() == answer.end());
}

TEST_CASE("logprobs come with each token") {
  Kernel kernel = make_kernel();
  Generation answer = kernel.generate(scripted(), "A", {.sampling = {.logprobs = 2}});
  REQUIRE(answer.run().ok());
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(answer.logprob(i).token == answer.tokens()[i]);
    CHECK(answer.logprob(i).logprob < 0);
    CHECK(answer.logprob(i).logprob > -0.01);
    REQUIRE(answer.top_logprobs(i).size() == 2);
    CHECK(answer.top_logprobs(i)[0].token == answer.tokens()[i]);
    CHECK(answer.top_logprobs(i)[1].logprob < -5);
  }
  CHECK(answer.top_logprobs(4).empty());
}
