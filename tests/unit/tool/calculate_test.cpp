// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <stop_token>

#include <moxie/tool/ready.hpp>

#include "support/catch.hpp"
#include "support/running.hpp"
#include "support/tools.hpp"
#include "tool/ready/expression.hpp"

namespace {

using namespace moxie;
using namespace moxie::test;

std::string calculate(std::string_view expression) {
  const Result<tools::Rational> value = tools::evaluate(expression, {});
  if (!value.ok()) return std::string("<").append(value.status().message()).append(">");
  bool rounded = false;
  std::string text = value->text(50, rounded);
  return text.append(rounded ? " (rounded to 50 digits)" : "");
}

TEST_CASE("expressions have the values that Python's fractions and decimal give") {
  std::ifstream file(data_folder("calculate") / "random.txt");
  std::size_t count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const std::size_t tab = line.find('\t');
    INFO(line.substr(0, tab));
    REQUIRE(calculate(line.substr(0, tab)) == line.substr(tab + 1));
  }
  CHECK(count == 300);
}

TEST_CASE("numbers are whole or decimal, exact, and written out") {
  CHECK(calculate("0.1 + 0.2") == "0.3");
  CHECK(calculate("-0") == "0");
  CHECK(calculate(".5") == "0.5");
  CHECK(calculate("5.") == "5");
  CHECK(calculate("007") == "7");
  CHECK(calculate("1.50e2") == "150");
  CHECK(calculate("1e-3") == "0.001");
  CHECK(calculate("0e999999999999999999999") == "0");
  CHECK(calculate("1/8") == "0.125");
  CHECK(calculate("2^64") == "18446744073709551616");
  CHECK(calculate("2^-2") == "0.25");
  CHECK(calculate("1/3*3") == "1");
  CHECK(calculate("2/3") == "0.66666666666666666666666666666666666666666666666667 (rounded to 50 digits)");
  CHECK(calculate("1e60/3") == "3.3333333333333333333333333333333333333333333333333e+59 (rounded to 50 digits)");
  CHECK(calculate("1/3e20") == "3.3333333333333333333333333333333333333333333333333e-21 (rounded to 50 digits)");
  // More decimals than are written out, but not more digits.
  CHECK(calculate("1e-999/8") == "1.2500000000000000000000000000000000000000000000000e-1000");
  // 52! and the twelfth Mersenne prime, as published.
  CHECK(
      calculate("1*2*3*4*5*6*7*8*9*10*11*12*13*14*15*16*17*18*19*20*21*22*23*24*25*26*27*28*29*30*31*32*33*34*35*36*37*"
                "38*39*40*41*42*43*44*45*46*47*48*49*50*51*52") ==
      "80658175170943878571660636856403766975289505440883277824000000000000");
  CHECK(calculate("2^127 - 1") == "170141183460469231731687303715884105727");
}

TEST_CASE("operators bind as in Python") {
  CHECK(calculate("2+3*4") == "14");
  CHECK(calculate("(2+3)*4") == "20");
  CHECK(calculate("2-3-4") == "-5");
  CHECK(calculate("64/4/2") == "8");
  CHECK(calculate("2^3^2") == "512");
  CHECK(calculate("-2^2") == "-4");
  CHECK(calculate("(-2)^2") == "4");
  CHECK(calculate("2**-1") == "0.5");
  CHECK(calculate("2 - -3") == "5");
  CHECK(calculate("+ - + 3") == "-3");
  CHECK(calculate("7 % 3") == "1");
  CHECK(calculate("-7 % 3") == "2");
  CHECK(calculate("7 % -3") == "-2");
  CHECK(calculate("-7 % -3") == "-1");
  CHECK(calculate("5.5 % 2") == "1.5");
  CHECK(calculate("6 \u00d7 7 \u00f7 2 \u2212 1 \u00b7 1") == "20");
  CHECK(calculate("0^0") == "1");
  CHECK(calculate("(-1)^99999999999999999999999") == "-1");
  CHECK(calculate("1^-99999999999999999999999") == "1");
  CHECK(calculate("0^99999999999999999999999") == "0");
}

