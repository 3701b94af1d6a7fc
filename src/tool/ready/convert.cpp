// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <moxie/tool/ready.hpp>

#include "tool/ready/rational.hpp"
#include "tool/ready/units.hpp"
#include "tool/utf8.hpp"

namespace moxie::inline abi1::tools {
namespace {

constexpr std::string_view kWhere = "convert";
constexpr std::size_t kRoundedDigits = 15;  // as many as a double, which the value came as, can promise

// The units of one quantity, or of every one.
std::string known_units(std::string_view quantity) {
  std::string text;
  std::string_view last;
  for (const Unit& unit : units()) {
    if (!quantity.empty() && unit.quantity != quantity) continue;
    if (unit.quantity != last) text.append(text.empty() ? "" : "; ").append(unit.quantity).append(":");
    text.append(unit.quantity != last ? " " : ", ").append(unit.symbol);
    last = unit.quantity;
  }
  return text;
}

Result<const Unit*> find(std::string_view text, std::string_view quantity) {
  const Unit* unit = find_unit(text);
  if (unit != nullptr && (quantity.empty() || unit->quantity == quantity)) return unit;
  return Status(Code::kInvalidArgument, kWhere, "a unit of " + known_units(quantity),
                "'" + printable_utf8(text.substr(0, 64)) + "'");
}

Result<Rational> fraction(std::string_view text) {
  if (text.empty()) return Rational();
  const std::size_t slash = text.find('/');
  MOXIE_TRY_LET(Rational above, Rational::parse(text.substr(0, slash)));
  if (slash == std::string_view::npos) return above;
  MOXIE_TRY_LET(const Rational below, Rational::parse(text.substr(slash + 1)));
  return Rational::divide(above, below);
}

// The shortest decimal that is that double: what was written, if it had no more than 15 digits.
Result<Rational> exact(double value) {
  constexpr double kExact = 9007199254740992.0;
  if (std::fabs(value) >= kExact) {
    return Status(Code::kInvalidArgument, kWhere, "a value between -2^53 and 2^53", Text(value));
  }
  MOXIE_TRY_LET(Rational number, Rational::parse(Text(std::fabs(value)).view()));
  return value < 0 ? number.negated() : number;
}

// Fahrenheit's offset counts before its factor, as in K = (F + 459.67) * 5 / 9; Celsius' factor is 1.
Result<std::string> answer(double value, std::string_view from_text, std::string_view to_text) {
  MOXIE_TRY_LET(const Unit* from, find(from_text, ""));
  MOXIE_TRY_LET(const Unit* to, find(to_text, from->quantity));
  MOXIE_TRY_LET(const Rational number, exact(value));
  MOXIE_TRY_LET(const Rational from_factor, fraction(from->factor));
  MOXIE_TRY_LET(const Rational from_offset, fraction(from->offset));
  MOXIE_TRY_LET(const Rational to_factor, fraction(to->factor));
  MOXIE_TRY_LET(const Rational to_offset, fraction(to->offset));
  MOXIE_TRY_LET(const Rational shifted, Rational::add(number, from_offset));
  MOXIE_TRY_LET(const Rational base, Rational::multiply(shifted, from_factor));
  MOXIE_TRY_LET(const Rational scaled, Rational::divide(base, to_factor));
  MOXIE_TRY_LET(const Rational result, Rational::subtract(scaled, to_offset));
  bool rounded = false;
  std::string text = result.text(kRoundedDigits, rounded);
  text.append(" ").append(to->symbol);
  if (rounded) text += " (rounded to 15 digits)";
  return text;
}

}  // namespace

Result<AnyTool> convert() noexcept {
  return AnyTool::create(tool(
      "convert",
      "Converts between units of length, area, volume, mass, time, speed, temperature, pressure, energy, power and "
      "data.",
      [](Arg<"value", double> value, Arg<"from", std::string, "Its unit, such as mi, lb, F, km/h, GiB"> from,
         Arg<"to", std::string, "The unit that is wanted, such as km"> to) { return answer(*value, *from, *to); }));
}

}  // namespace moxie::tools
