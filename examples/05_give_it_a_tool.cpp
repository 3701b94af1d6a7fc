// SPDX-License-Identifier: Apache-2.0
// A tool is a typed callable; its JSON schema comes from its parameters. What a model asks for here is written by hand:
// a chat that is given the toolbox does the same by itself.
#include <cstdio>

#include <moxie/tool/ready.hpp>
#include <moxie/tool/toolbox.hpp>

using moxie::Arg;

enum class Unit { kCelsius, kFahrenheit };
template <>
inline constexpr auto moxie::described<Unit> = moxie::enumerators<Unit>({{"celsius", Unit::kCelsius},
                                                                         {"fahrenheit", Unit::kFahrenheit}});

moxie::Result<std::string> weather(Arg<"city", std::string, "Its name"> city, Arg<"unit", std::optional<Unit>> unit) {
  if (*city != "Oslo") return moxie::Status(moxie::Code::kNotFound, "weather", "a city with a thermometer", *city);
  return std::string(*unit == Unit::kFahrenheit ? "14 F, snow" : "-10 C, snow");
}

moxie::Status example() {
  moxie::Toolbox toolbox;
  MOXIE_TRY(toolbox.add(moxie::tool("weather", "Current weather in a city", weather)));
  MOXIE_TRY(toolbox.add(moxie::tools::calculate()));
  MOXIE_TRY(toolbox.add(moxie::tools::now()));
  MOXIE_TRY(toolbox.grant("weather"));  // nothing may be called before
  MOXIE_TRY(toolbox.grant("calculate"));

  MOXIE_TRY_LET(const std::string schemas, toolbox.schemas());  // what a chat template tells the model
  std::printf("%s\n\n", schemas.c_str());

  struct Asked {
    const char *name, *arguments, *answer;
  };
  const Asked asked[] = {
      {"weather", R"({"city": "Oslo", "unit": "fahrenheit"})", "14 F, snow"},
      {"calculate", R"({"expression": "2^64 / 10"})", "1844674407370955161.6"},
      {"weather", R"({"town": "Oslo"})", R"({"error":"weather: needed nothing but city, unit, came 'town'"})"},
      {"weather", R"({"city": "Rome"})", R"({"error":"weather: needed a city with a thermometer, came Rome"})"},
      {"now", "{}", R"({"error":"Toolbox::call: needed a grant for now, came none"})"},
  };
  for (const auto& [name, arguments, answer] : asked) {
    const moxie::ToolOutcome outcome = toolbox.call(name, arguments);  // never without an answer for the model
    if (outcome.text != answer) return {moxie::Code::kInternal, "example", answer, outcome.text};
  }

  MOXIE_TRY_LET(const auto records, toolbox.take_records());  // all that was asked, for the host
  for (const moxie::ToolRecord& record : records) {
    std::printf("%llu %s %s: %s %s\n", static_cast<unsigned long long>(record.number), record.name.c_str(),
                record.arguments.c_str(), std::string(moxie::name(record.verdict)).c_str(), record.answer.c_str());
  }
  return {};
}

int main() {
  const moxie::Status status = example();
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
