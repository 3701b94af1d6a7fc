// SPDX-License-Identifier: Apache-2.0
#include <moxie/text/template_traits.hpp>

#include <algorithm>
#include <array>
#include <optional>

#include <moxie/core/guard.hpp>
#include <moxie/text/answer_stream.hpp>
#include <moxie/text/chat_template.hpp>

namespace moxie::inline abi1 {

namespace {

using Encoding = CallForm::Encoding;

// What the renders are searched for. Nobody's template has it.
constexpr std::string_view kQuestion = "moxie question";
constexpr std::string_view kAnswer = "moxie answer";
constexpr std::string_view kResult = "moxie result";
constexpr std::string_view kTool = "moxie_probe";
constexpr std::string_view kArguments = R"({"moxie_text":"moxie value","moxie_count":7})";
constexpr std::string_view kMarks[] = {kTool, "moxie value"};
constexpr std::string_view kTools =
    R"([{"type":"function","function":{"name":"moxie_probe","description":"Probes","parameters":{"type":"object",)"
    R"("properties":{"moxie_text":{"type":"string","description":"A text"},"moxie_count":{"type":"integer",)"
    R"("description":"A number"}},"required":["moxie_text"]}}}])";

bool contains(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

constexpr std::string_view kSpace = " \t\r\n";

std::string_view skip_space(std::string_view text) noexcept {
  return text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
}
std::string_view trimmed(std::string_view text) noexcept {
  text = skip_space(text);
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

bool names_come_first(const CallForm& form) noexcept {
  return form.encoding == Encoding::kNamed || form.encoding == Encoding::kTagged;
}

/// A way to tell a template of a call, and what it made of it.
struct Trial {
  TemplateTraits style;
  std::string prompt;  // up to where the answer begins
  std::string text;
  std::size_t begin = 0;           // behind the question
  std::size_t end = 0;             // in front of the result
  const CallForm* form = nullptr;  // that reads it

  [[nodiscard]] std::string_view said() const noexcept { return std::string_view(text).substr(begin, end - begin); }
};

class Prober {
 public:
  Prober(const ChatTemplate& chat, std::string_view source,
         std::span<const std::pair<std::string, Value>> special_tokens) noexcept
      : chat_(chat), source_(source), special_tokens_(special_tokens) {}

  Status run(TemplateTraits& traits) {
    MOXIE_TRY_LET(tools_, parse_value(kTools, "find_traits"));
    MOXIE_TRY_LET(offered_, OfferedTools::parse(kTools, "find_traits"));
    const Message question{.role = "user", .content = std::string(kQuestion)};
    const Message answer{.role = "assistant", .content = std::string(kAnswer)};
    const std::optional<std::string> prompt = render({&question, 1}, {}, true, true);
    const std::optional<std::string> without = render({&question, 1}, {}, false, true);
    traits.ignores_tools = prompt && without && *prompt == *without;
    traits.channels = contains(source_, ChannelMarks::kChannel) && contains(source_, ChannelMarks::kMessage);
    find_calls(question, prompt.value_or(""), traits);
    add_forms_of_source(traits);
    const std::array<Message, 3> stray = {question, answer, result("moxie0002")};
    const std::optional<std::string> told = render(stray, {}, true, true);
    traits.stray_results = told && contains(*told, kResult);
    // What follows an answer; where nothing does, what the next message begins with.
    for (const std::size_t n : {2U, 3U}) {
      const std::array<Message, 3> messages = {question, answer, question};
      const std::optional<std::string> text = render(std::span(messages).first(n), {}, false, false);
      const std::size_t at = text ? text->rfind(kAnswer) : std::string::npos;
      if (at == std::string::npos) continue;
      traits.behind_answer = skip_space(std::string_view(*text).substr(at + kAnswer.size())).substr(0, 256);
      if (!traits.behind_answer.empty()) break;
    }
    return {};
  }

 private:
  /// Nothing where it refuses.
  std::optional<std::string> render(std::span<const Message> messages, const TemplateTraits& style, bool with_tools,
                                    bool generation_prompt) const {
    const Result<Value> value = to_value(messages, style);
    if (!value.ok()) return std::nullopt;
    std::vector<std::pair<std::string_view, Value>> variables(special_tokens_.begin(), special_tokens_.end());
    variables.emplace_back("messages", *value);
    variables.emplace_back("add_generation_prompt", Value(generation_prompt, Origin::kTemplate));
    variables.emplace_back("tools", with_tools ? tools_ : Value::null());
    variables.emplace_back("documents", Value::null());
    Result<Rendered> rendered = chat_.render({.variables = variables, .limits = {.max_steps = 1'000'000}});
    if (!rendered.ok()) return std::nullopt;
    return std::move(rendered->text);
  }

  static Message asking(std::string_view id, std::optional<std::string> content) {
    return {.role = "assistant",
            .content = std::move(content),
            .tool_calls = {{.id = std::string(id), .name = std::string(kTool), .arguments = std::string(kArguments)}}};
  }
  static Message result(std::string_view id) {
    return {
        .role = "tool", .content = std::string(kResult), .tool_call_id = std::string(id), .name = std::string(kTool)};
  }

  std::optional<Trial> attempt(const Message& question, std::string_view prompt, std::string_view id,
                               const TemplateTraits& style, std::optional<std::string> content) const {
    const std::array<Message, 3> messages = {question, asking(id, std::move(content)), result(id)};
    std::optional<std::string> text = render(messages, style, true, false);
    if (!text) return std::nullopt;
    Trial trial{.style = style, .prompt = std::string(prompt), .text = *std::move(text)};
    const std::size_t asked = trial.text.rfind(kQuestion);
    if (asked == std::string::npos) return std::nullopt;
    trial.begin = asked + kQuestion.size();
    trial.end = std::min(trial.text.find(kResult, trial.begin), trial.text.size());
    for (const std::string_view mark : kMarks) {
      if (!contains(trial.said(), mark)) return std::nullopt;
    }
    if (contains(trial.said(), "\\\"moxie_text")) return std::nullopt;  // a text quoted once more
    return trial;
  }

  /// Whether the form's reader finds exactly the call that was given.
  [[nodiscard]] bool reads(const CallForm& form, std::string_view said) const {
    AnswerStream stream(
        {.forms = {&form}, .offered = offered_, .channels = form.encoding == Encoding::kChannel, .reasoning = false});
    std::vector<AnswerEvent> events;
    if (!stream.feed(said, events).ok() || !stream.finish(events).ok()) return false;
    std::size_t calls = 0;
    for (const AnswerEvent& event : events) {
      if (event.kind == AnswerEvent::Kind::kMalformedCall) return false;
      if (event.kind != AnswerEvent::Kind::kCall) continue;
      ++calls;
      const bool same = event.call.arguments == kArguments ||
                        event.call.arguments == R"({"moxie_count":7,"moxie_text":"moxie value"})";
      if (event.call.name != kTool || !same) return false;
    }
    return calls == 1;
  }

  [[nodiscard]] const CallForm* form_of(const Trial& trial) const {
    std::string_view answer;  // without what the generation prompt has already
    if (trial.text.starts_with(trial.prompt)) {
      answer = std::string_view(trial.text).substr(trial.prompt.size());
      answer = answer.substr(0, answer.find(kResult));
    }
    for (const bool with_section : {true, false}) {
      for (const CallForm& form : kCallForms) {
        if (with_section && !contains(trial.said(), form.section_begin)) continue;
        if (reads(form, trial.said()) || (!answer.empty() && reads(form, answer))) return &form;
      }
    }
    return nullptr;
  }

  void find_calls(const Message& question, std::string_view prompt, TemplateTraits& traits) const {
    std::optional<Trial> best;
    std::string_view best_id;
    // Some write the id for the name.
    for (const std::string_view id : {"moxie0001", "functions.moxie_probe:0"}) {
      for (const bool as_text : {false, true}) {
        for (const bool null : {true, false}) {
          const TemplateTraits style{.writes_calls = true, .arguments_as_text = as_text, .null_content = null};
          std::optional<Trial> trial = attempt(question, prompt, id, style, {});
          if (!trial) continue;
          trial->form = form_of(*trial);
          // One that can be read; then the shorter one, for it does not write null in words.
          const bool better = !best || (trial->form != nullptr && best->form == nullptr) ||
                              ((trial->form != nullptr) == (best->form != nullptr) && best_id == id &&
                               trial->style.arguments_as_text == best->style.arguments_as_text &&
                               trial->said().size() < best->said().size());
          if (!better) continue;
          best = std::move(trial);
          best_id = id;
        }
      }
      if (best && best->form != nullptr) break;
    }
    if (!best) return;
    traits.writes_calls = true;
    traits.arguments_as_text = best->style.arguments_as_text;
    traits.null_content = best->style.null_content;
    traits.example = skip_space(best->said()).substr(0, 300);
    if (best->form != nullptr) {
      traits.forms.push_back(best->form);
      traits.behind_call = behind_call(*best);
    }
    const TemplateTraits style = traits;
    traits.content_hides_calls = !attempt(question, prompt, best_id, style, std::string(kAnswer));
    traits.one_call_each = !takes_two(question, best_id, style);
  }

  static std::string behind_call(const Trial& trial) {
    const CallForm& form = *trial.form;
    const std::string_view last = !form.section_end.empty() ? form.section_end : !form.end.empty() ? form.end : "}";
    const std::string_view text = std::string_view(trial.text).substr(trial.begin);
    const std::size_t at = text.substr(0, trial.end - trial.begin).rfind(last);
    if (at == std::string_view::npos) return {};
    const std::string_view closing = form.encoding == Encoding::kList && form.end.empty() ? "]" : "";
    std::string_view behind = skip_space(text.substr(at + last.size()));
    if (!closing.empty() && behind.starts_with(closing)) behind = skip_space(behind.substr(closing.size()));
    return std::string(behind.substr(0, 256));
  }

  [[nodiscard]] bool takes_two(const Message& question, std::string_view id, const TemplateTraits& style) const {
    constexpr std::string_view kOther = R"({"moxie_text":"moxie second","moxie_count":8})";
    std::array<Message, 4> messages = {question, asking(id, {}), result(id), result(id)};
    std::string other(id);
    other.back() = '2';
    messages[1].tool_calls.push_back({.id = other, .name = std::string(kTool), .arguments = std::string(kOther)});
    messages[3].tool_call_id = other;
    const std::optional<std::string> text = render(messages, style, true, false);
    return text && contains(*text, "moxie value") && contains(*text, "moxie second");
  }

  /// Forms all of whose markers the template's text has: what it tells the model to write.
  void add_forms_of_source(TemplateTraits& traits) const {
    for (const CallForm& form : kCallForms) {
      if (std::ranges::find(traits.forms, &form) != traits.forms.end() || form.encoding == Encoding::kChannel) continue;
      bool all = true;
      for (const std::string_view marker :
           {form.section_begin, form.section_end, form.begin, form.end, form.key_begin, form.value_begin,
            form.value_end, form.name_begin, form.name_end, form.arguments_end}) {
        all = all && contains(source_, trimmed(marker));
      }
      // Behind one marker, only JSON can be told from a name.
      for (const CallForm* live : traits.forms) {
        all = all && !(live->begin == form.begin && names_come_first(*live) && names_come_first(form));
      }
      all = all && contains(source_, form.told) &&
            !(form.section_begin.empty() && form.begin.empty() && form.told.empty());
      if (form.name_key != "name") all = all && contains(source_, form.name_key) && !form.name_key.empty();
      if (all) traits.forms.push_back(&form);
    }
  }

  const ChatTemplate& chat_;
  std::string_view source_;
  std::span<const std::pair<std::string, Value>> special_tokens_;
  Value tools_;
  OfferedTools offered_;
};

}  // namespace

Result<TemplateTraits> find_traits(const ChatTemplate& chat, std::string_view source,
                                   std::span<const std::pair<std::string, Value>> special_tokens) noexcept {
  TemplateTraits traits;
  MOXIE_TRY(guarded("find_traits", [&] { return Prober(chat, source, special_tokens).run(traits); }));
  return traits;
}

}  // namespace moxie
