// SPDX-License-Identifier: Apache-2.0
#include "model/load/config_fields.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include <moxie/core/text.hpp>

namespace moxie::inline abi1::model {

using format::JsonDocument;
using format::JsonValue;

Result<JsonDocument> parse_config(std::string_view json, std::string_view where) {
  static constexpr std::array<std::string_view, 3> kWords = {"-Infinity", "Infinity", "NaN"};
  std::string plain;
  plain.reserve(json.size());
  bool in_string = false;
  for (std::size_t i = 0; i < json.size();) {
    const std::string_view rest = json.substr(i);
    const auto word = std::ranges::find_if(kWords, [&](std::string_view w) { return rest.starts_with(w); });
    if (!in_string && word != kWords.end()) {
      plain.append(1, '"').append(*word).append(1, '"');
      i += word->size();
      continue;
    }
    if (rest.front() == '"') in_string = !in_string;
    const std::size_t count = std::min<std::size_t>(in_string && rest.front() == '\\' ? 2 : 1, rest.size());
    plain.append(rest.substr(0, count));
    i += count;
  }
  return JsonDocument::parse(plain, {}, where);
}

bool ConfigFields::has(std::string_view key) const noexcept {
  const JsonValue value = root_.find(key);
  return value && !value.is_null();
}

std::size_t ConfigFields::size(std::string_view key, std::uint64_t least, std::uint64_t most) {
  const JsonValue value = root_.find(key);
  const std::optional<std::uint64_t> number = value.as_u64();
  if (number && *number >= least && *number <= most) return static_cast<std::size_t>(*number);
  fail(Code::kFormat, Text(key, " as a whole number in [", least, ", ", most, "]"), value.describe());
  return least;
}

std::size_t ConfigFields::size(std::string_view key, std::string_view other, std::uint64_t least, std::uint64_t most) {
  if (!has(other)) return size(key, least, most);
  const std::size_t number = size(other, least, most);
  if (has(key) && size(key, least, most) != number) {
    fail(Code::kFormat, Text(other, " equal to ", key, " ", root_.find(key).describe().view()), Text(number));
  }
  return number;
}

std::size_t ConfigFields::size_or(std::string_view key, std::size_t otherwise, std::uint64_t least,
                                  std::uint64_t most) {
  return has(key) ? size(key, least, most) : otherwise;
}

bool ConfigFields::flag_or(std::string_view key, bool otherwise) {
  if (!has(key)) return otherwise;
  const std::optional<bool> flag = root_.find(key).as_bool();
  if (!flag) fail(Code::kFormat, Text(key, " as true or false"), root_.find(key).describe());
  return flag.value_or(otherwise);
}

std::size_t ConfigFields::size_of_all(std::string_view key, std::size_t otherwise, std::uint64_t least,
                                      std::uint64_t most) {
  const JsonValue list = root_.find(key);
  if (!list.is_array() || list.size() == 0) return size_or(key, otherwise, least, most);
  const std::optional<std::uint64_t> first = (*list.begin()).value.as_u64();
  for (const JsonValue::Member& member : list) {
    const std::optional<std::uint64_t> number = member.value.as_u64();
    if (number && *number >= least && *number <= most && number == first) continue;
    fail(first && number && number != first ? Code::kUnsupported : Code::kFormat,
         Text(key, " as one whole number in [", least, ", ", most, "] for all layers"), member.value.describe());
    return otherwise;
  }
  return static_cast<std::size_t>(*first);
}

double ConfigFields::number(JsonValue value, std::string_view key, double least, double most) {
  if (most == std::numeric_limits<double>::infinity() && value.as_string() == "Infinity") return most;
  const std::optional<double> number = value.as_double();
  if (number && *number >= least && *number <= most) return *number;
  fail(Code::kFormat, Text(key, " as a number in [", least, ", ", most, "]"), value.describe());
  return least;
}

std::optional<double> ConfigFields::agreed(std::initializer_list<JsonValue> places, std::string_view key, double least,
                                           double most) {
  std::optional<double> agreed;
  for (const JsonValue place : places) {
    const JsonValue value = place.find(key);
    if (!value || value.is_null()) continue;
    const double found = number(value, key, least, most);
    if (agreed && *agreed != found) fail(Code::kFormat, Text("one ", key), Text(*agreed, " and ", found));
    agreed = found;
  }
  return agreed;
}

void ConfigFields::refuse_unless_null(std::string_view key) {
  if (has(key)) fail(Code::kUnsupported, Text(key, " null, or none"), find(key).describe());
}

void ConfigFields::require_one_of(std::string_view key, std::initializer_list<std::string_view> values) {
  if (!has(key)) return;
  const std::optional<std::string_view> text = find(key).as_string();
  if (text && std::ranges::find(values, *text) != values.end()) return;
  std::string list;
  for (const std::string_view value : values) list.append(value).append(", ");
  fail(Code::kUnsupported, Text(key, ' ', list, "or none"), find(key).describe());
}

void ConfigFields::require(std::string_view key, bool value) {
  if (flag_or(key, value) == value) return;
  fail(Code::kUnsupported, Text(key, value ? " true" : " false", ", or none"), find(key).describe());
}

void ConfigFields::fail(Code code, std::string_view needed, std::string_view came) {
  if (status_.ok()) status_ = Status(code, kWhere, needed, came);
}

}  // namespace moxie::model
