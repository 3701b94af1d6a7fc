// SPDX-License-Identifier: Apache-2.0
#include <moxie/text/message.hpp>

#include <algorithm>

#include <moxie/core/guard.hpp>
#include <moxie/text/template_traits.hpp>

#include "format/json_fields.hpp"
#include "text/messages/json_text.hpp"
#include "text/messages/json_value.hpp"

namespace moxie::inline abi1 {

using format::JsonDocument;
using format::JsonFields;
using format::JsonValue;

namespace {

// A field that may be missing or null: empty then.
Result<std::string> optional_text(const JsonFields& fields, std::string_view key) {
  MOXIE_TRY_LET(const std::string_view text, fields.string(key, ""));
  return std::string(text);
}

Result<std::vector<ContentPart>> read_parts(JsonValue content, std::string_view where) {
  std::vector<ContentPart> parts;
  for (const auto& member : content) {
    const JsonFields fields(where, member.value);
    if (!member.value.is_object()) {
      return Status(Code::kFormat, where, "parts of content as objects", member.value.describe());
    }
    MOXIE_TRY_LET(std::string type, optional_text(fields, "type"));
    MOXIE_TRY_LET(std::string text, optional_text(fields, "text"));
    parts.push_back({std::move(type), std::move(text)});
  }
  return parts;
}

Result<ToolCall> read_call(JsonValue json, std::string_view where) {
  if (!json.is_object()) return Status(Code::kFormat, where, "tool calls as objects", json.describe());
  const JsonValue function = json.find("function");
  const JsonFields outer(where, json);
  const JsonFields inner(where, function.is_object() ? function : json);
  ToolCall call;
  MOXIE_TRY_LET(call.id, optional_text(outer, "id"));
  MOXIE_TRY_LET(const std::string_view name, inner.string("name"));
  call.name = name;
  const JsonValue arguments = inner.get("arguments");
  if (arguments.is_object()) {
    text::write_json_text(call.arguments, arguments);
  } else if (inner.has("arguments")) {
    MOXIE_TRY_LET(const std::string_view written, inner.string("arguments"));
    std::size_t values = text::most_values(written.size());
    MOXIE_TRY(text::arguments_to_value(written, where, values).status());
    call.arguments = written;
  }
  if (call.arguments.empty()) call.arguments = "{}";
  return call;
}

Result<Message> read_message(JsonValue json, std::string_view where) {
  if (!json.is_object()) return Status(Code::kFormat, where, "messages as objects", json.describe());
  const JsonFields fields(where, json);
  Message message;
  MOXIE_TRY_LET(const std::string_view role, fields.string("role"));
  message.role = role;
  const JsonValue content = json.find("content");
  if (content.is_array()) {
    MOXIE_TRY_LET(message.parts, read_parts(content, where));
  } else if (fields.has("content")) {
    MOXIE_TRY_LET(const std::string_view written, fields.string("content"));
    message.content = std::string(written);
  }
  MOXIE_TRY_LET(message.reasoning, optional_text(fields, fields.has("reasoning") ? "reasoning" : "reasoning_content"));
  MOXIE_TRY_LET(message.tool_call_id, optional_text(fields, "tool_call_id"));
  MOXIE_TRY_LET(message.name, optional_text(fields, "name"));
  if (fields.has("tool_calls")) {
    const JsonValue calls = json.find("tool_calls");
    if (!calls.is_array()) return fields.wrong("tool_calls", "a list");
    for (const auto& member : calls) {
      MOXIE_TRY_LET(ToolCall call, read_call(member.value, where));
      message.tool_calls.push_back(std::move(call));
    }
  }
  return message;
}

Status add_text(std::vector<Value::Member>& members, std::string_view key, std::string_view text) {
  MOXIE_TRY_LET(Value value, Value::string(text));
  members.push_back({key, std::move(value)});
  return {};
}

// How a template wants to be told of calls.
struct CallStyle {
  bool arguments_as_text = false;
};

Result<Value> call_value(const ToolCall& call, const CallStyle& style) {
  std::vector<Value::Member> function;
  MOXIE_TRY(add_text(function, "name", call.name));
  std::size_t values = text::most_values(call.arguments.size());
  MOXIE_TRY_LET(Value arguments, text::arguments_to_value(call.arguments, "arguments of a tool call", values));
  if (style.arguments_as_text) {
    MOXIE_TRY_LET(arguments, Value::string(call.arguments.empty() ? "{}" : std::string_view(call.arguments)));
  }
  function.push_back({"arguments", std::move(arguments)});
  std::vector<Value::Member> members;
  if (!call.id.empty()) MOXIE_TRY(add_text(members, "id", call.id));
  MOXIE_TRY(add_text(members, "type", "function"));
  MOXIE_TRY_LET(Value inner, Value::map(function));
  members.push_back({"function", std::move(inner)});
  return Value::map(members);
}

Result<Value> content_value(const Message& message) {
  if (message.parts.empty()) return message.content ? Value::string(*message.content) : Value::null();
  std::vector<Value> parts;
  for (const ContentPart& part : message.parts) {
    std::vector<Value::Member> members;
    MOXIE_TRY(add_text(members, "type", part.type));
    if (part.type == "text" || !part.text.empty()) MOXIE_TRY(add_text(members, "text", part.text));
    MOXIE_TRY_LET(Value value, Value::map(members));
    parts.push_back(std::move(value));
  }
  return Value::list(parts);
}

Result<Value> message_value(const Message& message, const CallStyle& style = {}) {
  std::vector<Value::Member> members;
  MOXIE_TRY(add_text(members, "role", message.role));
  MOXIE_TRY_LET(Value content, content_value(message));
  members.push_back({"content", std::move(content)});
  if (!message.reasoning.empty()) {
    MOXIE_TRY(add_text(members, "reasoning_content", message.reasoning));
    MOXIE_TRY(add_text(members, "reasoning", message.reasoning));
  }
  if (!message.tool_calls.empty()) {
    std::vector<Value> calls;
    for (const ToolCall& call : message.tool_calls) {
      MOXIE_TRY_LET(Value value, call_value(call, style));
      calls.push_back(std::move(value));
    }
    MOXIE_TRY_LET(Value list, Value::list(calls));
    members.push_back({"tool_calls", std::move(list)});
  }
  if (!message.tool_call_id.empty()) MOXIE_TRY(add_text(members, "tool_call_id", message.tool_call_id));
  if (!message.name.empty()) MOXIE_TRY(add_text(members, "name", message.name));
  return Value::map(members);
}

// A chat as a value, where `arguments` of tool calls become objects.
class ChatReader {
 public:
  ChatReader(std::string_view where, std::size_t values) noexcept : where_(where), left_(values) {}

