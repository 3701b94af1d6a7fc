// SPDX-License-Identifier: Apache-2.0
#include <regex>
#include <string>

#include <moxie/constraint/matcher.hpp>

#include "constraint/random_tokens.hpp"
#include "support/catch.hpp"

using namespace moxie;

namespace {

constexpr std::string_view kSample =
    R"({"name": "Ada", "tags":["red","green"],"n":-12.5e3,"ok":true} abcabcab 2024-01-31T10:00:00Z a@b.org "\n\u0007" é漢😀)";

}  // namespace

TEST_CASE("a mask is the tokens that fit byte by byte, and what a walk ends with matches") {
  const auto tokens = test::tokens_from(kSample, 600, 7);
  const Vocabulary vocabulary = test::vocabulary_of(tokens);
  std::mt19937 random(11);
  for (const char* expression :
       {"(abc|ab)*c?", "[a-z]{2,5}(-[0-9]+)?", "(a|ab)(c|bcd)(d*)", "[^\"]*\"x", "\\d{4}-\\d{2}-\\d{2}(T[^Z]*Z)?",
        "(\"[a-z]*\",){0,3}", ".{3,7}", "(a{1,3}b{0,2}){2,4}", "true|false|null", "", "a?"}) {
    CAPTURE(expression);
    const Grammar grammar = Grammar::regex(expression).value();
    const Matcher matcher = Matcher::create(grammar, vocabulary).value();
    const std::regex oracle(expression);
    std::size_t ended = 0;
    for (int i = 0; i < 12; ++i) {
      const test::Walk walk = test::walk_masks(matcher, vocabulary, random, 30);
      REQUIRE(walk.mistake == "");
      if (!walk.ended) continue;
      ++ended;
      // std::regex sees bytes where a pattern sees characters.
      if (std::ranges::all_of(walk.text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
        CHECK(std::regex_match(walk.text, oracle));
      }
    }
    CHECK(ended > 0);
  }
}

TEST_CASE("a matcher goes back, and refuses a group of tokens whole") {
  const auto tokens = test::tokens_from("", 0, 0);
  const Vocabulary vocabulary = test::vocabulary_of(tokens);
  Matcher matcher = Matcher::create(Grammar::regex("abc|abd").value(), vocabulary).value();
  const TokenId text[] = {'a', 'b', 'x'};
  CHECK(matcher.accept(text).code() == Code::kInvalidArgument);
  CHECK(matcher.accepted() == 0);
  REQUIRE(matcher.accept(std::span(text).first(2)).ok());
  Matcher clone = matcher;
  REQUIRE(clone.accept('c').ok());
  CHECK(clone.may_end());
  CHECK_FALSE(clone.may_go_on());
  CHECK_FALSE(matcher.may_end());
  REQUIRE(clone.rollback(3).ok());
  CHECK(clone.rollback(1).code() == Code::kInvalidArgument);
  CHECK(clone.accept('b').code() == Code::kInvalidArgument);
  CHECK(matcher.accept(256).code() == Code::kInvalidArgument);  // the token without bytes
  CHECK(matcher.accept(-1).code() == Code::kInvalidArgument);
  CHECK(matcher.accept(9999).code() == Code::kInvalidArgument);
}

TEST_CASE("what has to come is known as far as there is no choice") {
  const auto tokens = test::tokens_from("", 0, 0);
  const Vocabulary vocabulary = test::vocabulary_of(tokens);
  Matcher matcher = Matcher::create(Grammar::regex("hello( you)?").value(), vocabulary).value();
  const auto forced = matcher.forced().value();
  CHECK(std::string(forced.begin(), forced.end()) == "hello");
  REQUIRE(matcher.accept(forced).ok());
  CHECK(matcher.forced().value().empty());  // it may end
  REQUIRE(matcher.accept(' ').ok());
  CHECK(matcher.forced(2).value().size() == 2);
}

TEST_CASE("a choice is one of its texts, and an impossible grammar is refused") {
  const auto tokens = test::tokens_from("", 0, 0);
  const Vocabulary vocabulary = test::vocabulary_of(tokens);
  const std::string_view texts[] = {"red", "reddish", "green", "é"};
  const Grammar grammar = Grammar::choice(texts).value();
  for (const std::string_view text : texts) {
    Matcher matcher = Matcher::create(grammar, vocabulary).value();
    REQUIRE(matcher.accept_bytes(text).ok());
    CHECK(matcher.may_end());
  }
  Matcher matcher = Matcher::create(grammar, vocabulary).value();
  std::size_t taken = 0;
  CHECK_FALSE(matcher.accept_bytes("redx", &taken).ok());
  CHECK(taken == 3);
  CHECK(Grammar::choice({}).status().code() == Code::kInvalidArgument);
  CHECK(Grammar::regex("[]").status().code() == Code::kInvalidArgument);
  CHECK(Grammar::regex("a$b").status().code() == Code::kInvalidArgument);
}

TEST_CASE("a limit of states is an error, not a wrong mask") {
  const auto tokens = test::tokens_from("", 0, 0);
  const Vocabulary vocabulary = test::vocabulary_of(tokens);
  const Grammar grammar = Grammar::regex("[ab]{500}").value();
  Matcher matcher = Matcher::create(grammar, vocabulary, {.max_states = 100}).value();
  Status status;
  for (int i = 0; i < 500 && status.ok(); ++i) status = matcher.accept('a');
  CHECK(status.code() == Code::kBudget);
}

namespace {

/// Eight patterns that a text has to match or not to match all at once: their states multiply.
std::string many_patterns() {
  std::string schema = R"({"type": "string", "allOf": [{"maxLength": 300})";
  for (int i = 0; i < 8; ++i) {
    const std::string n = std::to_string(i);
    schema += R"(,{"not": {"anyOf": [{"not": {"allOf": [{"pattern": "[)" + n + R"(a].{1)" + n +
              R"(}x"}, {"pattern": ")" + n + R"([^y]*)" + n + R"("}]}}, {"pattern": "^.{2)" + n + R"(}z"}]}})";
  }
  return schema + "]}";
}

