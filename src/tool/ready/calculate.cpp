// SPDX-License-Identifier: Apache-2.0
#include <moxie/tool/ready.hpp>

#include "tool/ready/expression.hpp"

namespace moxie::inline abi1::tools {
namespace {

constexpr std::size_t kRoundedDigits = 50;  // as the description says

Result<std::string> answer(std::string_view expression, const ToolControl& control) {
  MOXIE_TRY_LET(const Rational value, evaluate(expression, control));
  bool rounded = false;
  std::string text = value.text(kRoundedDigits, rounded);
  if (rounded) text += " (rounded to 50 digits)";
  return text;
}

}  // namespace

Result<AnyTool> calculate() noexcept {
  return AnyTool::create(
      tool("calculate",
           "Calculates exactly, with whole numbers and decimals of up to 1000 digits. Operators: + - * / % ^ and "
           "brackets; % is the remainder with the sign of the divisor, ^ takes whole exponents. A quotient is "
           "exact where it ends, otherwise it is rounded to 50 significant digits, and the answer says so.",
           [](Arg<"expression", std::string, "For example (1.5 + 2) * 3^4 / 7"> expression,
              const ToolControl& control) { return answer(*expression, control); }));
}

}  // namespace moxie::tools
