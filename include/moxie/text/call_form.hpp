// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/text/message.hpp>

namespace moxie::inline abi1 {

/// How a model writes down a call: the texts that stand around what varies. It is plain data. The reader of answers,
/// the hint that a malformed call is answered with, and whatever else has to know how calls look are derived from it.
///
///     section_begin  ( begin  call  end )*  section_end
///
/// One call, by encoding (N the name, A the arguments as a JSON object, I an id):
///
///     kObject   {"name": N, "arguments": A}
///     kList     [{"name": N, "arguments": A, "id": I}, ...]
///     kNamed    name_begin N id_begin I name_end A arguments_end
///     kTagged   N name_end ( key_begin K key_end value_begin V value_end )*
///     kPython   [N(K=V, ...), ...], with values as Python writes them
///     kChannel  a message of its own, to a recipient, as gpt-oss writes them (see ChannelMarks)
struct CallForm {
  enum class Encoding : std::uint8_t { kObject, kList, kNamed, kTagged, kPython, kChannel };

  std::string_view name;  ///< of the form
  Encoding encoding = Encoding::kObject;

  std::string_view section_begin{};  ///< empty: there is none. A reader does without it
  std::string_view section_end{};
  std::string_view begin{};
  std::string_view end{};  ///< empty: a call ends with its arguments
  bool lines = false;      ///< the markers stand on lines of their own; a reader does without

  // kObject, kList. An empty name_key: the name is the one key, its value the arguments.
  std::string_view name_key = "name";
  std::string_view arguments_key = "arguments";
  std::string_view id_key = "id";
  bool bare = false;   ///< an object at the beginning of the answer is a call without `begin`, if it is one
  char separator = 0;  ///< besides white space, between calls

  // kNamed, kTagged.
  std::string_view name_begin{};
  bool id_first = false;        ///< what stands in front of name_begin is the id
  bool name_is_id = false;      ///< N is "name:number", and that with name_begin is the id
  std::string_view id_begin{};  ///< empty: no id
  std::string_view name_end{};  ///< empty: the name ends at white space, key_begin or end
  std::string_view arguments_end{};

  // kTagged. A value is text; its type is the tool's to say.
  std::string_view key_begin{};
  std::string_view key_end{};
  std::string_view json_key_end{};  ///< where not empty: stands for key_end if the value is JSON and not a string
  std::string_view value_begin{};
  std::string_view value_end{};
  bool value_lines = false;  ///< a value stands on lines of its own

