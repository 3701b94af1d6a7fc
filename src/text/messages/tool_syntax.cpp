// SPDX-License-Identifier: Apache-2.0
#include "text/messages/tool_syntax.hpp"

#include "format/json_fields.hpp"
#include "text/messages/json_text.hpp"

namespace moxie::inline abi1::text {

namespace {

constexpr std::string_view kWhere = "tool call";
constexpr std::string_view kArgs = "[ARGS]";
constexpr std::string_view kCallId = "[CALL_ID]";

Result<format::JsonDocument> parse(std::string_view text, std::size_t max_bytes) {
  return format::JsonDocument::parse(
      text, {.max_bytes = max_bytes, .max_depth = 64, .max_values = 1U << 16U, .max_token_bytes = max_bytes}, kWhere);
}

Result<std::string> read_arguments(format::JsonValue arguments, std::size_t max_bytes) {
  std::string out;
  if (arguments.is_object()) {
    write_json_text(out, arguments);
    return out;
  }
  if (!arguments || arguments.is_null()) return std::string("{}");
  // Some write the object as a string.
  if (const auto written = arguments.as_string()) {
    MOXIE_TRY_LET(const format::JsonDocument document, parse(*written, max_bytes));
    if (document.root().is_object()) {
      write_json_text(out, document.root());
      return out;
    }
  }
  return Status(Code::kFormat, kWhere, "an object as arguments", arguments.describe());
}

Result<ToolCall> read_call(format::JsonValue json, ToolSyntax syntax, std::size_t max_bytes) {
  if (!json.is_object()) return Status(Code::kFormat, kWhere, "an object", json.describe());
  const format::JsonFields fields(kWhere, json);
  ToolCall call;
  MOXIE_TRY_LET(const std::string_view name, fields.string("name"));
  if (name.empty()) return Status(Code::kFormat, kWhere, "a name", "an empty one");
  call.name = name;
  if (const auto id = json.find("id").as_string()) call.id = *id;
  format::JsonValue arguments = json.find("arguments");
  if (syntax == ToolSyntax::kLlama3 && !arguments) arguments = json.find("parameters");
  MOXIE_TRY_LET(call.arguments, read_arguments(arguments, max_bytes));
  return call;
}

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

// name[ARGS]{...}, or name[CALL_ID]id[ARGS]{...}
Result<ToolCall> read_named_call(std::string_view body, std::size_t max_bytes) {
  const std::size_t args = body.find(kArgs);
  if (args == std::string_view::npos) return Status(Code::kFormat, kWhere, "[ARGS] behind the name", "none");
  ToolCall call;
  std::string_view name = body.substr(0, args);
  if (const std::size_t id = name.find(kCallId); id != std::string_view::npos) {
    call.id = trimmed(name.substr(id + kCallId.size()));
    name = name.substr(0, id);
  }
  call.name = trimmed(name);
  if (call.name.empty()) return Status(Code::kFormat, kWhere, "a name", "an empty one");
  MOXIE_TRY_LET(const format::JsonDocument document, parse(body.substr(args + kArgs.size()), max_bytes));
  MOXIE_TRY_LET(call.arguments, read_arguments(document.root(), max_bytes));
  return call;
}

}  // namespace

Result<std::vector<ToolCall>> read_calls(std::string_view body, ToolSyntax syntax, std::size_t max_bytes) {
  std::vector<ToolCall> calls;
  body = trimmed(body);
  if (syntax == ToolSyntax::kMistral && !body.empty() && body[0] != '[' && body[0] != '{') {
    MOXIE_TRY_LET(ToolCall call, read_named_call(body, max_bytes));
    calls.push_back(std::move(call));
    return calls;
  }
  MOXIE_TRY_LET(const format::JsonDocument document, parse(body, max_bytes));
  if (syntax != ToolSyntax::kMistral || !document.root().is_array()) {
    MOXIE_TRY_LET(ToolCall call, read_call(document.root(), syntax, max_bytes));
    calls.push_back(std::move(call));
    return calls;
  }
  for (const auto& member : document.root()) {
    MOXIE_TRY_LET(ToolCall call, read_call(member.value, syntax, max_bytes));
    calls.push_back(std::move(call));
  }
  if (calls.empty()) return Status(Code::kFormat, kWhere, "one call or more", "an empty list");
  return calls;
}

}  // namespace moxie::text
