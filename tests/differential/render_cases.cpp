// SPDX-License-Identifier: Apache-2.0
// Renders many small templates in one process: what compare_templates.py compares Jinja2 with.
//
//   render_cases < CASES > RESULTS         a JSON list of {"template": ..., "variables": {...}}
//                                          becomes one of {"text": ...} or {"error": code, "message": ...}
//   render_cases traits < CASES > RESULTS  becomes one of what is known of each template's calls
//   render_cases answers < CASES > RESULTS {"template": ..., "prompt": ..., "tools": [...], "answer": ...} becomes
//                                          {"content": ..., "reasoning": ..., "calls": [{"name", "arguments"}],
//                                          "malformed": [...]}

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <moxie/text/answer_stream.hpp>
#include <moxie/text/chat_template.hpp>
#include <moxie/text/message.hpp>

namespace {

using Json = nlohmann::ordered_json;

moxie::Result<moxie::Rendered> render(const Json& test) {
  MOXIE_TRY_LET(const auto chat, moxie::ChatTemplate::parse(test["template"].get_ref<const std::string&>()));
  std::vector<std::pair<std::string, moxie::Value>> held;
  for (const auto& [name, value] : test["variables"].items()) {
    MOXIE_TRY_LET(moxie::Value converted, moxie::parse_value(value.dump(), name));
    held.emplace_back(name, std::move(converted));
  }
  const std::vector<std::pair<std::string_view, moxie::Value>> variables(held.begin(), held.end());
  return chat.render(
      {.variables = variables,
       .now = moxie::LocalTime{.year = 2024, .month = 2, .day = 9, .hour = 15, .minute = 4, .second = 5}});
}

moxie::Result<moxie::TemplateTraits> find(const Json& test) {
  const auto& source = test["template"].get_ref<const std::string&>();
  MOXIE_TRY_LET(const auto chat, moxie::ChatTemplate::parse(source));
  const std::vector<std::pair<std::string, moxie::Value>> tokens = {
      {"bos_token", moxie::Value::string("<bos>", moxie::Origin::kTemplate).value()},
      {"eos_token", moxie::Value::string("<eos>", moxie::Origin::kTemplate).value()}};
  return moxie::find_traits(chat, source, tokens);
}

/// What a chat would tell of an answer.
Json read_answer(const Json& test) {
  const auto traits = find(test);
  if (!traits.ok()) return {{"error", std::string(traits.status().message())}};
  const std::string prompt = test["prompt"].get<std::string>();
  moxie::AnswerOptions options{.channels = traits->channels, .begins_in = moxie::reasoning_at_end(prompt)};
  options.begins_in_call = moxie::call_at_end(prompt, traits->forms);
  if (!test["tools"].empty()) {
    options.forms = traits->forms;
    options.offered = moxie::OfferedTools::parse(test["tools"].dump(), "tools").value();
  }
  moxie::AnswerStream stream(options);
  std::vector<moxie::AnswerEvent> events;
  if (!stream.feed(test["answer"].get<std::string>(), events).ok() || !stream.finish(events).ok()) {
    return {{"error", "no memory"}};
  }
  Json result = {{"content", ""}, {"reasoning", ""}, {"calls", Json::array()}, {"malformed", Json::array()}};
  const auto add = [&](const char* to, const std::string& text) { result[to] = result[to].get<std::string>() + text; };
  for (const moxie::AnswerEvent& event : events) {
    using Kind = moxie::AnswerEvent::Kind;
    if (event.kind == Kind::kText) add("content", event.text);
    if (event.kind == Kind::kReasoning) add("reasoning", event.text);
    if (event.kind == Kind::kMalformedCall) result["malformed"].push_back(event.text);
    if (event.kind == Kind::kCall) {
      result["calls"].push_back({{"name", event.call.name}, {"arguments", event.call.arguments}});
    }
  }
  return result;
}

Json traits(const Json& test) {
  const auto traits = find(test);
  if (!traits.ok()) return {{"error", std::string(traits.status().message())}};
  const moxie::TemplateTraits& found = *traits;
  Json forms = Json::array();
  for (const moxie::CallForm* form : found.forms) forms.push_back(std::string(form->name));
  return {{"forms", std::move(forms)},
          {"ignores_tools", found.ignores_tools},
          {"writes_calls", found.writes_calls},
          {"arguments_as_text", found.arguments_as_text},
          {"null_content", found.null_content},
          {"content_hides_calls", found.content_hides_calls},
          {"one_call_each", found.one_call_each},
          {"no_stray_results", !found.stray_results},
          {"channels", found.channels},
          {"behind_answer", found.behind_answer},
          {"behind_call", found.behind_call},
          {"example", found.example}};
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  std::string input;
  char block[65536];
  for (std::size_t got = 0; (got = std::fread(block, 1, sizeof(block), stdin)) > 0;) input.append(block, got);
  Json results = Json::array();
  for (const Json& test : Json::parse(input)) {
    if (!mode.empty()) {
      results.push_back(mode == "traits" ? traits(test) : read_answer(test));
      continue;
    }
    const auto rendered = render(test);
    if (rendered.ok()) {
      results.push_back({{"text", rendered->text}});
    } else {
      results.push_back({{"error", std::string(moxie::name(rendered.status().code()))},
                         {"message", std::string(rendered.status().message())}});
    }
  }
  const std::string text = results.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "render_cases: %s\n", error.what());
  return 1;
}