  Result<Value> chat(JsonValue root) {
    if (!root.is_array()) return Status(Code::kFormat, where_, "a list of messages", root.describe());
    return items(root, [this](JsonValue json) -> Result<Value> {
      if (!json.is_object()) return Status(Code::kFormat, where_, "messages as objects", json.describe());
      return member(json, "tool_calls",
                    [this](JsonValue calls) { return items(calls, [this](JsonValue one) { return call(one); }); });
    });
  }

 private:
  Result<Value> call(JsonValue json) {
    if (!json.find("function")) return function(json);
    return member(json, "function", [this](JsonValue inner) { return function(inner); });
  }
  Result<Value> function(JsonValue json) {
    return member(json, "arguments", [this](JsonValue arguments) {
      const auto text = arguments.as_string();
      return text ? text::arguments_to_value(*text, where_, left_) : plain(arguments);
    });
  }
  Result<Value> plain(JsonValue json) { return text::to_value(json, where_, left_); }

  // A mapping whose member `key` is what `change` makes of it, where it is there.
  template <class Change>
  Result<Value> member(JsonValue object, std::string_view key, const Change& change) {
    if (!object.is_object() || !object.find(key)) return plain(object);
    std::vector<Value::Member> members;
    for (const auto& each : object) {
      MOXIE_TRY_LET(Value value, each.key == key ? change(each.value) : plain(each.value));
      members.push_back({each.key, std::move(value)});
    }
    return Value::map(members);
  }
  template <class Change>
  Result<Value> items(JsonValue list, const Change& change) {
    if (!list.is_array()) return plain(list);
    std::vector<Value> values;
    values.reserve(list.size());
    for (const auto& each : list) {
      MOXIE_TRY_LET(Value value, change(each.value));
      values.push_back(std::move(value));
    }
    return Value::list(values);
  }

