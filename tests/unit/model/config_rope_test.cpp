// SPDX-License-Identifier: Apache-2.0
// The rotary embedding in config.json: said in two places, under two names of its type.
#include <cmath>
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
  for (const std::string type : {"dynamic", "longrope", "mrope", "YARN", ""}) {
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
  check_refused({{"rope_scaling", R"({"type": "dynamic", "factor": 2})"}}, Code::kUnsupported,
                "a row would depend on how long its context becomes", "dynamic");
}

TEST_CASE("two places or two names that say different types are refused") {
  const std::string linear = R"({"rope_type": "linear", "factor": 4})";
  for (const std::string other : {R"({"rope_type": "default"})", R"({"type": "yarn", "factor": 4})"}) {
    check_refused({{"rope_parameters", linear}, {"rope_scaling", other}}, Code::kFormat, "one type", "an object");
    check_refused({{"rope_parameters", other}, {"rope_scaling", linear}}, Code::kFormat, "one type", "an object");
  }
  check_refused({{"rope_scaling", R"({"rope_type": "linear", "type": "yarn", "factor": 4})"}}, Code::kFormat,
                "one type", "yarn");
  check_refused({{"rope_parameters", linear}, {"rope_scaling", R"({"type": "linear", "factor": 2})"}}, Code::kFormat,
                "one factor", "4 and 2");
  CHECK(read(changed({{"rope_parameters", linear}, {"rope_scaling", R"({"type": "linear", "factor": 4.0})"}})).ok());
}

TEST_CASE("a linear scaling is read in both forms") {
  for (const std::string field : {"rope_scaling", "rope_parameters"}) {
    for (const std::string key : {"rope_type", "type"}) {
      const auto config = read(changed({{field, "{\"" + key + R"(": "linear", "factor": 2.5})"}})).value();
      CHECK(config.rope_scaling.type == RopeScaling::Type::kLinear);
      CHECK(config.rope_scaling.factor == 2.5);
      CHECK(config.rope_theta == 1e6);
    }
  }
}

TEST_CASE("the scaling of Llama 3.1 is read as it is published") {
  const RopeScaling scaling =
      read(changed({{"rope_scaling", R"({"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                         "original_max_position_embeddings": 8192, "rope_type": "llama3"})"}}))
          .value()
          .rope_scaling;
  CHECK(scaling.type == RopeScaling::Type::kLlama3);
  CHECK(scaling.factor == 8);
  CHECK(scaling.low_freq_factor == 1);
  CHECK(scaling.high_freq_factor == 4);
  CHECK(scaling.original_max_position_embeddings == 8192);
  CHECK(scaling.attention_factor == 1);
}

TEST_CASE("yarn has the defaults that transformers gives it") {
  const auto yarn = [](const std::string& more) {
    return read(changed({{"rope_scaling", R"({"type": "yarn", "factor": 4.0)" + more + "}"}})).value().rope_scaling;
  };
  const RopeScaling bare = yarn("");
  CHECK(bare.type == RopeScaling::Type::kYarn);
  CHECK(bare.original_max_position_embeddings == 40960);
  CHECK(bare.beta_fast == 32);
  CHECK(bare.beta_slow == 1);
  CHECK(bare.truncate);
  CHECK(std::abs(bare.attention_factor - 1.138629436111989) < 1e-15);  // 0.1 ln 4 + 1
  const RopeScaling full = yarn(
      R"(, "original_max_position_embeddings": 32768, "beta_fast": 16, "beta_slow": 2, "truncate": false,
         "attention_factor": 0.5)");
  CHECK(full.original_max_position_embeddings == 32768);
  CHECK(full.beta_fast == 16);
  CHECK(full.beta_slow == 2);
  CHECK_FALSE(full.truncate);
  CHECK(full.attention_factor == 0.5);
  CHECK(yarn(R"(, "mscale": 1.0, "mscale_all_dim": 1.0)").attention_factor == 1);
  CHECK(yarn(R"(, "mscale": 1.0)").attention_factor == bare.attention_factor);
}

TEST_CASE("a scaling that lacks a number or has a wrong one is refused by the number's name") {
  const auto scaled = [](const std::string& type, const std::string& numbers) {
    return Changes{{"rope_scaling", R"({"type": ")" + type + "\"" + numbers + "}"}};
  };
  const std::string llama3 = R"(, "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4)";
  REQUIRE(read(changed(scaled("llama3", llama3))).ok());
  for (const std::string type : {"linear", "yarn", "llama3"}) {
    check_refused(scaled(type, ""), Code::kFormat, "factor", "nothing");
    for (const std::string value : {"null", "0", "0.5", "-1", "1e300", "true", "[]"}) {
      check_refused(scaled(type, R"(, "factor": )" + value), Code::kFormat, "factor", "");
    }
    check_refused(scaled(type, R"(, "factor": 2, "long_factor": [1, 2])"), Code::kUnsupported, "long_factor",
                  "an array of 2");
  }
  check_refused(scaled("llama3", R"(, "factor": 8, "high_freq_factor": 4)"), Code::kFormat, "low_freq_factor",
                "nothing");
  check_refused(scaled("llama3", R"(, "factor": 8, "low_freq_factor": 1)"), Code::kFormat, "high_freq_factor",
                "nothing");
  check_refused(scaled("llama3", R"(, "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4)"), Code::kFormat,
                "high_freq_factor above low_freq_factor 4", "4");
  for (const std::string key : {"beta_fast", "beta_slow", "attention_factor", "original_max_position_embeddings"}) {
    for (const std::string value : {"0", "-1", "1e300", R"("32")"}) {
      check_refused(scaled("yarn", R"(, "factor": 4, ")" + key + "\": " + value), Code::kFormat, key, "");
    }
  }
  check_refused(scaled("yarn", R"(, "factor": 4, "truncate": 1)"), Code::kFormat, "truncate", "1");
  Changes one = scaled("yarn", R"(, "factor": 4)");
  one.emplace_back("rope_theta", "1");
  check_refused(one, Code::kFormat, "rope_theta above 1", "1");
  for (const std::string field : {"partial_rotary_factor", "rope_scaling"}) {
    const std::string value = field == "rope_scaling" ? R"({"type": "default", "partial_rotary_factor": 0.5})" : "0.5";
    check_refused({{field, value}}, Code::kUnsupported, "partial_rotary_factor 1", "0.5");
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
