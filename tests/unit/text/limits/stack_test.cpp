// SPDX-License-Identifier: Apache-2.0
// Files and texts from strangers are read on a stack of 256 KiB (templates: template/stack_test.cpp).
#include "support/catch.hpp"
#include "support/data.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include <moxie/text/answer_stream.hpp>
#include <moxie/text/message.hpp>
#include <moxie/text/tokenizer.hpp>

#include "support/small_stack.hpp"

namespace moxie::test {

namespace {

std::string repeated(std::string_view unit, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += unit;
  return text;
}

/// A normalizer inside others, `depth` of them.
std::string nested(std::string_view name, std::string_view list, std::size_t depth) {
  std::string inner = "null";
  for (std::size_t i = 0; i < depth; ++i) {
    inner.insert(0, std::string(R"({"type":"Sequence",")").append(list).append("\":["));
    inner.append("]}");
  }
  std::string json(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},")");
  return json.append(name).append("\":").append(inner).append("}");
}

}  // namespace

TEST_CASE("the deepest files and the longest texts fit on a stack of 256 KiB") {
  std::vector<std::string> files;
  for (const std::size_t depth : {10U, 29U, 30U, 31U, 60U, 100'000U}) {
    if (depth < 100) {
      files.push_back(nested("normalizer", "normalizers", depth));
      files.push_back(nested("pre_tokenizer", "pretokenizers", depth));
      files.push_back(nested("decoder", "decoders", depth));
      files.push_back(nested("post_processor", "processors", depth));
    }
    files.push_back(repeated("[", depth) + repeated("]", depth));
    files.push_back(repeated("{\"model\":", depth));
  }
  std::vector<std::string> chats;
  for (const std::size_t depth : {60U, 62U, 63U, 64U, 65U, 100'000U}) {
    chats.push_back(repeated("[", depth) + repeated("]", depth));
    chats.push_back(std::string("[").append(repeated("{\"role\":", depth)).append("1"));
    chats.back().append(repeated("}", depth)).append("]");
  }
  const std::string letters(1U << 20, 'a');
  std::size_t finished = 0;
  on_small_stack([&] {
    for (const std::string& file : files) finished += Tokenizer::from_json(file).ok() ? 1U : 1U;
    for (const std::string& chat : chats) {
      finished += parse_chat(chat, "chat").ok() || parse_value(chat, "chat").ok() ? 1U : 1U;
      finished += parse_messages(chat, "chat").ok() ? 1U : 1U;
      AnswerStream stream({.forms = {find_call_form("mistral")}});
      std::vector<AnswerEvent> events;
      finished +=
          stream.feed("[TOOL_CALLS]", events).ok() && stream.feed(chat, events).ok() && stream.finish(events).ok() ? 1U
                                                                                                                   : 0U;
    }
    const std::filesystem::path root = moxie::test::test_data() / "tokenizers";
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
      if (!entry.is_directory()) continue;
      const auto tokenizer = Tokenizer::load(entry.path());
      if (!tokenizer.ok()) continue;
      const auto ids = tokenizer->encode(letters);
      finished += ids.ok() && tokenizer->decode(*ids).ok() ? 1U : 0U;
    }
  });
  CHECK(finished >= files.size() + 3 * chats.size() + 34);
}

}  // namespace moxie::test
