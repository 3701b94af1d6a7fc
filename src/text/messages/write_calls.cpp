// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/guard.hpp>
#include <moxie/core/json_string.hpp>
#include <moxie/text/call_form.hpp>

#include "text/messages/json_text.hpp"
#include "text/messages/read_calls.hpp"

namespace moxie::inline abi1 {

namespace {

using Encoding = CallForm::Encoding;

class CallWriter {
 public:
  explicit CallWriter(const CallForm& form) noexcept : form_(form), line_(form.lines ? "\n" : "") {}

  Status calls(std::span<const ToolCall> calls) {
    if (calls.empty()) return {};
    if (!form_.section_begin.empty()) add({form_.section_begin, line_});
    const bool python = form_.encoding == Encoding::kPython;
    const bool list = form_.encoding == Encoding::kList || python;
    const bool brackets = list && !(python && form_.lines);
    if (list) add({form_.begin, line_, brackets ? "[" : ""});
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (i > 0) add({brackets ? ", " : line_});
      MOXIE_TRY(call(calls[i], i));
    }
    if (list) add({brackets ? "]" : "", line_, form_.end});
    if (!form_.section_end.empty()) add({line_, form_.section_end});
    return {};
  }
  std::string take() noexcept { return std::move(out_); }

 private:
  static constexpr std::size_t kMaxBytes = std::size_t{8} << 20U;

  void add(std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) out_.append(part);
  }
  void quote(std::string_view text) {
    json::write_string(text, [this](std::string_view part) { out_.append(part); });
  }

  Status call(const ToolCall& call, std::size_t number) {
    MOXIE_TRY_LET(const format::JsonDocument document, text::parse_call_json(call.arguments, kMaxBytes));
    if (!document.root().is_object()) {
      return Status(Code::kFormat, text::kToolCall, "an object as arguments", document.root().describe());
    }
    switch (form_.encoding) {
      case Encoding::kObject: {
        const std::string_view line = form_.begin.empty() ? std::string_view() : line_;
        add({form_.begin, line}), object(call), add({line, form_.end});
        break;
      }
      case Encoding::kList: object(call); break;
      case Encoding::kNamed: named(call); break;
      case Encoding::kTagged: tagged(call, document.root()); break;
      case Encoding::kPython: python(call, document.root()); break;
      case Encoding::kChannel:
        if (number > 0) add({ChannelMarks::kEnd, ChannelMarks::kStart, "assistant"});
        add({ChannelMarks::kChannel, "commentary ", form_.name_begin, call.name, " ", ChannelMarks::kConstrain, "json",
             form_.name_end, call.arguments});
    }
    return {};
  }

  void object(const ToolCall& call) {
    if (form_.name_key.empty()) {
      add({"{"}), quote(call.name), add({": ", call.arguments, "}"});
      return;
    }
    add({"{"}), quote(form_.name_key), add({": "}), quote(call.name), add({", "}), quote(form_.arguments_key);
    add({": ", call.arguments});
    if (!call.id.empty()) add({", "}), quote(form_.id_key), add({": "}), quote(call.id);
    add({"}"});
  }

  void named(const ToolCall& call) {
    add({form_.begin});
    if (form_.id_first) add({call.id});
    if (form_.name_is_id && !call.id.empty()) {
      add({call.id});
    } else {
      add({form_.name_begin, call.name});
    }
    if (!form_.id_begin.empty() && !call.id.empty()) add({form_.id_begin, call.id});
    add({form_.name_end});
    if (form_.string_mark.empty()) {
      add({call.arguments});
    } else {
      literal(call.arguments);
    }
    add({form_.arguments_end, form_.end});
  }

  /// JSON with CallForm::string_mark around texts, and bare keys.
  void literal(std::string_view json) {
    while (!json.empty()) {
      if (json[0] != '"') {
        add({json.substr(0, 1)});
        json.remove_prefix(1);
        continue;
      }
      const std::size_t end = text::string_end(json, 0);
      const Result<format::JsonDocument> text =
          text::parse_call_json(std::string(Text("[", json.substr(0, end), "]").view()), kMaxBytes);
      json.remove_prefix(end);
      const std::string_view mark = json.starts_with(':') ? std::string_view() : form_.string_mark;
      add({mark, text.ok() ? *(*text->root().begin()).value.as_string() : std::string_view(), mark});
    }
  }

  void tagged(const ToolCall& call, format::JsonValue arguments) {
    add({form_.begin, call.name, form_.name_end, line_});
    const std::vector<std::string_view> written = text::written_values(call.arguments);
    std::size_t at = 0;
    for (const auto& member : arguments) {
      const auto text = member.value.as_string();
      const std::string_view around = form_.value_lines ? "\n" : "";
      const bool quoted = text && !form_.quote_begin.empty() && text->find_first_of("<&\n") != std::string_view::npos;
      add({form_.key_begin, member.key, !text && !form_.json_key_end.empty() ? form_.json_key_end : form_.key_end,
           form_.value_begin.empty() ? "" : line_, form_.value_begin, around, quoted ? form_.quote_begin : "",
           text ? *text : written[at], quoted ? form_.quote_end : "", around, form_.value_end, line_});
      ++at;
    }
    add({form_.end});
  }

  void python(const ToolCall& call, format::JsonValue arguments) {
    add({call.name, "("});
    const std::vector<std::string_view> written = text::written_values(call.arguments);
    std::size_t at = 0;
    for (const auto& member : arguments) {
      const std::string_view value = written[at];
      add({at > 0 ? ", " : "", member.key, "=",
           value == "true"    ? "True"
           : value == "false" ? "False"
           : value == "null"  ? "None"
                              : value});
      ++at;
    }
    add({")"});
  }

  const CallForm& form_;
  std::string_view line_;
  std::string out_;
};

}  // namespace

Result<std::string> write_calls(const CallForm& form, std::span<const ToolCall> calls) noexcept {
  std::string text;
  MOXIE_TRY(guarded("write_calls", [&]() -> Status {
    CallWriter writer(form);
    Status status = writer.calls(calls);
    text = writer.take();
    return status;
  }));
  return text;
}

}  // namespace moxie
