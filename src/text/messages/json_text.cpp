// SPDX-License-Identifier: Apache-2.0
#include "text/messages/json_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <moxie/core/json_string.hpp>

namespace moxie::inline abi1::text {

namespace {

void write_string(std::string& out, std::string_view text) {
  json::write_string(text, [&out](std::string_view part) { out.append(part); });
}

template <class Number>
void write_number(std::string& out, Number number) {
  std::array<char, 40> digits{};
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out += text;
  // A real number stays one when it is read again.
  if (std::is_floating_point_v<Number> && text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

}  // namespace

void write_json_text(std::string& out, format::JsonValue value) {
  using format::JsonKind;
  switch (value.kind()) {
    case JsonKind::kNull: out += "null"; return;
    case JsonKind::kBool: out += *value.as_bool() ? "true" : "false"; return;
    case JsonKind::kUnsigned: write_number(out, *value.as_u64()); return;
    case JsonKind::kNegative: write_number(out, *value.as_i64()); return;
    case JsonKind::kReal:
      if (const auto digits = value.as_digits()) {
        out += *digits;
      } else {
        write_number(out, *value.as_double());
      }
      return;
    case JsonKind::kString: write_string(out, *value.as_string()); return;
    default: break;
  }
  const bool object = value.is_object();
  out.push_back(object ? '{' : '[');
  bool first = true;
  for (const auto& member : value) {
    if (!std::exchange(first, false)) out.push_back(',');
    if (object) {
      write_string(out, member.key);
      out.push_back(':');
    }
    write_json_text(out, member.value);
  }
  out.push_back(object ? '}' : ']');
}

namespace {

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

std::size_t string_end(std::string_view json, std::size_t at) noexcept {
  for (++at; at < json.size() && json[at] != '"'; ++at) at += json[at] == '\\' ? 1U : 0U;
  return std::min(at + 1, json.size());
}

void write_compact(std::string& out, std::string_view json) {
  for (std::size_t at = 0; at < json.size();) {
    const std::size_t end = json[at] == '"' ? string_end(json, at) : at + 1;
    if (!is_space(json[at])) out.append(json.substr(at, end - at));
    at = end;
  }
}

std::vector<std::string_view> written_values(std::string_view container) {
  std::vector<std::string_view> values;
  std::size_t depth = 0;
  std::size_t begin = 0;
  const auto end_value = [&](std::size_t end) {
    while (begin < end && is_space(container[begin])) ++begin;
    while (end > begin && is_space(container[end - 1])) --end;
    if (end > begin) values.push_back(container.substr(begin, end - begin));
    begin = end;
  };
  for (std::size_t at = 0; at < container.size();) {
    const char c = container[at];
    if (c == '"') {
      at = string_end(container, at);
      continue;
    }
    if (c == '{' || c == '[') {
      if (++depth == 1) begin = at + 1;
    } else if (c == '}' || c == ']') {
      if (depth-- == 1) end_value(at);
    } else if (depth == 1 && c == ',') {
      end_value(at);
      begin = at + 1;
    } else if (depth == 1 && c == ':') {
      begin = at + 1;  // a key was no value
    }
    ++at;
  }
  return values;
}

}  // namespace moxie::text
