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
///     kPython   [N(K=V, ...), ...], with values as Python writes them; where `lines`, a call on each line and no
///     brackets kChannel  a message of its own, to a recipient, as gpt-oss writes them (see ChannelMarks)
struct CallForm {
  enum class Encoding : std::uint8_t { kObject, kList, kNamed, kTagged, kPython, kChannel };

  std::string_view name;  ///< of the form
  Encoding encoding = Encoding::kObject;

  std::string_view section_begin{};  ///< empty: there is none. A reader does without it
  std::string_view section_end{};
  std::string_view begin{};
  std::string_view end{};  ///< empty: a call ends with its arguments
  bool lines = false;      ///< the markers stand on lines of their own; a reader does without
  bool words = false;      ///< the markers may be text as well: what is behind one decides whether it begins a call
  /// Which of its markers end reasoning that the model left open. Others stand in it as text does.
  enum class InReasoning : std::uint8_t { kNone, kSection, kAny };
  InReasoning in_reasoning = InReasoning::kNone;
  std::string_view told{};  ///< a template that tells the model of this form has this text too

  // kObject, kList. An empty name_key: the name is the one key, its value the arguments.
  std::string_view name_key = "name";
  std::string_view arguments_key = "arguments";
  std::string_view id_key = "id";
  bool bare = false;   ///< the answer may begin with a call that has no `begin`. Also of kPython
  char separator = 0;  ///< besides white space, between calls

  // kNamed, kTagged.
  std::string_view name_begin{};
  bool id_first = false;        ///< what stands in front of name_begin is the id
  bool name_is_id = false;      ///< N is "name:number", and that with name_begin is the id
  std::string_view id_begin{};  ///< empty: no id
  std::string_view name_end{};  ///< empty: the name ends at white space, key_begin or end; of kNamed at the arguments
  std::string_view arguments_end{};
  std::string_view text_name{};    ///< what has this name is no call but text
  std::string_view string_mark{};  ///< where not empty: in A, a text stands between two of it, and keys stand bare

