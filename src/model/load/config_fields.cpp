// SPDX-License-Identifier: Apache-2.0
#include "model/load/config_fields.hpp"

#include <moxie/core/text.hpp>

namespace moxie::inline abi1::model {

using format::JsonValue;

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

double ConfigFields::number(JsonValue value, std::string_view key, double least, double most) {
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

void ConfigFields::fail(Code code, std::string_view needed, std::string_view came) {
  if (status_.ok()) status_ = Status(code, kWhere, needed, came);
}

}  // namespace moxie::model
