// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <moxie/text/chat_template.hpp>
#include <moxie/text/message.hpp>

#include "answering.hpp"
#include "commands.hpp"
#include "files.hpp"
#include "output.hpp"

namespace moxie::program {

namespace {

using Json = nlohmann::ordered_json;

void print_spans(const Rendered& rendered) {
  Json spans = Json::array();
  std::size_t begin = 0;
  for (const Rendered::Span& span : rendered.spans) {
    spans.push_back(
        {{"begin", begin}, {"end", span.end}, {"origin", span.origin == Origin::kTemplate ? "template" : "data"}});
    begin = span.end;
  }
  print_json({{"prompt", rendered.text}, {"spans", std::move(spans)}});
}

}  // namespace

Status run_template(const RenderTemplate& options) {
  MOXIE_TRY_LET(const CheckpointTemplate loaded,
                load_chat_template(options.model, options.name.empty() ? "default" : options.name));
  MOXIE_TRY_LET(const ChatVariant* variant, loaded.choose(options.name, !options.tools.empty()));
  MOXIE_TRY_LET(const std::string chat, read_file(options.messages));
  MOXIE_TRY_LET(const Value messages, parse_chat(chat, options.messages));
  std::vector<std::pair<std::string, Value>> variables = loaded.special_tokens;
  variables.emplace_back("messages", messages);
  variables.emplace_back("add_generation_prompt", Value(options.generation_prompt, Origin::kTemplate));
  // Templates ask whether tools are none as well as whether they are defined; transformers always sets both.
  Value tools = Value::null();
  if (!options.tools.empty()) {
    MOXIE_TRY_LET(const std::string text, read_file(options.tools));
    MOXIE_TRY_LET(tools, parse_value(text, options.tools));
    if (!tools.is(Value::Kind::kSequence)) {
      return Status(Code::kFormat, options.tools, "a list of tools in OpenAI's form", "other JSON");
    }
  }
  variables.emplace_back("tools", tools);
  variables.emplace_back("documents", Value::null());
  MOXIE_TRY_LET(auto settings, read_settings(options.settings));
  for (auto& setting : settings) {
    std::erase_if(variables, [&](const auto& variable) { return variable.first == setting.first; });
    variables.push_back(std::move(setting));
  }
  const std::vector<std::pair<std::string_view, Value>> views(variables.begin(), variables.end());
  MOXIE_TRY_LET(const Rendered rendered,
                (variant == nullptr ? loaded.chat : *variant->chat).render({.variables = views}));
  if (options.json) {
    print_spans(rendered);
  } else {
    print(rendered.text);
  }
  return {};
}

}  // namespace moxie::program
