// SPDX-License-Identifier: Apache-2.0
#include <random>
#include <regex>
#include <string>

#include "constraint/regex/pattern.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::constraint;

namespace {

bool matches(std::string_view expression, std::string_view text, Match match = Match::kAnywhere) {
  Regexes regexes;
  const RegexId what = pattern(regexes, expression, Writing::kPlain, match).value();
  return regexes.accepts(what, text);
}

Code code_of(std::string_view expression) {
  Regexes regexes;
  return pattern(regexes, expression, Writing::kPlain, Match::kAnywhere).status().code();
}

}  // namespace

TEST_CASE("patterns match what std::regex matches") {
  const char* expressions[] = {"a",      "^a",     "a$",        "^a*$",   "^(a|b)c$",   "(^a|b$)", "a^b",       "^$",
                               "(^|c)a", "b($|a)", "[^a]",      "a{2}",   "^a{1,2}b?$", "(ab)+",   "^(?:a|bc)", "a.c",
                               "\\d",    "^\\w+$", "[a-b]c|^b", "(a*)*b", "^[^ab]*$",   "c*?a+?b"};
  std::mt19937 random(3);
  for (const char* expression : expressions) {
    const std::regex oracle(expression);
    for (int i = 0; i < 300; ++i) {
      std::string text;
      for (std::size_t n = random() % 6; n > 0; --n) text += "abc1"[random() % 4];
      CAPTURE(expression, text);
      CHECK(matches(expression, text) == std::regex_search(text, oracle));
      CHECK(matches(expression, text, Match::kWhole) == std::regex_match(text, oracle));
    }
  }
}

TEST_CASE("anchors may stand one behind another") {
  CHECK(matches("^^a$$", "a"));
  CHECK(matches("(^a)", "ab"));
  CHECK(matches("^(^a|b)", "b"));
  CHECK_FALSE(matches("^(^a|b)", "ca"));
}

TEST_CASE("characters are Unicode's") {
  CHECK(matches("^.$", "é"));
  CHECK(matches("^.$", "😀"));
  CHECK_FALSE(matches("^.$", "\n"));
  CHECK(matches("^[α-ω]+$", "λογος"));
  CHECK(matches("^[^a]$", "漢"));
  CHECK(matches("^\\p{Letter}+$", "Straße"));
  CHECK(matches("^\\p{Lu}$", "É"));
  CHECK_FALSE(matches("^\\P{L}$", "é"));
  CHECK(matches("^\\u{1F600}$", "😀"));
  CHECK(matches("^\\uD83D\\uDE00$", "😀"));
  CHECK(matches("^\\x41\\cA\\0$", std::string_view("A\x01\0", 3)));
  CHECK(matches("^\\s$", "\u00a0"));
  CHECK_FALSE(matches("^\\d$", "٣"));  // of ASCII alone
  CHECK_FALSE(matches("^.$", "\xc3"));
  CHECK_FALSE(matches("^.$", "\xed\xa0\x80"));  // a surrogate
}

TEST_CASE("in a JSON string a character has one writing") {
  Regexes regexes;
  const RegexId what = pattern(regexes, "^[\"\\\\\\n\\u0001a/]*$", Writing::kJsonString, Match::kAnywhere).value();
  CHECK(regexes.accepts(what, R"(a\"\\\n\u0001/)"));
  CHECK_FALSE(regexes.accepts(what, "\""));
  CHECK_FALSE(regexes.accepts(what, R"(\u0061)"));
  CHECK_FALSE(regexes.accepts(what, "\x01"));
  CHECK_FALSE(regexes.accepts(what, R"(\q)"));
}

TEST_CASE("what is not supported is refused by name, what is wrong as such") {
  for (const char* expression :
       {"(?=a)", "a(?!b)", "(?<=a)b", "(?<!a)", "\\bword", "(a)\\1", "\\k<n>", "\\p{Script=Greek}"}) {
    CAPTURE(expression);
    CHECK(code_of(expression) == Code::kUnsupported);
  }
  for (const char* expression :
       {"(", ")", "[a", "a**", "*a", "a{2,1}", "a{1", "\\", "[b-a]", "\\u{110000}", "\\xg0", "\\a"}) {
    CAPTURE(expression);
    CHECK(code_of(expression) == Code::kFormat);
  }
  CHECK(code_of(std::string(60000, '(')) == Code::kBudget);
  CHECK(code_of(std::string(70, '(') + "a" + std::string(70, ')')) == Code::kBudget);
  CHECK(code_of("((a{1,900}){1,900}){1,900}") == Code::kOk);
  CHECK(code_of(std::string(8000, 'a')) == Code::kOk);
}

TEST_CASE("languages are closed under intersection and complement") {
  Regexes regexes;
  const auto whole = [&](std::string_view text) {
    return pattern(regexes, text, Writing::kPlain, Match::kWhole).value();
  };
  const RegexId even = whole("(aa)*");
  const RegexId threes = whole("(aaa)*");
  const RegexId sixes = regexes.both(even, threes);
  for (std::size_t n = 0; n < 20; ++n) CHECK(regexes.accepts(sixes, std::string(n, 'a')) == (n % 6 == 0));
  const RegexId odd = regexes.both(whole("a*"), regexes.except(even));
  for (std::size_t n = 0; n < 20; ++n) CHECK(regexes.accepts(odd, std::string(n, 'a')) == (n % 2 == 1));
  CHECK(regexes.possible(sixes));
  CHECK_FALSE(regexes.possible(regexes.both(odd, even)));
  CHECK_FALSE(regexes.possible(regexes.both(whole("a+b"), whole("a+c"))));
  CHECK(regexes.count(whole("[ab]{0,2}"), 100) == 7);
  CHECK(regexes.count(whole("a*"), 100) == 100);
  CHECK(regexes.count(regexes.both(whole("[ab]{0,2}"), regexes.except(whole("a.*"))), 100) == 4);
}
