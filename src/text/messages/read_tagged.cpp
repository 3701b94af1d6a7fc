// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <moxie/core/json_string.hpp>

#include "text/messages/json_text.hpp"
#include "text/messages/read_calls.hpp"

namespace moxie::inline abi1::text {

namespace {

constexpr std::string_view kSpace = " \t\r\n";

Status wrong(std::string_view needed, std::string_view came) { return Status(Code::kFormat, kToolCall, needed, came); }

std::string_view skip_space(std::string_view text) noexcept {
  return text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
}

/// Where a value ends: at a marker behind which the next key or nothing comes, for a text may hold the marker itself.
std::size_t value_end(const CallForm& form, std::string_view text) noexcept {
  for (std::size_t at = text.find(form.value_end); at != std::string_view::npos;
       at = text.find(form.value_end, at + 1)) {
    const std::string_view rest = skip_space(text.substr(at + form.value_end.size()));
    if (rest.empty() || rest.starts_with(form.key_begin)) return at;
  }
  return std::string_view::npos;
}

/// A value and what follows it.
struct TaggedValue {
  std::string_view value;
  std::string_view rest;
};

/// `text` begins with the value.
Result<TaggedValue> cut_value(const CallForm& form, std::string_view text) {
  if (!form.quote_begin.empty() && skip_space(text).starts_with(form.quote_begin)) {
    const std::string_view quoted = skip_space(text).substr(form.quote_begin.size());
    const std::size_t end = quoted.find(form.quote_end);
    if (end == std::string_view::npos) return wrong(Text(form.quote_end, " behind a value"), "none");
    const std::string_view rest = skip_space(quoted.substr(end + form.quote_end.size()));
    if (!rest.starts_with(form.value_end)) return wrong(Text(form.value_end, " behind a value"), rest.substr(0, 100));
    return TaggedValue{quoted.substr(0, end), rest.substr(form.value_end.size())};
  }
  const std::size_t end = value_end(form, text);
  if (end == std::string_view::npos) return wrong(Text(form.value_end, " behind a value"), "none");
  std::string_view value = text.substr(0, end);
  if (value.find(form.key_begin) != std::string_view::npos) {  // a value that was not ended, more likely
    return wrong(Text(form.value_end, " behind a value"), Text("'", form.key_begin, "'"));
  }
  if (form.value_lines) {
    if (value.starts_with('\n')) value.remove_prefix(1);
    if (value.ends_with('\n')) value.remove_suffix(1);
  }
  return TaggedValue{value, text.substr(end + form.value_end.size())};
}

}  // namespace

// N name_end ( key_begin K key_end value_begin V value_end )*
Result<ToolCall> read_tagged(const CallForm& form, std::string_view body, const OfferedTools& offered,
                             std::size_t max_bytes) {
  const std::size_t name_end =
      form.name_end.empty() ? std::min(body.find(form.key_begin), body.size()) : body.find(form.name_end);
  if (name_end == std::string_view::npos) return wrong(Text(form.name_end, " behind the name"), "none");
  ToolCall call;
  call.name = trimmed(body.substr(0, name_end));
  if (call.name.empty() || call.name.find_first_of(kSpace) != std::string::npos) {
    return wrong("a name", call.name.empty() ? "an empty one" : std::string_view(call.name).substr(0, 100));
  }
  std::string_view rest = skip_space(body.substr(name_end + form.name_end.size()));
  call.arguments = "{";
  while (!rest.empty()) {
    if (!rest.starts_with(form.key_begin)) return wrong(form.key_begin, rest.substr(0, 100));
    rest.remove_prefix(form.key_begin.size());
    std::size_t key_end = rest.find(form.key_end);
    std::size_t behind = key_end + form.key_end.size();
    bool is_json = false;
    if (!form.json_key_end.empty()) {
      if (const std::size_t other = rest.find(form.json_key_end); other < key_end) {
        is_json = true;
        key_end = other;
        behind = other + form.json_key_end.size();
      }
    }
    if (key_end == std::string_view::npos) return wrong(Text(form.key_end, " behind a key"), "none");
    const std::string_view key = trimmed(rest.substr(0, key_end));
    rest.remove_prefix(behind);
    if (!form.value_begin.empty()) {
      rest = skip_space(rest);
      if (!rest.starts_with(form.value_begin)) return wrong(form.value_begin, rest.substr(0, 100));
      rest.remove_prefix(form.value_begin.size());
    }
    MOXIE_TRY_LET(const TaggedValue cut, cut_value(form, rest));
    const std::string_view value = cut.value;
    if (call.arguments.size() > 1) call.arguments += ',';
    json::write_string(key, [&](std::string_view part) { call.arguments.append(part); });
    call.arguments += ':';
    if (is_json) {
      MOXIE_TRY(parse_call_json(value, max_bytes).status());
      write_compact(call.arguments, value);
    } else if (!form.json_key_end.empty()) {
      json::write_string(value, [&](std::string_view part) { call.arguments.append(part); });
    } else {
      call.arguments += typed_argument(value, offered.argument(call.name, key), max_bytes);
    }
    rest = skip_space(cut.rest);
  }
  call.arguments += '}';
  MOXIE_TRY(parse_call_json(call.arguments, 6 * max_bytes + 16).status());  // a key twice, or no UTF-8
  return call;
}

}  // namespace moxie::text