TEST_CASE("what is no expression says where it stops being one") {
  CHECK(calculate("") == "<calculate: needed a number or a bracket at byte 1, came the end>");
  CHECK(calculate("1+") == "<calculate: needed a number or a bracket at byte 3, came the end>");
  CHECK(calculate("1 2") == "<calculate: needed an operator or the end at byte 3, came '2'>");
  CHECK(calculate("2e") == "<calculate: needed an operator or the end at byte 2, came 'e'>");
  CHECK(calculate("1.2.3") == "<calculate: needed a number, came 1.2.3>");
  CHECK(calculate(".") == "<calculate: needed a number, came .>");
  CHECK(calculate("(1") == "<calculate: needed a closing bracket at byte 3, came the end>");
  CHECK(calculate("1)") == "<calculate: needed an operator or the end at byte 2, came ')'>");
  CHECK(calculate("()") == "<calculate: needed a number or a bracket at byte 2, came ')'>");
  CHECK(calculate("1,000") == "<calculate: needed an operator or the end at byte 2, came ',000'>");
  CHECK(calculate("sqrt(2)") == "<calculate: needed a number or a bracket at byte 1, came 'sqrt(2)'>");
  CHECK(calculate("__import__('os')").starts_with("<calculate: needed a number or a bracket at byte 1"));
  CHECK(calculate("1+\xff") == "<calculate: needed a number or a bracket at byte 3, came '?'>");
  CHECK(calculate(std::string_view("1\0+1", 4)) == "<calculate: needed an operator or the end at byte 2, came '?+1'>");
}

TEST_CASE("what has no value is an error") {
  CHECK(calculate("1/0") == "<calculate: needed no division by zero, came one>");
  CHECK(calculate("1/(0.5-1/2)") == "<calculate: needed no division by zero, came one>");
  CHECK(calculate("0^-1") == "<calculate: needed no division by zero, came a negative power of 0>");
  CHECK(calculate("5 % 0") == "<calculate: needed no remainder of a division by zero, came one>");
  CHECK(calculate("2^0.5") == "<calculate: needed a whole number as exponent, came a fraction>");
}

TEST_CASE("hostile expressions are refused before they cost much") {
  const std::string too_large = "<calculate: needed numbers and fractions of some 1000 digits, came a longer one>";
  CHECK(calculate("9^9^9^9") == too_large);
  CHECK(calculate("2^99999999999999999999") == too_large);
  CHECK(calculate("1.0000001^1000000") == too_large);
  CHECK(calculate("2^-4000") == too_large);
  CHECK(calculate("1e1001") == too_large);
  CHECK(calculate("1e-1001") == too_large);
  CHECK(calculate("1e99999999999999999999") == too_large);
  CHECK(calculate("1e1000*10") == too_large);
  CHECK(calculate(std::string(2001, '9')) == too_large);
  CHECK(calculate(std::string(1000, '9')) == std::string(1000, '9'));
  CHECK(calculate("2^3321").size() == 1000);
  CHECK(calculate(std::string(101, '(')) == "<calculate: needed at most 100 open brackets, came more>");
  CHECK(calculate(std::string(100, '(') + "1" + std::string(100, ')')) == "1");
  CHECK(calculate(std::string(4095, '-') + "1") == "-1");
  CHECK(calculate(std::string(1U << 20U, '1')) ==
        "<calculate: needed an expression of at most 4096 bytes, came 1048576>");
  std::string chain = "1";
  while (chain.size() < 4090) chain += "/3+1";
  CHECK(!calculate(chain).empty());
}

TEST_CASE("an expression that takes long ends with its time") {
  std::stop_source source;
  source.request_stop();
  CHECK(tools::evaluate("1+1", {.stop = source.get_token()}).status().code() == Code::kCancelled);
  const ToolControl late{.deadline = std::chrono::steady_clock::now()};
  CHECK(tools::evaluate("1+1", late).status().code() == Code::kDeadline);
}

TEST_CASE("the tool answers with the value, and says where it was rounded") {
  const auto answer = [](std::string_view arguments) { return answer_of(tools::calculate(), arguments); };
  CHECK(answer(R"({"expression":"(1.5+2)*3^4/7"})") == "40.5");
  CHECK(answer(R"({"expression":"1/7"})") ==
        "0.14285714285714285714285714285714285714285714285714 (rounded to 50 digits)");
  CHECK(answer(R"({"expression":1})") == "<bad arguments: calculate: needed expression as a string, came 1>");
  CHECK(answer(R"({"expression":"1/0"})") == "<failed: calculate: needed no division by zero, came one>");
}

}  // namespace
