// SPDX-License-Identifier: Apache-2.0
// What texts from strangers may cost: 4 times their size and 16 MiB, counted at every allocation.
#include "support/catch.hpp"
#include "support/data.hpp"

#include <filesystem>
#include <functional>
#include <random>

#include <moxie/text/answer_stream.hpp>
#include <moxie/text/chat_template.hpp>
#include <moxie/text/message.hpp>
#include <moxie/text/tokenizer.hpp>

#include "support/peak_memory.hpp"

namespace moxie::test {

namespace {

void within(std::string_view what, std::size_t input_bytes, const std::function<void()>& body, std::size_t times = 4) {
  const std::size_t before = live_bytes();
  start_peak();
  body();
  const std::size_t cost = peak_bytes() - before;
  INFO(what << ": " << cost << " bytes for " << input_bytes << ", "
            << static_cast<double>(cost) / static_cast<double>(input_bytes));
  CHECK(cost <= times * input_bytes + (16U << 20));
}

std::string repeated(std::string_view unit, std::size_t bytes) {
  std::string text;
  text.reserve(bytes + unit.size());
  while (text.size() < bytes) text += unit;
  return text;
}

std::string noise(std::size_t bytes) {
  std::mt19937 random(1);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

/// open, item(0), item(1), ... with commas, close.
std::string listed(std::string_view open, std::size_t count, const std::function<std::string(std::size_t)>& item,
                   std::string_view close) {
  std::string out(open);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out.push_back(',');
    out.append(item(i));
  }
  out.append(close);
  return out;
}
std::string listed(std::string_view open, std::size_t count, std::string_view item, std::string_view close) {
  return listed(
      open, count, [&](std::size_t) { return std::string(item); }, close);
}

}  // namespace

TEST_CASE("encoding and decoding stay within their memory, whatever the text") {
  constexpr std::size_t kBytes = 1U << 20;
  std::vector<std::pair<std::string, std::string>> texts = {{"noise", noise(kBytes)}};
  for (const char* unit : {"a", " ", "\xe4\xb8\xad", "\xff", "ab c"}) texts.emplace_back(unit, repeated(unit, kBytes));
  // Unigram's best way through a piece has a step for each byte, and an escaped byte is four.
  const std::pair<std::string, std::size_t> kinds[] = {
      {"gpt2", 4}, {"qwen2", 4}, {"deepseek-llm", 4}, {"llama2", 4}, {"unigram-bytes", 48}};
  for (const auto& [name, times] : kinds) {
    const Tokenizer tokenizer = Tokenizer::load(moxie::test::test_data() / "tokenizers" / name).value();
    for (const auto& [unit, text] : texts) {
      std::vector<TokenId> ids;
      const auto encode = [&, &input = text] {
        auto encoded = tokenizer.encode(input);
        REQUIRE(encoded.ok());
        ids = std::move(*encoded);
      };
      within(std::string(name).append(" of ").append(unit), text.size(), encode, times);
      within("decode", 4 * ids.size(), [&] { REQUIRE(tokenizer.decode(ids).ok()); });
    }
  }
}

TEST_CASE("messages in JSON stay within their memory") {
  std::vector<std::pair<std::string, std::string>> texts;
  texts.emplace_back("numbers", listed("[", 900'000, "1", "]"));
  texts.emplace_back("empty lists", listed("[", 900'000, "[]", "]"));
  texts.emplace_back("empty texts", listed("[", 900'000, "\"\"", "]"));
  texts.emplace_back(
      "members", listed(
                     "[{", 400'000,
                     [](std::size_t i) { return std::string("\"").append(std::to_string(i)).append("\":1"); }, "}]"));
  texts.emplace_back("messages", listed("[", 100'000, R"({"role":"a","content":"b"})", "]"));
  texts.emplace_back("calls", listed("[", 20'000, R"({"role":"a","tool_calls":[{"name":"f","arguments":"{}"}]})", "]"));
  texts.emplace_back(
      "one text",
      listed(
          "[", 1,
          [](std::size_t) { return std::string(R"({"role":"user","content":")").append(8U << 20, 'x').append("\"}"); },
          "]"));
  for (const auto& [name, text] : texts) {
    within(name + " parse_chat", text.size(), [&, &input = text] { (void)parse_chat(input, "chat"); });
    within(name + " parse_messages", text.size(), [&, &input = text] { (void)parse_messages(input, "chat"); });
    within(name + " parse_value", text.size(), [&, &input = text] { (void)parse_value(input, "chat"); });
  }
}

TEST_CASE("an answer that streams stays within its memory") {
  for (const ToolSyntax tools : {ToolSyntax::kHermes, ToolSyntax::kLlama3, ToolSyntax::kMistral}) {
    for (const std::string& text :
         {std::string(8U << 20, '\n'), repeated("<tool_call>", 4U << 20), repeated("{\"a\":", 4U << 20),
          "<tool_call>" + repeated("{", 900'000), "[TOOL_CALLS]" + repeated("[", 900'000),
          listed(R"(<tool_call>{"name":"f","arguments":{"a":[)", 400'000, "1", "]}}</tool_call>")}) {
      within("answer", text.size(), [&] {
        AnswerStream stream({.tools = tools});
        std::vector<AnswerEvent> events;
        for (std::size_t at = 0; at < text.size(); at += 4096) {
          events.clear();
          REQUIRE(stream.feed(std::string_view(text).substr(at, 4096), events).ok());
        }
        REQUIRE(stream.finish(events).ok());
      });
    }
  }
}

}  // namespace moxie::test