/// Lists of numbers where which list holds which kind of element has to be known.
constexpr std::string_view kListsOfMultiples = R"({"oneOf": [
  {"items": {"$ref": "#/$defs/a"}, "contains": {"$ref": "#/$defs/b"}},
  {"items": {"$ref": "#/$defs/b"}, "contains": {"$ref": "#/$defs/a"}}], "type": "array", "$defs": {
  "a": {"type": "array", "contains": {"type": "number", "multipleOf": 13, "minimum": 50}},
  "b": {"type": "array", "items": {"type": "number", "multipleOf": 6}}}})";

}  // namespace

TEST_CASE("compiling a schema ends after a number of steps, the same each time") {
  for (const std::string& schema : {many_patterns(), std::string(kListsOfMultiples)}) {
    CAPTURE(schema);
    for (const std::uint64_t steps : {std::uint64_t{1000}, std::uint64_t{300'000}}) {
      const Status status = Grammar::json_schema(schema, {.max_steps = steps}).status();
      CHECK(status.code() == Code::kBudget);
      CHECK(std::string(status.needed()) == "at most " + std::to_string(steps) + " steps");
    }
  }
  const std::string_view honest = R"({"type":"object","properties":{"a":{"type":"integer","minimum":3}}})";
  CHECK(Grammar::json_schema(honest, {.max_steps = 100'000}).ok());
}

TEST_CASE("a mask ends after a number of steps, and its matcher finds out nothing new") {
  const auto tokens = test::tokens_from(kSample, 200, 3);
  const Vocabulary vocabulary = test::vocabulary_of(tokens);
  const Grammar grammar = Grammar::regex("(.*a.{9}|.*b.{8}c|[ab]*){1,9}").value();
  Matcher matcher = Matcher::create(grammar, vocabulary, {.max_steps = 2000}).value();
  std::vector<std::uint64_t> words((vocabulary.size() + 63) / 64);
  const Status status = matcher.allowed(words);
  CHECK(status.code() == Code::kBudget);
  CHECK(status.needed() == "at most 2000 steps");
  Matcher clone = matcher;
  CHECK(clone.allowed(words).needed() == "at most 2000 steps");
  CHECK(clone.accept('q').code() == Code::kBudget);
  CHECK(clone.accepted() == 0);
  // With what is allowed by default it is no difficulty.
  Matcher other = Matcher::create(grammar, vocabulary).value();
  CHECK(other.allowed(words).ok());
  CHECK(other.accept('q').ok());
}
