// SPDX-License-Identifier: Apache-2.0
#include <moxie/text/offered_tools.hpp>

#include <string>

#include <moxie/core/guard.hpp>
#include <moxie/core/json_string.hpp>

#include "format/json.hpp"
#include "text/messages/json_text.hpp"
#include "text/messages/json_value.hpp"
#include "text/messages/read_calls.hpp"

namespace moxie::inline abi1 {

using format::JsonKind;
using format::JsonValue;

struct OfferedTools::Schemas {
  format::JsonDocument document;

  // Some leave out what is around a function.
  [[nodiscard]] JsonValue find(std::string_view name) const noexcept {
    for (const auto& member : document.root()) {
      const JsonValue inner = member.value.find("function");
      const JsonValue function = inner.is_object() ? inner : member.value;
      if (function.find("name").as_string() == name) return function;
    }
    return {};
  }
};

Result<OfferedTools> OfferedTools::parse(std::string_view json, std::string_view where) noexcept {
  std::shared_ptr<const Schemas> schemas;
  MOXIE_TRY(guarded(where, [&]() -> Status {
    MOXIE_TRY_LET(format::JsonDocument document,
                  format::JsonDocument::parse(json, text::message_limits(json.size()), where));
    if (!document.root().is_array()) {
      return Status(Code::kFormat, where, "a JSON array of tools", document.root().describe());
    }
    if (document.root().size() > 0) schemas = std::make_shared<const Schemas>(Schemas{std::move(document)});
    return {};
  }));
  return OfferedTools(std::move(schemas));
}

bool OfferedTools::offers(std::string_view name) const noexcept {
  return schemas_ != nullptr && static_cast<bool>(schemas_->find(name));
}

JsonValue OfferedTools::argument(std::string_view tool, std::string_view name) const noexcept {
  if (schemas_ == nullptr) return {};
  return schemas_->find(tool).find("parameters").find("properties").find(name);
}

namespace text {

namespace {

enum Type : unsigned { kNull = 1, kBool = 2, kNumber = 4, kString = 8, kArray = 16, kObject = 32, kAny = 63 };

unsigned type_named(std::string_view name) noexcept {
  if (name == "null") return kNull;
  if (name == "boolean") return kBool;
  if (name == "integer" || name == "number") return kNumber;  // which of them is for the tool to check
  if (name == "string") return kString;
  if (name == "array") return kArray;
  if (name == "object") return kObject;
  return kAny;
}

unsigned type_of(JsonValue value) noexcept {
  switch (value.kind()) {
    case JsonKind::kNull: return kNull;
    case JsonKind::kBool: return kBool;
    case JsonKind::kString: return kString;
    case JsonKind::kArray: return kArray;
    case JsonKind::kObject: return kObject;
    default: return kNumber;
  }
}

/// Of which types a value may be, as far as the schema says so plainly.
unsigned allowed_types(JsonValue schema, unsigned depth = 0) noexcept {
  if (!schema.is_object() || depth > 8) return kAny;
  const JsonValue type = schema.find("type");
  if (const auto name = type.as_string()) return type_named(*name);
  unsigned types = 0;
  for (const auto& member : type) types |= type_named(member.value.as_string().value_or(""));
  if (types != 0) return types;
  for (const char* choice : {"anyOf", "oneOf"}) {
    for (const auto& member : schema.find(choice)) types |= allowed_types(member.value, depth + 1);
  }
  if (types != 0) return types;
  for (const auto& member : schema.find("enum")) types |= type_of(member.value);
  if (const JsonValue constant = schema.find("const")) types |= type_of(constant);
  if (types == 0 && schema.find("properties")) types = kObject;
  if (types == 0 && schema.find("items")) types = kArray;
  return types == 0 ? unsigned{kAny} : types;
}

}  // namespace

bool allows_text(JsonValue schema) noexcept { return (allowed_types(schema) & kString) != 0; }

std::string typed_argument(std::string_view text, JsonValue schema, std::size_t max_bytes) {
  const unsigned types = allowed_types(schema);
  std::string out;
  if (types != kString) {
    const std::string_view plain = trimmed(text);
    const Result<format::JsonDocument> document = parse_call_json(plain, max_bytes);
    if (document.ok()) {
      const unsigned type = type_of(document->root());
      if (type != kString && (type & types) != 0) {
        write_compact(out, plain);
        return out;
      }
    } else if (const Result<std::string> literal = read_literal(plain); literal.ok()) {
      // Some templates write True, None and {'a': 1} into the history, so models do too.
      const Result<format::JsonDocument> same = parse_call_json(*literal, 6 * max_bytes + 2);
      const unsigned type = same.ok() ? type_of(same->root()) : unsigned{kString};
      if (type != kString && (type & types) != 0) return *literal;
    }
  }
  json::write_string(text, [&](std::string_view part) { out.append(part); });
  return out;
}

}  // namespace text

}  // namespace moxie
