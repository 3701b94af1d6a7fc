// SPDX-License-Identifier: Apache-2.0
#include <random>
#include <string>

#include <moxie/constraint/matcher.hpp>

#include "constraint/random_tokens.hpp"
#include "support/catch.hpp"

using namespace moxie;

namespace {

bool matches(std::string_view grammar, std::string_view text) {
  static const auto tokens = test::tokens_from("", 0, 0);
  static const Vocabulary vocabulary = test::vocabulary_of(tokens);
  Matcher matcher = Matcher::create(Grammar::gbnf(grammar).value(), vocabulary).value();
  return matcher.accept_bytes(text).ok() && matcher.may_end();
}

Code code_of(std::string_view grammar) { return Grammar::gbnf(grammar).status().code(); }

/// Sums of products of digits and of sums in parentheses, by hand.
bool is_sum(std::string_view& text);
bool is_factor(std::string_view& text) {
  if (text.starts_with('(')) {
    text.remove_prefix(1);
    if (!is_sum(text) || !text.starts_with(')')) return false;
    text.remove_prefix(1);
    return true;
  }
  if (text.empty() || text.front() < '0' || text.front() > '9') return false;
  text.remove_prefix(1);
  return true;
}
bool is_sum(std::string_view& text) {
  if (!is_factor(text)) return false;
  while (text.starts_with('+') || text.starts_with('*')) {
    text.remove_prefix(1);
    if (!is_factor(text)) return false;
  }
  return true;
}

constexpr std::string_view kJson = R"gbnf(
# JSON
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array  ::=
  "[" ws (
            value
    ("," ws value)*
  )? "]" ws

string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws

number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws

ws ::= | " " | "\n" [ \t]{0,20}
)gbnf";

}  // namespace

TEST_CASE("recursive rules, to the left as to the right, accept what they say") {
  const char* left = "root ::= root [+*] factor | factor\nfactor ::= [0-9] | \"(\" root \")\"";
  const char* right = "root ::= factor ([+*] root)?\nfactor ::= [0-9] | \"(\" root \")\"";
  std::mt19937 random(23);
  std::size_t good = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (std::size_t n = 1 + random() % 7; n > 0; --n) text += "12+*()"[random() % 6];
    std::string_view rest = text;
    const bool is = is_sum(rest) && rest.empty();
    good += is ? 1U : 0U;
    CAPTURE(text);
    CHECK(matches(left, text) == is);
    if (i % 4 == 0) CHECK(matches(right, text) == is);
  }
  CHECK(good > 50);
}

TEST_CASE("masks of a recursive grammar are the tokens that fit, and have no dead ends") {
  const auto tokens =
      test::tokens_from(R"({"a": [1, 2.5e3, true, null], "b": {"c": "x\u0041\n"}, "d":[[],{}]})", 300, 5);
  const Vocabulary vocabulary = test::vocabulary_of(tokens);
  std::mt19937 random(29);
  std::size_t ended = 0;
  for (const std::string_view grammar : {kJson, std::string_view("root ::= \"a\" root \"b\" | \"\""),
                                         std::string_view("root ::= root root | \"a\" | [bc]+ | \"\"")}) {
    const Matcher matcher = Matcher::create(Grammar::gbnf(grammar).value(), vocabulary).value();
    for (int i = 0; i < 15; ++i) {
      const test::Walk walk = test::walk_masks(matcher, vocabulary, random, 25);
      REQUIRE(walk.mistake == "");
      if (walk.ended) ++ended;
    }
  }
  CHECK(ended > 5);
}

TEST_CASE("the pieces of the syntax mean what llama.cpp's mean") {
  CHECK(matches(kJson, R"({"a":[1,{"b":null}],"c":"\u00e9"})"));
  CHECK_FALSE(matches(kJson, R"({"a":})"));
  CHECK(matches("root ::= \"\\x41\\u00e9\\n\\\"\"", "A\xc3\xa9\n\""));
  CHECK(matches("root ::= [a-c-]{2,3}", "a-"));
  CHECK(matches("root ::= .", "\xe6\xbc\xa2"));
  CHECK(matches("root ::= a | b\na ::= \"x\"\n  | \"y\"\nb ::= \"z\"{2}", "y"));
  CHECK(matches("root ::= (\"a\"\n \"b\")+ # comment\n", "abab"));
  CHECK_FALSE(matches("root ::= \"a\"{2}", "aaa"));
}

TEST_CASE("a grammar that is none is refused") {
  for (const char* grammar : {"", "x ::= \"a\"", "root ::= y", "root ::= \"a", "root ::= [a", "root ::= (\"a\"",
                              "root = \"a\"", "root ::= \"a\" )", "root ::= \"a\"{2,1}",
                              "root ::= \"a\"\nroot ::= \"b\"", "root ::= \"\\q\"", "root ::= \"a\"**"}) {
    CAPTURE(grammar);
    CHECK(code_of(grammar) == Code::kFormat);
  }
  CHECK(code_of("root ::= \"a\" root") == Code::kInvalidArgument);
  CHECK(code_of("root ::= root") == Code::kInvalidArgument);
  std::string deep = "root ::= ";
  deep.append(60000, '(');
  CHECK(code_of(deep) == Code::kBudget);
  CHECK(code_of("root ::= (\"a\" root){0,1000000}") == Code::kBudget);
  // Texts that double with each rule, places that reach all later ones, one large part many times.
  std::string doubled = "root ::= r0 r0\n";
  const auto rule = [](int i) {
    std::string name = "r";
    name += std::to_string(i);
    return name;
  };
  for (int i = 0; i < 40; ++i) doubled += rule(i) + " ::= " + rule(i + 1) + " " + rule(i + 1) + "\n";
  CHECK(code_of(doubled + "r40 ::= \"ab\"\n") == Code::kBudget);
  std::string optional = "root ::= \"a\"";
  for (int i = 0; i < 5000; ++i) optional += " s?";
  CHECK(code_of(optional + "\ns ::= \"(\" s? \")\"\n") == Code::kBudget);
  std::string large = "root ::= (\"b\" s){0,100000}\ns ::= \"(\" s? \")\" \"";
  large.append(50000, 'x');
  large += "\"\n";
  CHECK(code_of(large) == Code::kBudget);
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 20000; ++i) chain += rule(i) + " ::= " + rule(i + 1) + "\n";
  CHECK(code_of(chain + "r20000 ::= \"a\"\n") == Code::kOk);
}
