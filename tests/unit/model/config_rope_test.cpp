// SPDX-License-Identifier: Apache-2.0
// The rotary embedding in config.json: said in two places, under two names of its type, and mostly not supported.
#include <optional>
#include <string>
#include <vector>

#include "config_fields.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

TEST_CASE("the older form of rope is read") {
  for (const std::string scaling : {"null", R"({"type": "default"})", R"({"rope_type": "default"})",
                                    R"({"rope_type": "default", "type": "default"})", "{}"}) {
    INFO(scaling);
    CHECK(read(changed({{"rope_scaling", scaling}, {"rope_theta", "500.0"}})).value().rope_theta == 500.0);
  }
  CHECK(read(changed({{"rope_scaling", std::nullopt}})).value().rope_theta == 1e6);
}

TEST_CASE("the newer form of rope is read") {
  const Changes bare = {{"rope_theta", std::nullopt}, {"rope_scaling", std::nullopt}};
  for (const std::string parameters : {R"({"rope_theta": 500.0, "rope_type": "default"})", R"({"rope_theta": 500})"}) {
    INFO(parameters);
    Changes changes = bare;
    changes.emplace_back("rope_parameters", parameters);
    CHECK(read(changed(changes)).value().rope_theta == 500.0);
  }
  check_each("rope_theta", kMissing, Code::kFormat, {{"rope_parameters", R"({"rope_type": "default"})"}});
  // Said twice and alike is fine; a file that says two things is not.
  CHECK(read(changed({{"rope_parameters", R"({"rope_theta": 1000000})"}})).value().rope_theta == 1e6);
  check_refused({{"rope_parameters", R"({"rope_theta": 500})"}}, Code::kFormat, "one rope_theta", "500");
}

TEST_CASE("rope of another type is refused by its name, wherever it is written") {
  for (const std::string type : {"yarn", "linear", "dynamic", "longrope", "llama3", "mrope", "proportional", ""}) {
    const std::string quoted = '"' + type + '"';
    for (const std::string key : {"rope_type", "type"}) {
      const std::string object = "{\"" + key + "\": " + quoted + ", \"factor\": 4.0, \"rope_theta\": 1000000}";
      for (const std::string field : {"rope_scaling", "rope_parameters"}) {
        check_refused({{field, object}}, Code::kUnsupported, "rope", quoted);
      }
      // Beside something harmless, whichever of the two a reader looks at first.
      check_refused({{"rope_scaling", object}, {"rope_parameters", R"({"rope_type": "default"})"}}, Code::kUnsupported,
                    "rope", quoted);
      check_refused({{"rope_parameters", object}, {"rope_scaling", R"({"rope_type": "default"})"}}, Code::kUnsupported,
                    "rope", quoted);
    }
    for (const std::string field : {"rope_scaling", "rope_parameters"}) {
      check_refused({{field, R"({"rope_type": "default", "type": )" + quoted + "}"}}, Code::kUnsupported, "rope",
                    quoted);
      check_refused({{field, R"({"type": "default", "rope_type": )" + quoted + "}"}}, Code::kUnsupported, "rope",
                    quoted);
    }
  }
}

TEST_CASE("rope that says what to do but not of which type is refused") {
  for (const std::string field : {"rope_scaling", "rope_parameters"}) {
    check_refused({{field, R"({"factor": 4.0})"}}, Code::kUnsupported, "rope", "factor");
    check_refused({{field, R"({"rope_type": null})"}}, Code::kUnsupported, "rope", "null");
    // One rope for each kind of layer.
    check_refused({{field, R"({"full_attention": {"rope_type": "default", "rope_theta": 10000.0}})"}},
                  Code::kUnsupported, "rope", "full_attention");
    for (const Wrong& wrong : kNoNumber) {
      if (wrong.value == "{}") continue;
      check_refused({{field, wrong.value}}, Code::kUnsupported, field, wrong.came);
    }
    check_refused({{field, "4"}}, Code::kUnsupported, field, "4");
  }
}
