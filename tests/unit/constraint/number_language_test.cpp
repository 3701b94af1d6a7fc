// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <random>
#include <string>

#include "constraint/regex/regexes.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::constraint;

namespace {

NumberBound bound(const std::string& text, bool open = false) {
  NumberBound result{.present = true, .open = open, .negative = text.starts_with('-')};
  const std::string digits = result.negative ? text.substr(1) : text;
  result.whole = digits.substr(0, digits.find('.'));
  if (result.whole == "0") result.whole.clear();
  if (const auto point = digits.find('.'); point != std::string::npos) result.fraction = digits.substr(point + 1);
  return result;
}

}  // namespace

TEST_CASE("a number is in a language where its value is") {
  struct Case {
    const char* least;
    const char* most;
    std::uint64_t step;
    std::uint32_t places;
  };
  const Case cases[] = {{"", "", 0, 0},        {"0", "", 0, 0},       {"-3", "12", 0, 0},       {"", "-0.5", 0, 0},
                        {"1.25", "100", 0, 0}, {"", "", 7, 0},        {"-20", "20", 5, 0},      {"0.5", "3.75", 25, 2},
                        {"", "0", 0, 0},       {"-12.5", "-3", 1, 0}, {"99.9", "1000.1", 0, 0}, {"", "", 15, 1}};
  std::mt19937 random(5);
  for (const Case& one : cases) {
    for (const bool open : {false, true}) {
      NumberLanguage language{.step = one.step, .step_places = one.places};
      if (*one.least != 0) language.least = bound(one.least, open);
      if (*one.most != 0) language.most = bound(one.most, open);
      Regexes regexes;
      const RegexId what = regexes.number(language);
      REQUIRE(regexes.possible(what));
      for (int i = 0; i < 3000; ++i) {
        // A value in hundredths, exactly.
        const long value = static_cast<long>(random() % 260000) - 130000;
        const long shown = i % 3 == 0 ? value / 100 * 100 : i % 3 == 1 ? value % 3000 : value;
        std::string text;
        if (shown < 0) text += '-';
        text += std::to_string(std::labs(shown) / 100);
        if (shown % 100 != 0) text.append(".").append(std::to_string(100 + std::labs(shown) % 100), 1);
        if (text.find('.') != std::string::npos && text.ends_with('0')) text.pop_back();
        bool inside = true;
        const auto hundredths = [](const char* of) { return std::lround(std::stod(of) * 100); };
        if (*one.least != 0)
          inside = inside && (shown > hundredths(one.least) || (!open && shown == hundredths(one.least)));
        if (*one.most != 0)
          inside = inside && (shown < hundredths(one.most) || (!open && shown == hundredths(one.most)));
        if (one.step != 0) {
          const long step = one.places == 0   ? static_cast<long>(one.step) * 100
                            : one.places == 1 ? static_cast<long>(one.step) * 10
                                              : static_cast<long>(one.step);
          inside = inside && shown % step == 0;
        }
        CAPTURE(one.least, one.most, one.step, open, text);
        CHECK(regexes.accepts(what, text) == inside);
        // What is in the language can be reached, byte by byte.
        RegexId at = what;
        for (const char c : text) {
          at = regexes.after(at, static_cast<unsigned char>(c));
          if (inside) CHECK(regexes.possible(at));
        }
      }
    }
  }
}

TEST_CASE("numbers are written as JSON writes them") {
  Regexes regexes;
  const RegexId any = regexes.number({});
  for (const char* text : {"0", "-0", "10", "0.0", "1.50"}) CHECK(regexes.accepts(any, text));
  for (const char* text : {"", "-", "01", "1.", ".5", "+1", "1e3", "--1"}) CHECK_FALSE(regexes.accepts(any, text));
  const RegexId whole = regexes.number({.step = 1});
  CHECK(regexes.accepts(whole, "12"));
  CHECK_FALSE(regexes.possible(regexes.after(whole, "12.")));
}

TEST_CASE("a range without a multiple is seen to be empty") {
  Regexes regexes;
  CHECK_FALSE(regexes.possible(regexes.number({.least = bound("1"), .most = bound("4"), .step = 5})));
  CHECK(regexes.possible(regexes.number({.least = bound("1"), .most = bound("5"), .step = 5})));
  CHECK_FALSE(regexes.possible(regexes.number({.least = bound("1"), .most = bound("5", true), .step = 5})));
  CHECK_FALSE(regexes.possible(regexes.number({.least = bound("2"), .most = bound("1")})));
}