  // kTagged. A value is text; its type is the tool's to say.
  std::string_view key_begin{};
  std::string_view key_end{};
  std::string_view json_key_end{};  ///< where not empty: stands for key_end if the value is JSON and not a string
  std::string_view value_begin{};
  std::string_view value_end{};
  bool value_lines = false;        ///< a value stands on lines of its own
  std::string_view quote_begin{};  ///< a text may stand between quote_begin and quote_end, with any marker in it
  std::string_view quote_end{};

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
             .in_reasoning = CallForm::InReasoning::kSection,
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
             .in_reasoning = CallForm::InReasoning::kSection,
             .name_end = "\">",
             .key_begin = "<｜DSML｜parameter name=\"",
             .key_end = "\" string=\"true\">",
             .json_key_end = "\" string=\"false\">",
             .value_end = "</｜DSML｜parameter>"},
    CallForm{.name = "deepseek-v4",
             .encoding = CallForm::Encoding::kTagged,
             .section_begin = "<｜DSML｜tool_calls>",
             .section_end = "</｜DSML｜tool_calls>",
             .begin = "<｜DSML｜invoke name=\"",
             .end = "</｜DSML｜invoke>",
             .lines = true,
             .in_reasoning = CallForm::InReasoning::kSection,
             .name_end = "\">",
             .key_begin = "<｜DSML｜parameter name=\"",
             .key_end = "\" string=\"true\">",
             .json_key_end = "\" string=\"false\">",
             .value_end = "</｜DSML｜parameter>"},
    CallForm{.name = "hy3",
             .encoding = CallForm::Encoding::kTagged,
             .section_begin = "<tool_calls:opensource>",
             .section_end = "</tool_calls:opensource>",
             .begin = "<tool_call:opensource>",
             .end = "</tool_call:opensource>",
             .lines = true,
             .name_end = "<tool_sep:opensource>",
             .key_begin = "<arg_key:opensource>",
             .key_end = "</arg_key:opensource>",
             .value_begin = "<arg_value:opensource>",
             .value_end = "</arg_value:opensource>"},
    CallForm{.name = "minicpm5",
             .encoding = CallForm::Encoding::kTagged,
             .begin = "<function name=\"",
             .end = "</function>",
             .name_end = "\">",
             .key_begin = "<param name=\"",
             .key_end = "\">",
             .value_end = "</param>",
             .quote_begin = "<![CDATA[",
             .quote_end = "]]>"},
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
             .in_reasoning = CallForm::InReasoning::kAny,
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
    // The answer is messages to recipients, and the prompt ends in the first `begin`.
    CallForm{.name = "functionary-v3.2",
             .encoding = CallForm::Encoding::kNamed,
             .begin = ">>>",
             .words = true,
             .told = ">>>all",
             .name_end = "\n",
             .text_name = "all"},
    CallForm{.name = "gemma4",
             .encoding = CallForm::Encoding::kNamed,
             .begin = "<|tool_call>",
             .end = "<tool_call|>",
             .name_begin = "call:",
             .string_mark = "<|\"|>"},
    CallForm{.name = "functiongemma",
             .encoding = CallForm::Encoding::kNamed,
             .begin = "<start_function_call>",
             .end = "<end_function_call>",
             .name_begin = "call:",
             .string_mark = "<escape>"},
    CallForm{.name = "llama3",
             .begin = "<|python_tag|>",
             .arguments_key = "parameters",
             .bare = true,
             .separator = ';',
             .answer_end = "<|eom_id|>"},
    CallForm{.name = "llama4",  // what is between <|python_start|> and this is code or nothing
             .begin = "<|python_end|>",
             .arguments_key = "parameters",
             .bare = true,
             .separator = ';',
             .answer_end = "<|eom|>"},
    CallForm{.name = "pythonic",  // Llama 3.2 and 4, ToolACE, Gemma 3
             .encoding = CallForm::Encoding::kPython,
             .told = "[func_name1(",
             .bare = true},
    CallForm{.name = "xlam", .encoding = CallForm::Encoding::kList, .bare = true},
    CallForm{.name = "firefunction", .encoding = CallForm::Encoding::kList, .begin = "functools", .words = true},
    CallForm{.name = "mistral", .encoding = CallForm::Encoding::kList, .begin = "[TOOL_CALLS]"},
    CallForm{.name = "mistral-v11",
             .encoding = CallForm::Encoding::kNamed,
             .begin = "[TOOL_CALLS]",
             .id_begin = "[CALL_ID]",
             .name_end = "[ARGS]"},
    CallForm{
        .name = "phi4-mini", .encoding = CallForm::Encoding::kList, .begin = "<|tool_call|>", .end = "<|/tool_call|>"},
    CallForm{.name = "granite", .encoding = CallForm::Encoding::kList, .begin = "<|tool_call|>"},  // 3.x
    CallForm{.name = "granite-20b", .begin = "<function_call>"},
    CallForm{.name = "internlm2", .begin = "<|action_start|><|plugin|>", .end = "<|action_end|>", .lines = true},
    CallForm{.name = "minimax-m1", .section_begin = "<tool_calls>", .section_end = "</tool_calls>", .lines = true},
    CallForm{.name = "nemotron-v2", .encoding = CallForm::Encoding::kList, .begin = "<TOOLCALL>", .end = "</TOOLCALL>"},
    CallForm{.name = "apriel",  // and Hunyuan
             .encoding = CallForm::Encoding::kList,
             .begin = "<tool_calls>",
             .end = "</tool_calls>"},
    CallForm{.name = "command-r7b",  // and Command A
             .encoding = CallForm::Encoding::kList,
             .begin = "<|START_ACTION|>",
             .end = "<|END_ACTION|>",
             .in_reasoning = CallForm::InReasoning::kAny,
             .name_key = "tool_name",
             .arguments_key = "parameters",
             .id_key = "tool_call_id"},
    CallForm{.name = "command-r-plus",
             .encoding = CallForm::Encoding::kList,
             .section_begin = "Action:",
             .begin = "```json",
             .end = "```",
             .lines = true,
             .words = true,
             .name_key = "tool_name",
             .arguments_key = "parameters"},
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
    CallForm{.name = "olmo3",
             .encoding = CallForm::Encoding::kPython,
             .begin = "<function_calls>",
             .end = "</function_calls>",
             .lines = true},
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
  bool anywhere = false;  ///< and as often as the model likes
};

inline constexpr ReasoningForm kReasoningForms[] = {
    ReasoningForm{"<think>", "</think>"},
    ReasoningForm{"[THINK]", "[/THINK]"},
    ReasoningForm{"<seed:think>", "</seed:think>"},
    ReasoningForm{"<|START_THINKING|>", "<|END_THINKING|>"},
    ReasoningForm{"<|inner_prefix|>", "<|inner_suffix|>"},
    ReasoningForm{"<think:opensource>", "</think:opensource>"},
    ReasoningForm{"<|channel>thought", "<channel|>", true},
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

/// Among some forms, the one in whose `begin` the text ends: of a prompt behind which a name comes first.
[[nodiscard]] constexpr const CallForm* call_at_end(std::string_view prompt,
                                                    std::span<const CallForm* const> forms) noexcept {
  for (const CallForm* form : forms) {
    if (!form->text_name.empty() && prompt.ends_with(form->begin)) return form;
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
