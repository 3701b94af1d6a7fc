// SPDX-License-Identifier: Apache-2.0
// What texts from strangers may cost: 4 times their size and 16 MiB, counted at every allocation.
#include "within.hpp"

#include <moxie/text/answer_stream.hpp>
#include <moxie/text/chat_template.hpp>
#include <moxie/text/message.hpp>

namespace moxie::test {

namespace {

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

TEST_CASE("encoding and decoding stay within their memory") {
  for (const std::string_view name : {"qwen2", "llama2", "unigram-bytes"}) {
    const Tokenizer tokenizer = load(name);
    encoding_within(tokenizer, std::string(name).append(" of noise"), noise(1U << 20), 5U << 20);
    for (const std::string_view unit : {"a", " ", "\xff", "ab c"}) {
      encoding_within(tokenizer, std::string(name).append(" of ").append(unit), repeated(unit, 1U << 20), 5U << 20);
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
  for (const CallForm& form : kCallForms) {
    for (const std::string& text :
         {std::string(4U << 20, '\n'), repeated("<tool_call>", 2U << 20), repeated("{\"a\":", 2U << 20),
          "<tool_call>" + repeated("{", 450'000), "[TOOL_CALLS]" + repeated("[", 450'000),
          listed(R"(<tool_call>{"name":"f","arguments":{"a":[)", 200'000, "1", "]}}</tool_call>")}) {
      within("answer", text.size(), [&] {
        AnswerStream stream({.forms = {&form}});
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
