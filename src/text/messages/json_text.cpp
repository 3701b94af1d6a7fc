// SPDX-License-Identifier: Apache-2.0
#include "text/messages/json_text.hpp"

#include <array>
#include <charconv>

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
    case JsonKind::kReal: write_number(out, *value.as_double()); return;
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

}  // namespace moxie::text
