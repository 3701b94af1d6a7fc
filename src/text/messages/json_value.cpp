// SPDX-License-Identifier: Apache-2.0
#include "text/messages/json_value.hpp"

#include <algorithm>
#include <vector>

#include "text/template/objects.hpp"

namespace moxie::inline abi1::text {

namespace {

Value long_number(std::string_view digits) {
  return Making<LongNumberData>(nullptr, digits).done(Value::Kind::kObject, Origin::kData);
}

}  // namespace

Result<Value> to_value(format::JsonValue json, std::string_view where, std::size_t& values_left) {
  using format::JsonKind;
  if (values_left == 0) return Status(Code::kFormat, where, "fewer values for a text of its size", "more");
  --values_left;
  switch (json.kind()) {
    case JsonKind::kNull: return Value::null();
    case JsonKind::kBool: return Value(*json.as_bool());
    case JsonKind::kUnsigned:
    case JsonKind::kNegative:
      if (const auto whole = json.as_i64()) return Value(*whole);
      return long_number(Text(*json.as_u64()));
    case JsonKind::kReal: return json.as_digits() ? long_number(*json.as_digits()) : Value(*json.as_double());
    case JsonKind::kString: return Value::string(*json.as_string());
    case JsonKind::kArray: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& member : json) {
        MOXIE_TRY_LET(Value item, to_value(member.value, where, values_left));
        items.push_back(std::move(item));
      }
      return Value::list(items);
    }
    case JsonKind::kObject: {
      std::vector<Value::Member> members;
      members.reserve(json.size());
      for (const auto& member : json) {
        MOXIE_TRY_LET(Value value, to_value(member.value, where, values_left));
        members.push_back({member.key, std::move(value)});
      }
      return Value::map(members);
    }
  }
  return Status(Code::kInternal, where, "a kind of JSON", "another");
}

Result<Value> json_to_value(std::string_view json, std::string_view where) {
  MOXIE_TRY_LET(const format::JsonDocument document,
                format::JsonDocument::parse(json, message_limits(json.size()), where));
  std::size_t values = most_values(json.size());
  return to_value(document.root(), where, values);
}

Result<Value> arguments_to_value(std::string_view json, std::string_view where, std::size_t& values_left) {
  if (json.empty()) return Value::map({});
  format::JsonLimits limits = message_limits(json.size());
  limits.max_values = std::min(limits.max_values, values_left);
  MOXIE_TRY_LET(const format::JsonDocument document, format::JsonDocument::parse(json, limits, where));
  if (!document.root().is_object()) {
    return Status(Code::kFormat, where, "an object as the arguments of a tool call", document.root().describe());
  }
  return to_value(document.root(), where, values_left);
}

}  // namespace moxie::text
