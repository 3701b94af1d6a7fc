// SPDX-License-Identifier: Apache-2.0
#include "tool/ready/units.hpp"

#include <algorithm>
#include <array>

namespace moxie::inline abi1::tools {
namespace {

// SI and the units accepted for use with it: the SI brochure, 9th edition. Anglo-American ones: NIST Special
// Publication 811, appendix B; the international yard and pound of 1959. Binary prefixes: IEC 80000-13.
constexpr Unit kUnits[] = {
    {"nm", "nanometer", "length", "1e-9"},
    {"um", "micrometer", "length", "1e-6"},
    {"mm", "millimeter", "length", "0.001"},
    {"cm", "centimeter", "length", "0.01"},
    {"m", "meter", "length", "1"},
    {"km", "kilometer", "length", "1000"},
    {"in", "inch", "length", "0.0254"},
    {"ft", "foot", "length", "0.3048"},
    {"yd", "yard", "length", "0.9144"},
    {"mi", "mile", "length", "1609.344"},
    {"nmi", "nautical_mile", "length", "1852"},
    {"au", "astronomical_unit", "length", "149597870700"},
    {"ly", "light_year", "length", "9460730472580800"},

    {"mm2", "square_millimeter", "area", "1e-6"},
    {"cm2", "square_centimeter", "area", "1e-4"},
    {"m2", "square_meter", "area", "1"},
    {"ha", "hectare", "area", "10000"},
    {"km2", "square_kilometer", "area", "1e6"},
    {"in2", "square_inch", "area", "0.00064516"},
    {"ft2", "square_foot", "area", "0.09290304"},
    {"yd2", "square_yard", "area", "0.83612736"},
    {"ac", "acre", "area", "4046.8564224"},
    {"mi2", "square_mile", "area", "2589988.110336"},

    {"ml", "milliliter", "volume", "1e-6"},
    {"cl", "centiliter", "volume", "1e-5"},
    {"dl", "deciliter", "volume", "1e-4"},
    {"l", "liter", "volume", "0.001"},
    {"cm3", "cubic_centimeter", "volume", "1e-6"},
    {"m3", "cubic_meter", "volume", "1"},
    {"in3", "cubic_inch", "volume", "0.000016387064"},
    {"ft3", "cubic_foot", "volume", "0.028316846592"},
    {"tsp", "us_teaspoon", "volume", "0.00000492892159375"},
    {"tbsp", "us_tablespoon", "volume", "0.00001478676478125"},
    {"fl_oz", "us_fluid_ounce", "volume", "0.0000295735295625"},
    {"cup", "us_cup", "volume", "0.0002365882365"},
    {"pt", "us_pint", "volume", "0.000473176473"},
    {"qt", "us_quart", "volume", "0.000946352946"},
    {"gal", "us_gallon", "volume", "0.003785411784"},
    {"imp_pt", "imperial_pint", "volume", "0.00056826125"},
    {"imp_gal", "imperial_gallon", "volume", "0.00454609"},

    {"ug", "microgram", "mass", "1e-9"},
    {"mg", "milligram", "mass", "1e-6"},
    {"g", "gram", "mass", "0.001"},
    {"kg", "kilogram", "mass", "1"},
    {"t", "tonne", "mass", "1000"},
    {"oz", "ounce", "mass", "0.028349523125"},
    {"lb", "pound", "mass", "0.45359237"},
    {"st", "stone", "mass", "6.35029318"},
    {"short_ton", "short_ton", "mass", "907.18474"},
    {"long_ton", "long_ton", "mass", "1016.0469088"},

    {"ns", "nanosecond", "time", "1e-9"},
    {"us", "microsecond", "time", "1e-6"},
    {"ms", "millisecond", "time", "0.001"},
    {"s", "second", "time", "1"},
    {"min", "minute", "time", "60"},
    {"h", "hour", "time", "3600"},
    {"d", "day", "time", "86400"},
    {"wk", "week", "time", "604800"},

    {"m/s", "meter_per_second", "speed", "1"},
    {"km/h", "kilometer_per_hour", "speed", "1/3.6"},
    {"mph", "mile_per_hour", "speed", "0.44704"},
    {"ft/s", "foot_per_second", "speed", "0.3048"},
    {"kn", "knot", "speed", "1852/3600"},

    {"K", "kelvin", "temperature", "1"},
    {"C", "celsius", "temperature", "1", "273.15"},
    {"F", "fahrenheit", "temperature", "5/9", "459.67"},
    {"R", "rankine", "temperature", "5/9"},

    {"Pa", "pascal", "pressure", "1"},
    {"hPa", "hectopascal", "pressure", "100"},
    {"kPa", "kilopascal", "pressure", "1000"},
    {"MPa", "megapascal", "pressure", "1e6"},
    {"mbar", "millibar", "pressure", "100"},
    {"bar", "bar", "pressure", "1e5"},
    {"atm", "atmosphere", "pressure", "101325"},
    {"Torr", "torr", "pressure", "101325/760"},
    {"psi", "pound_per_square_inch", "pressure", "4.4482216152605/0.00064516"},

    {"J", "joule", "energy", "1"},
    {"kJ", "kilojoule", "energy", "1000"},
    {"MJ", "megajoule", "energy", "1e6"},
    {"cal", "calorie", "energy", "4.184"},
    {"kcal", "kilocalorie", "energy", "4184"},
    {"Wh", "watt_hour", "energy", "3600"},
    {"kWh", "kilowatt_hour", "energy", "3.6e6"},
    {"eV", "electronvolt", "energy", "1.602176634e-19"},
    {"BTU", "british_thermal_unit", "energy", "1055.05585262"},

    {"W", "watt", "power", "1"},
    {"kW", "kilowatt", "power", "1000"},
    {"MW", "megawatt", "power", "1e6"},
    {"hp", "horsepower", "power", "745.69987158227022"},

    {"bit", "bit", "data", "1"},
    {"kbit", "kilobit", "data", "1000"},
    {"Mbit", "megabit", "data", "1e6"},
    {"Gbit", "gigabit", "data", "1e9"},
    {"B", "byte", "data", "8"},
    {"kB", "kilobyte", "data", "8000"},
    {"MB", "megabyte", "data", "8e6"},
    {"GB", "gigabyte", "data", "8e9"},
    {"TB", "terabyte", "data", "8e12"},
    {"PB", "petabyte", "data", "8e15"},
    {"KiB", "kibibyte", "data", "8192"},
    {"MiB", "mebibyte", "data", "8388608"},
    {"GiB", "gibibyte", "data", "8589934592"},
    {"TiB", "tebibyte", "data", "8796093022208"},
    {"PiB", "pebibyte", "data", "9007199254740992"},
};

struct Spelling {
  std::string_view text;
  std::string_view symbol;
};
constexpr Spelling kSpellings[] = {
    {"feet", "ft"},
    {"inches", "in"},
    {"feet_per_second", "ft/s"},
    {"square_feet", "ft2"},
    {"cubic_feet", "ft3"},
    {"square_inches", "in2"},
    {"cubic_inches", "in3"},
    {"miles_per_hour", "mph"},
    {"kilometers_per_hour", "km/h"},
    {"meters_per_second", "m/s"},
    {"kph", "km/h"},
    {"kmh", "km/h"},
    {"teaspoon", "tsp"},
    {"tablespoon", "tbsp"},
    {"fluid_ounce", "fl_oz"},
    {"us_cup", "cup"},
    {"pint", "pt"},
    {"quart", "qt"},
    {"gallon", "gal"},
    {"metric_ton", "t"},
    {"degree_celsius", "C"},
    {"degrees_celsius", "C"},
    {"degree_fahrenheit", "F"},
    {"degrees_fahrenheit", "F"},
    {"\u00b0c", "C"},
    {"\u00b0f", "F"},
    {"lbs", "lb"},
    {"sec", "s"},
    {"hr", "h"},
    {"hrs", "h"},
    {"mins", "min"},
    {"\u03bcm", "um"},
    {"\u00b5m", "um"},
    {"pounds_per_square_inch", "psi"},
    {"m\u00b2", "m2"},
    {"m\u00b3", "m3"},
};

// Small letters, '_' for space and hyphen, meter and liter for metre and litre. Text of at most 64 bytes.
class Normalized {
 public:
  explicit Normalized(std::string_view text) noexcept {
    for (const char c : text) {
      chars_[size_++] = c == ' ' || c == '-' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    for (const std::string_view british : {std::string_view("metre"), std::string_view("litre")}) {
      const std::size_t at = view().find(british);
      if (at != std::string_view::npos) std::swap(chars_[at + 3], chars_[at + 4]);
    }
  }
  [[nodiscard]] std::string_view view() const noexcept { return {chars_.data(), size_}; }

 private:
  std::array<char, 64> chars_{};
  std::size_t size_ = 0;
};

template <class Range, class Predicate>
auto find_in(const Range& range, Predicate predicate) noexcept -> decltype(&*std::begin(range)) {
  const auto found = std::find_if(std::begin(range), std::end(range), predicate);
  return found == std::end(range) ? nullptr : &*found;
}

}  // namespace

std::span<const Unit> units() noexcept { return kUnits; }

const Unit* find_unit(std::string_view text) noexcept {
  const auto by_symbol = [](std::string_view symbol) {
    return find_in(kUnits, [&](const Unit& unit) { return unit.symbol == symbol; });
  };
  if (const Unit* unit = by_symbol(text)) return unit;
  if (text.empty() || text.size() > 64) return nullptr;
  const Normalized normalized(text);
  const std::string_view name = normalized.view();
  const std::string_view singular = name.ends_with('s') ? name.substr(0, name.size() - 1) : name;
  const auto named = [&](std::string_view other) { return other == name || other == singular; };
  if (const Unit* unit = find_in(kUnits, [&](const Unit& u) { return named(u.name); })) return unit;
  const Spelling* spelling = find_in(kSpellings, [&](const Spelling& s) { return named(s.text); });
  return spelling == nullptr ? nullptr : by_symbol(spelling->symbol);
}

}  // namespace moxie::tools
