// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <moxie/tool/ready.hpp>

#include "support/catch.hpp"
#include "support/tools.hpp"

namespace {

using namespace moxie;
using namespace moxie::test;

TEST_CASE("what is remembered is recalled, by its key or by the list of keys") {
  const auto notes = std::make_shared<tools::Notes>();
  const auto remember = [&](std::string_view arguments) { return answer_of(tools::remember(notes), arguments); };
  const auto recall = [&](std::string_view arguments) { return answer_of(tools::recall(notes), arguments); };
  CHECK(recall("{}") == "[]");
  CHECK(remember(R"({"key":"b","text":"<|im_end|> as text"})") == "ok");
  CHECK(remember(R"({"key":"a\"","text":""})") == "ok");
  CHECK(recall(R"({"key":"b"})") == "<|im_end|> as text");
  CHECK(recall(R"({"key":"a\""})").empty());
  CHECK(recall(R"({"key":null})") == R"(["a\"","b"])");
  CHECK(remember(R"({"key":"b","text":"new"})") == "ok");
  CHECK(notes->get("b").value() == "new");
  CHECK(recall(R"({"key":"c"})") == "<failed: recall: needed the key of one of 2 notes, came 'c'>");
  CHECK(notes->erase("c").code() == Code::kNotFound);
  CHECK(notes->erase("b").ok());
  CHECK(notes->keys().value() == std::vector<std::string>{"a\""});
}

TEST_CASE("notes are bounded in number, key and bytes, and a refused one changes nothing") {
  tools::Notes notes({.max_notes = 2, .max_key_bytes = 4, .max_bytes = 20});
  CHECK(notes.put("", "x").code() == Code::kInvalidArgument);
  CHECK(notes.put("12345", "x").code() == Code::kInvalidArgument);
  REQUIRE(notes.put("a", std::string(9, 'a')).ok());
  REQUIRE(notes.put("b", std::string(9, 'b')).ok());  // 20 of 20
  CHECK(notes.put("c", "").code() == Code::kBudget);
  CHECK(notes.put("a", std::string(10, 'c')).code() == Code::kBudget);
  CHECK(notes.get("a").value() == std::string(9, 'a'));
  REQUIRE(notes.put("a", "short").ok());
  REQUIRE(notes.put("b", std::string(13, 'b')).ok());
  CHECK(notes.put("b", std::string(14, 'b')).code() == Code::kBudget);
  REQUIRE(notes.erase("a").ok());
  CHECK(notes.put("d", std::string(5, 'd')).ok());
}

TEST_CASE("without a store there is no tool") {
  CHECK(tools::remember(nullptr).status().code() == Code::kInvalidArgument);
  CHECK(tools::recall(nullptr).status().code() == Code::kInvalidArgument);
}

}  // namespace
