// SPDX-License-Identifier: Apache-2.0
// Expected values by the units' definitions (NIST SP 811, the SI brochure, IEC 80000-13), worked out by hand or with
// bc.
#include <algorithm>
#include <set>

#include <moxie/tool/ready.hpp>

#include "support/catch.hpp"
#include "support/tools.hpp"
#include "tool/ready/units.hpp"

namespace {

using namespace moxie;
using namespace moxie::test;

std::string convert(std::string_view value, std::string_view from, std::string_view to) {
  const std::string arguments = R"({"value":)" + std::string(value) + R"(,"from":")" + std::string(from) +
                                R"(","to":")" + std::string(to) + "\"}";
  return answer_of(tools::convert(), arguments);
}

TEST_CASE("conversions are exact where they end") {
  CHECK(convert("26.2", "mi", "km") == "42.1648128 km");
  CHECK(convert("1", "in", "cm") == "2.54 cm");
  CHECK(convert("1", "nmi", "mi") == "1.15077944802354 mi (rounded to 15 digits)");
  CHECK(convert("1", "lb", "kg") == "0.45359237 kg");
  CHECK(convert("16", "oz", "lb") == "1 lb");
  CHECK(convert("14", "lb", "st") == "1 st");
  CHECK(convert("100", "C", "F") == "212 F");
  CHECK(convert("-40", "F", "C") == "-40 C");
  CHECK(convert("0", "K", "C") == "-273.15 C");
  CHECK(convert("0", "K", "F") == "-459.67 F");
  CHECK(convert("98.6", "F", "C") == "37 C");
  CHECK(convert("491.67", "R", "C") == "0 C");
  CHECK(convert("1", "gal", "l") == "3.785411784 l");
  CHECK(convert("1", "gal", "cup") == "16 cup");
  CHECK(convert("3", "tsp", "tbsp") == "1 tbsp");
  CHECK(convert("8", "imp_pt", "imp_gal") == "1 imp_gal");
  CHECK(convert("1", "wk", "min") == "10080 min");
  CHECK(convert("36", "km/h", "m/s") == "10 m/s");
  CHECK(convert("60", "mph", "km/h") == "96.56064 km/h");
  CHECK(convert("1", "kn", "km/h") == "1.852 km/h");
  CHECK(convert("1", "GiB", "MB") == "1073.741824 MB");
  CHECK(convert("1", "MB", "Mbit") == "8 Mbit");
  CHECK(convert("1", "atm", "hPa") == "1013.25 hPa");
  CHECK(convert("1", "atm", "Torr") == "760 Torr");
  CHECK(convert("1", "psi", "Pa") == "6894.75729316836 Pa (rounded to 15 digits)");
  CHECK(convert("1", "kWh", "MJ") == "3.6 MJ");
  CHECK(convert("1", "ac", "ft2") == "43560 ft2");
  CHECK(convert("1", "mi2", "ac") == "640 ac");
  CHECK(convert("0.1", "m", "mm") == "100 mm");
  CHECK(convert("-0", "m", "mm") == "0 mm");
}

TEST_CASE("units go by their usual names") {
  CHECK(convert("1", "Miles", "Kilometres") == "1.609344 km");
  CHECK(convert("1", "foot", "inches") == "12 in");
  CHECK(convert("1", "nautical mile", "meters") == "1852 m");
  CHECK(convert("1", "Liter", "millilitres") == "1000 ml");
  CHECK(convert("10", "degrees Celsius", "\u00b0F") == "50 F");
  CHECK(convert("1", "kilowatt-hour", "joules") == "3600000 J");
  CHECK(convert("1", "m\u00b2", "square feet") == "10.7639104167097 ft2 (rounded to 15 digits)");
}

TEST_CASE("a unit that is unknown, or of another quantity, is told what is known") {
  CHECK(
      convert("1", "furlong", "m").starts_with("<failed: convert: needed a unit of length: nm, um, mm, cm, m, km, in"));
  CHECK(convert("1", "furlong", "m").ends_with("TiB, PiB, came 'furlong'>"));
  CHECK(convert("1", "m", "kg") ==
        "<failed: convert: needed a unit of length: nm, um, mm, cm, m, km, in, ft, yd, mi, nmi, au, ly, came 'kg'>");
  CHECK(convert("1", "mb", "kB").starts_with("<failed"));  // neither millibar nor megabyte: case matters
  CHECK(convert("1", "", "m").starts_with("<failed"));
  CHECK(convert("1", std::string(1000, 'x'), "m").starts_with("<failed"));
}

TEST_CASE("values that a double does not hold exactly are refused") {
  CHECK(convert("9007199254740993", "B", "kB").starts_with("<failed: convert: needed a value between -2^53 and 2^53"));
  CHECK(convert("1e999", "m", "km").starts_with("<bad arguments"));
}

TEST_CASE("every unit can be found by its symbol and its name, and converts to itself") {
  std::set<std::string_view> symbols;
  std::set<std::string_view> names;
  for (const tools::Unit& unit : tools::units()) {
    INFO(unit.name);
    CHECK(symbols.insert(unit.symbol).second);
    CHECK(names.insert(unit.name).second);
    CHECK(tools::find_unit(unit.symbol) == &unit);
    CHECK(tools::find_unit(unit.name) == &unit);
    CHECK(convert("7.25", unit.symbol, unit.symbol) == "7.25 " + std::string(unit.symbol));
  }
}

}  // namespace
