// SPDX-License-Identifier: Apache-2.0
// Templates of tests/data/templates against what Jinja2 made of them (tests/differential/compare_templates.py make).

#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "rendering.hpp"
#include "support/catch.hpp"
#include "support/data.hpp"

namespace {

using namespace moxie;
using Json = nlohmann::ordered_json;

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_CASE("our templates render byte for byte as Jinja2 renders them") {
  const std::filesystem::path folder = moxie::test::test_data() / "templates";
  const Json expected = Json::parse(read(folder / "expected.json"));
  std::size_t rendered_count = 0;
  std::size_t refused_count = 0;
  for (const auto& [name, results] : expected.items()) {
    const auto chat = ChatTemplate::parse(read(folder / (name + ".jinja")), name);
    INFO(name << ": " << chat.status().message());
    REQUIRE(chat.ok());
    for (const auto& [input, want] : results.items()) {
      INFO(name << " with " << input);
      const Json inputs = Json::parse(read(folder / "inputs" / (input + ".json")));
      std::vector<std::pair<std::string_view, Value>> variables;
      for (const auto& [key, value] : inputs.items()) variables.emplace_back(key, test::data(value.dump()));
      const LocalTime now{.year = 2024, .month = 2, .day = 9, .hour = 15, .minute = 4, .second = 5};
      const auto got = chat->render({.variables = variables, .now = now});
      INFO(got.status().message());
      if (want.contains("text")) {
        REQUIRE(got.ok());
        CHECK(got->text == want["text"].get<std::string>());
        ++rendered_count;
      } else {
        const bool by_template = want.contains("refused");
        REQUIRE(got.status().code() == (by_template ? Code::kInvalidArgument : Code::kFormat));
        if (by_template) CHECK(got.status().came() == want["refused"].get<std::string>());
        ++refused_count;
      }
    }
  }
  CHECK(rendered_count >= 30);
  CHECK(refused_count >= 2);
}

}  // namespace