  std::string_view answer_end{};  ///< a control token that ends an answer behind its calls
};

/// Where forms share a marker, the first that the text behind it fits is meant.
inline constexpr CallForm kCallForms[] = {
    // Hermes, Qwen2.5, Qwen3, Granite 4 and many others.
    CallForm{.name = "hermes", .begin = "<tool_call>", .end = "</tool_call>", .lines = true},
    // Qwen3-Coder, Qwen3.5, Nemotron 3, Step 3.5.
    CallForm{.name = "qwen3-coder",
             .encoding = CallForm::Encoding::kTagged,
             .section_begin = "<tool_call>",
             .section_end = "</tool_call>",
             .begin = "<function=",
             .end = "</function>",
             .lines = true,
             .name_end = ">",
             .key_begin = "<parameter=",
             .key_end = ">",
             .value_end = "</parameter>",
             .value_lines = true},
    CallForm{.name = "seed-oss",
             .encoding = CallForm::Encoding::kTagged,
             .section_begin = "<seed:tool_call>",
             .section_end = "</seed:tool_call>",
             .begin = "<function=",
             .end = "</function>",
             .name_end = ">",
             .key_begin = "<parameter=",
             .key_end = ">",
             .value_end = "</parameter>",
             .value_lines = true},
    CallForm{.name = "glm",  // 4.5 and later
             .encoding = CallForm::Encoding::kTagged,
             .begin = "<tool_call>",
             .end = "</tool_call>",
             .lines = true,
             .key_begin = "<arg_key>",
             .key_end = "</arg_key>",
             .value_begin = "<arg_value>",
             .value_end = "</arg_value>"},
    CallForm{.name = "minimax-m2",
             .encoding = CallForm::Encoding::kTagged,
             .section_begin = "<minimax:tool_call>",
             .section_end = "</minimax:tool_call>",
             .begin = "<invoke name=\"",
             .end = "</invoke>",
             .lines = true,
             .name_end = "\">",
             .key_begin = "<parameter name=\"",
             .key_end = "\">",
             .value_end = "</parameter>"},
    CallForm{.name = "deepseek-v3.2",
             .encoding = CallForm::Encoding::kTagged,
             .section_begin = "<｜DSML｜function_calls>",
             .section_end = "</｜DSML｜function_calls>",
             .begin = "<｜DSML｜invoke name=\"",
             .end = "</｜DSML｜invoke>",
             .lines = true,
             .name_end = "\">",
             .key_begin = "<｜DSML｜parameter name=\"",
             .key_end = "\" string=\"true\">",
             .json_key_end = "\" string=\"false\">",
             .value_end = "</｜DSML｜parameter>"},
    CallForm{.name = "deepseek-v3",  // and R1
             .encoding = CallForm::Encoding::kNamed,
             .section_begin = "<｜tool▁calls▁begin｜>",
             .section_end = "<｜tool▁calls▁end｜>",
             .begin = "<｜tool▁call▁begin｜>",
             .end = "<｜tool▁call▁end｜>",
             .name_begin = "function<｜tool▁sep｜>",
             .name_end = "\n```json\n",
             .arguments_end = "\n```"},
    CallForm{.name = "deepseek-v3.1",
             .encoding = CallForm::Encoding::kNamed,
             .section_begin = "<｜tool▁calls▁begin｜>",
             .section_end = "<｜tool▁calls▁end｜>",
             .begin = "<｜tool▁call▁begin｜>",
             .end = "<｜tool▁call▁end｜>",
             .name_end = "<｜tool▁sep｜>"},
    CallForm{.name = "kimi-k2",
             .encoding = CallForm::Encoding::kNamed,
             .section_begin = "<|tool_calls_section_begin|>",
             .section_end = "<|tool_calls_section_end|>",
             .begin = "<|tool_call_begin|>",
             .end = "<|tool_call_end|>",
             .name_begin = "functions.",
             .name_is_id = true,
             .name_end = "<|tool_call_argument_begin|>"},
    CallForm{.name = "solar-open",
             .encoding = CallForm::Encoding::kNamed,
             .section_begin = "<|tool_calls|>",
             .begin = "<|tool_call:begin|>",
             .end = "<|tool_call:end|>",
             .name_begin = "<|tool_call:name|>",
             .id_first = true,
             .name_end = "<|tool_call:args|>",
             .answer_end = "<|calls|>"},
    CallForm{.name = "functionary-v3.1",
             .encoding = CallForm::Encoding::kNamed,
             .begin = "<function=",
             .end = "</function>",
             .name_end = ">",
             .answer_end = "<|eom_id|>"},
    CallForm{.name = "llama3",
             .begin = "<|python_tag|>",
             .arguments_key = "parameters",
             .bare = true,
             .separator = ';',
             .answer_end = "<|eom_id|>"},
    CallForm{.name = "mistral", .encoding = CallForm::Encoding::kList, .begin = "[TOOL_CALLS]"},
    CallForm{.name = "mistral-v11",
             .encoding = CallForm::Encoding::kNamed,
             .begin = "[TOOL_CALLS]",
             .id_begin = "[CALL_ID]",
             .name_end = "[ARGS]"},
    CallForm{.name = "granite", .encoding = CallForm::Encoding::kList, .begin = "<|tool_call|>"},  // 3.x
    CallForm{.name = "nemotron-v2", .encoding = CallForm::Encoding::kList, .begin = "<TOOLCALL>", .end = "</TOOLCALL>"},
    CallForm{.name = "apriel", .encoding = CallForm::Encoding::kList, .begin = "<tool_calls>", .end = "</tool_calls>"},
    CallForm{.name = "command-r7b",
             .encoding = CallForm::Encoding::kList,
             .begin = "<|START_ACTION|>",
             .end = "<|END_ACTION|>",
             .name_key = "tool_name",
             .arguments_key = "parameters",
             .id_key = "tool_call_id"},
    CallForm{.name = "apertus",
             .encoding = CallForm::Encoding::kList,
             .begin = "<|tools_prefix|>",
             .end = "<|tools_suffix|>",
             .name_key = ""},
    CallForm{.name = "gigachat3.1", .begin = "<|function_call|>"},
    CallForm{.name = "lfm2",
             .encoding = CallForm::Encoding::kPython,
             .begin = "<|tool_call_start|>",
             .end = "<|tool_call_end|>"},
    CallForm{.name = "gpt-oss",
             .encoding = CallForm::Encoding::kChannel,
             .name_begin = "to=functions.",
             .name_end = "<|message|>",
             .answer_end = "<|call|>"},
};

/// The form of that name; null where there is none.
[[nodiscard]] constexpr const CallForm* find_call_form(std::string_view name) noexcept {
  for (const CallForm& form : kCallForms) {
    if (form.name == name) return &form;
  }
  return nullptr;
}

/// The calls as a model would write them in that form.
///
/// Errors   kFormat: the arguments of a call are no JSON object.  kNoMemory.
MOXIE_API Result<std::string> write_calls(const CallForm& form, std::span<const ToolCall> calls) noexcept;

/// What stands around a model's reasoning at the beginning of an answer.
struct ReasoningForm {
  std::string_view begin;
  std::string_view end;
};

inline constexpr ReasoningForm kReasoningForms[] = {
    ReasoningForm{"<think>", "</think>"},
    ReasoningForm{"[THINK]", "[/THINK]"},
    ReasoningForm{"<seed:think>", "</seed:think>"},
    ReasoningForm{"<|START_THINKING|>", "<|END_THINKING|>"},
    ReasoningForm{"<|inner_prefix|>", "<|inner_suffix|>"},
};

/// The form in whose middle the text ends, but for white space: that of a prompt whose answer begins in reasoning.
[[nodiscard]] constexpr const ReasoningForm* reasoning_at_end(std::string_view prompt) noexcept {
  const std::size_t last = prompt.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos) return nullptr;
  for (const ReasoningForm& form : kReasoningForms) {
    if (prompt.substr(0, last + 1).ends_with(form.begin)) return &form;
  }
  return nullptr;
}

/// The answers of gpt-oss are messages, each in a channel: analysis is reasoning, commentary and final are text, and
/// one with a recipient is a call. In the template's words: start "assistant" channel NAME message TEXT end.
/// Source   github.com/openai/harmony, docs/format.md
struct ChannelMarks {
  static constexpr std::string_view kStart = "<|start|>";
  static constexpr std::string_view kChannel = "<|channel|>";
  static constexpr std::string_view kConstrain = "<|constrain|>";
  static constexpr std::string_view kMessage = "<|message|>";
  static constexpr std::string_view kEnd = "<|end|>";  ///< of a message, and not of the answer
  static constexpr std::string_view kCall = "<|call|>";
  static constexpr std::string_view kReturn = "<|return|>";
  static constexpr std::string_view kReasoning = "analysis";
};

}  // namespace moxie