  std::string_view where_;
  std::size_t left_;
};

template <class T, class Body>
Result<T> allocated(std::string_view where, Body&& body) noexcept {
  Result<T> result = Status(Code::kInternal, where, "a result", "none");
  MOXIE_TRY(guarded(where, [&]() -> Status {
    result = body();
    return {};
  }));
  return result;
}

}  // namespace

Result<std::vector<Message>> parse_messages(std::string_view json, std::string_view where) noexcept {
  return allocated<std::vector<Message>>(where, [&]() -> Result<std::vector<Message>> {
    MOXIE_TRY_LET(const JsonDocument document, JsonDocument::parse(json, text::message_limits(json.size()), where));
    if (!document.root().is_array()) {
      return Status(Code::kFormat, where, "a list of messages", document.root().describe());
    }
    std::vector<Message> messages;
    for (const auto& member : document.root()) {
      MOXIE_TRY_LET(Message message, read_message(member.value, where));
      messages.push_back(std::move(message));
    }
    return messages;
  });
}

Result<Value> parse_value(std::string_view json, std::string_view where) noexcept {
  return allocated<Value>(where, [&] { return text::json_to_value(json, where); });
}

Result<Value> parse_chat(std::string_view json, std::string_view where) noexcept {
  return allocated<Value>(where, [&]() -> Result<Value> {
    MOXIE_TRY_LET(const JsonDocument document, JsonDocument::parse(json, text::message_limits(json.size()), where));
    return ChatReader(where, text::most_values(json.size())).chat(document.root());
  });
}

namespace {

// A message with calls and the results behind it, in the way that a template wants them.
class Turn {
 public:
  Turn(std::span<const Message> messages, const TemplateTraits& traits) : asks_(messages.front()), traits_(traits) {
    for (const Message& result : messages.subspan(1)) {
      const bool stray = std::ranges::none_of(
          asks_.tool_calls, [&](const ToolCall& call) { return call.id.empty() || call.id == result.tool_call_id; });
      (stray && !traits.stray_results ? strays_ : results_).push_back(result);
    }
  }

  void write(std::vector<Message>& out) {
    if (traits_.writes_calls && !asks_.tool_calls.empty() && asks_.parts.empty() &&
        (traits_.content_hides_calls || asks_.content.value_or("").empty())) {
      asks_.content = traits_.null_content ? std::nullopt : std::optional<std::string>("");
    }
    if (traits_.one_call_each && asks_.tool_calls.size() > 1) {
      split(out);
    } else {
      out.push_back(asks_);
    }
    out.insert(out.end(), results_.begin(), results_.end());
    // What answers no call that is there goes to the result before it, or comes from the user.
    for (Message& stray : strays_) {
      if (out.back().role == "tool") {
        out.back().content = out.back().content.value_or("") + "\n" + stray.content.value_or("");
      } else {
        stray.role = "user";
        stray.tool_call_id.clear();
        out.push_back(std::move(stray));
      }
    }
  }

 private:
  // Each call in a message of its own, and its result behind it.
  void split(std::vector<Message>& out) {
    Message next = asks_;
    for (const ToolCall& call : asks_.tool_calls) {
      next.tool_calls = {call};
      out.push_back(next);
      next.content = traits_.null_content ? std::nullopt : std::optional<std::string>("");  // said once
      next.reasoning.clear();
      const auto result = std::ranges::find_if(
          results_, [&](const Message& each) { return call.id.empty() || each.tool_call_id == call.id; });
      if (result == results_.end()) continue;
      out.push_back(std::move(*result));
      results_.erase(result);
    }
  }

  Message asks_;
  const TemplateTraits& traits_;
  std::vector<Message> results_;
  std::vector<Message> strays_;
};

}  // namespace

Result<Value> to_value(std::span<const Message> messages, const TemplateTraits& traits) noexcept {
  return allocated<Value>("to_value", [&]() -> Result<Value> {
    std::vector<Message> wanted;
    for (std::size_t at = 0; at < messages.size();) {
      std::size_t end = at + 1;
      if (messages[at].role == "assistant") {
        while (end < messages.size() && messages[end].role == "tool") ++end;
      }
      Turn(messages.subspan(at, end - at), traits).write(wanted);
      at = end;
    }
    std::vector<Value> values;
    for (const Message& message : wanted) {
      MOXIE_TRY_LET(Value value, message_value(message, {.arguments_as_text = traits.arguments_as_text}));
      values.push_back(std::move(value));
    }
    return Value::list(values);
  });
}

Result<Value> to_value(std::span<const Message> messages) noexcept {
  return allocated<Value>("to_value", [&]() -> Result<Value> {
    std::vector<Value> values;
    for (const Message& message : messages) {
      MOXIE_TRY_LET(Value value, message_value(message));
      values.push_back(std::move(value));
    }
    return Value::list(values);
  });
}

}  // namespace moxie
