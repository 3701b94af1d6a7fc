// SPDX-License-Identifier: Apache-2.0
#include "text/messages/json_value.hpp"

#include <vector>

namespace moxie::text {

Result<Value> to_value(format::JsonValue json, std::string_view where) {
  using format::JsonKind;
  switch (json.kind()) {
    case JsonKind::kNull: return Value::null();
    case JsonKind::kBool: return Value(*json.as_bool());
    case JsonKind::kUnsigned:
    case JsonKind::kNegative:
      if (const auto whole = json.as_i64()) return Value(*whole);
      return Status(Code::kUnsupported, where, "whole numbers of 64 bits with their sign", json.describe());
    case JsonKind::kReal: return Value(*json.as_double());
    case JsonKind::kString: return Value::string(*json.as_string());
    case JsonKind::kArray: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& member : json) {
        MOXIE_TRY_LET(Value item, to_value(member.value, where));
        items.push_back(std::move(item));
      }
      return Value::list(items);
    }
    case JsonKind::kObject: {
      std::vector<Value::Member> members;
      members.reserve(json.size());
      for (const auto& member : json) {
        MOXIE_TRY_LET(Value value, to_value(member.value, where));
        members.push_back({member.key, std::move(value)});
      }
      return Value::map(members);
    }
  }
  return Status(Code::kInternal, where, "a kind of JSON", "another");
}

Result<Value> json_to_value(std::string_view json, std::string_view where) {
  MOXIE_TRY_LET(const format::JsonDocument document, format::JsonDocument::parse(json, kMessageLimits, where));
  return to_value(document.root(), where);
}

Result<Value> arguments_to_value(std::string_view json, std::string_view where) {
  if (json.empty()) return Value::map({});
  MOXIE_TRY_LET(const format::JsonDocument document, format::JsonDocument::parse(json, kMessageLimits, where));
  if (!document.root().is_object()) {
    return Status(Code::kFormat, where, "an object as the arguments of a tool call", document.root().describe());
  }
  return to_value(document.root(), where);
}

}  // namespace moxie::text
