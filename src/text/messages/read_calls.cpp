// SPDX-License-Identifier: Apache-2.0
#include "text/messages/read_calls.hpp"

#include <algorithm>
#include <array>

#include <moxie/core/json_string.hpp>

#include "format/json_fields.hpp"
#include "text/messages/json_text.hpp"

namespace moxie::inline abi1::text {

namespace {

constexpr std::string_view kSpace = " \t\r\n";

Status wrong(std::string_view needed, std::string_view came) { return Status(Code::kFormat, kToolCall, needed, came); }

/// An object, or a string that holds one, which some models write.
Result<std::string> read_arguments(format::JsonValue arguments, std::string_view written, std::size_t max_bytes) {
  std::string out;
  if (arguments.is_object()) {
    write_compact(out, written);
    return out;
  }
  if (const auto text = arguments.as_string()) {
    MOXIE_TRY_LET(const format::JsonDocument document, parse_call_json(*text, max_bytes));
    if (document.root().is_object()) {
      write_compact(out, *text);
      return out;
    }
  }
  return wrong("an object as arguments", arguments.describe());
}

/// {"name": ..., "arguments": {...}}; models mix up the two words for arguments.
Result<ToolCall> read_object(const CallForm& form, format::JsonValue json, std::string_view written,
                             std::size_t max_bytes) {
  if (!json.is_object()) return wrong("an object", json.describe());
  const std::vector<std::string_view> values = written_values(written);
  ToolCall call;
  if (form.name_key.empty()) {
    if (json.size() != 1) return wrong("an object whose one key is the name", json.describe());
    call.name = (*json.begin()).key;
    MOXIE_TRY_LET(call.arguments, read_arguments((*json.begin()).value, values[0], max_bytes));
  } else {
    const format::JsonFields fields(kToolCall, json);
    MOXIE_TRY_LET(const std::string_view name, fields.string(form.name_key));
    call.name = name;
    if (const auto id = json.find(form.id_key).as_string()) call.id = *id;
    const std::array<std::string_view, 3> keys = {form.arguments_key, "arguments", "parameters"};
    std::size_t found = 0;
    std::size_t at = 0;
    for (const auto& member : json) {
      if (std::ranges::find(keys, member.key) != keys.end()) {
        if (found++ > 0) return wrong(Text("one of ", keys[1], " and ", keys[2]), "both");
        MOXIE_TRY_LET(call.arguments, read_arguments(member.value, values[at], max_bytes));
      }
      ++at;
    }
    if (found == 0) return wrong(form.arguments_key, "none");
  }
  if (call.name.empty()) return wrong("a name", "an empty one");
  return call;
}

/// Arguments that were no JSON as they were written: checked, and texts that some templates write for any value
/// (days="3") become what the tool wants.
Status type_arguments(ToolCall& call, const OfferedTools& offered, std::size_t max_bytes) {
  MOXIE_TRY_LET(const format::JsonDocument document, parse_call_json(call.arguments, 6 * max_bytes + 16));
  if (!document.root().is_object()) return wrong("an object as arguments", document.root().describe());
  std::string typed = "{";
  const std::vector<std::string_view> written = written_values(call.arguments);
  std::size_t at = 0;
  for (const auto& member : document.root()) {
    if (at > 0) typed += ',';
    json::write_string(member.key, [&](std::string_view part) { typed.append(part); });
    typed += ':';
    const format::JsonValue schema = offered.argument(call.name, member.key);
    const auto text = member.value.as_string();
    typed += text && !allows_text(schema) ? typed_argument(*text, schema, max_bytes) : std::string(written[at]);
    ++at;
  }
  call.arguments = std::move(typed) + "}";
  return {};
}

/// name_begin N id_begin I, or I name_begin N.
Result<ToolCall> read_header(const CallForm& form, std::string_view header) {
  ToolCall call;
  std::string_view name = trimmed(header);
  if (form.name_is_id) {
    call.id = name;
    if (const std::size_t colon = name.rfind(':'); colon != std::string_view::npos) name = name.substr(0, colon);
  }
  if (form.encoding == CallForm::Encoding::kChannel) {
    // Among other words: the channel, the type of what follows.
    const std::size_t to = name.find(form.name_begin);
    if (to == std::string_view::npos) return wrong("a recipient functions.NAME", name.substr(0, 100));
    name.remove_prefix(to + form.name_begin.size());
    name = name.substr(0, std::min(name.find_first_of(kSpace), name.find('<')));
  } else if (!form.name_begin.empty()) {
    const std::size_t at = name.find(form.name_begin);
    if (at != std::string_view::npos && (at == 0 || form.id_first)) {
      if (form.id_first) call.id = trimmed(name.substr(0, at));
      name.remove_prefix(at + form.name_begin.size());
    } else if (!form.name_is_id) {
      return wrong(Text(form.name_begin, " in front of the name"), name.substr(0, 100));
    }
  }
  if (!form.id_begin.empty()) {
    if (const std::size_t at = name.find(form.id_begin); at != std::string_view::npos) {
      call.id = trimmed(name.substr(at + form.id_begin.size()));
      name = name.substr(0, at);
    }
  }
  call.name = trimmed(name);
  if (call.name.empty()) return wrong("a name", "an empty one");
  return call;
}

Result<ToolCall> read_named(const CallForm& form, std::string_view header, std::string_view body,
                            const OfferedTools& offered, std::size_t max_bytes) {
  MOXIE_TRY_LET(ToolCall call, read_header(form, header));
  if (!form.string_mark.empty()) {
    MOXIE_TRY_LET(call.arguments, read_literal(body, form.string_mark));
    MOXIE_TRY(type_arguments(call, offered, max_bytes));
    return call;
  }
  MOXIE_TRY_LET(const format::JsonDocument document, parse_call_json(body, max_bytes));
  MOXIE_TRY_LET(call.arguments, read_arguments(document.root(), body, max_bytes));
  return call;
}

}  // namespace

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

Result<format::JsonDocument> parse_call_json(std::string_view json, std::size_t max_bytes) {
  return format::JsonDocument::parse(
      json, {.max_bytes = max_bytes, .max_depth = 64, .max_values = 1U << 16U, .max_token_bytes = max_bytes},
      kToolCall);
}

Result<std::vector<ToolCall>> read_calls(const CallForm& form, std::string_view header, std::string_view body,
                                         const OfferedTools& offered, std::size_t max_bytes) {
  using Encoding = CallForm::Encoding;
  std::vector<ToolCall> calls;
  const auto add = [&](Result<ToolCall> call) -> Status {
    if (call.ok()) calls.push_back(*std::move(call));
    return call.status();
  };
  if (form.encoding == Encoding::kPython) {
    MOXIE_TRY_LET(calls, read_python_calls(body));
    for (ToolCall& call : calls) MOXIE_TRY(type_arguments(call, offered, max_bytes));
    return calls;
  }
  if (form.encoding == Encoding::kNamed || form.encoding == Encoding::kChannel) {
    MOXIE_TRY(add(read_named(form, header, body, offered, max_bytes)));
    return calls;
  }
  if (form.encoding == Encoding::kTagged) {
    MOXIE_TRY(add(read_tagged(form, body, offered, max_bytes)));
    return calls;
  }
  MOXIE_TRY_LET(const format::JsonDocument document, parse_call_json(body, max_bytes));
  const format::JsonValue root = document.root();
  if (form.encoding == Encoding::kObject || !root.is_array()) {
    MOXIE_TRY(add(read_object(form, root, trimmed(body), max_bytes)));
    return calls;
  }
  const std::vector<std::string_view> written = written_values(body);
  for (const auto& member : root) {
    MOXIE_TRY(add(read_object(form, member.value, written[calls.size()], max_bytes)));
  }
  if (calls.empty()) return wrong("one call or more", "an empty list");
  return calls;
}

}  // namespace moxie::text
