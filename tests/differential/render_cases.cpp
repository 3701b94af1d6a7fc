// SPDX-License-Identifier: Apache-2.0
// Renders many small templates in one process: what compare_templates.py compares Jinja2 with.
//
//   render_cases < CASES > RESULTS     a JSON list of {"template": ..., "variables": {...}}
//                                      becomes one of {"text": ...} or {"error": code, "message": ...}

#include <cstdio>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

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

}  // namespace

int main() try {
  std::string input;
  char block[65536];
  for (std::size_t got = 0; (got = std::fread(block, 1, sizeof(block), stdin)) > 0;) input.append(block, got);
  Json results = Json::array();
  for (const Json& test : Json::parse(input)) {
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
