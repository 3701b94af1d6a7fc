// SPDX-License-Identifier: Apache-2.0
#include "format/json_fields.hpp"

#include <string_view>

#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::format;

namespace {

constexpr std::string_view kConfig =
    R"({"experts":128,"eps":1e-6,"theta":1000000,"tied":false,"type":"qwen3_moe","window":null,"bad":"x","neg":-1})";

struct Config {
  Result<JsonDocument> document = JsonDocument::parse(kConfig, {}, "config.json");
  JsonFields fields{"config.json", document->root()};
};

template <class T>
void refused(const Result<T>& result, std::string_view message) {
  REQUIRE_FALSE(result.ok());
  CHECK(result.status().code() == Code::kFormat);
  CHECK(result.status().message() == message);
}

}  // namespace

TEST_CASE("fields that are right are read") {
  const Config config;
  CHECK(*config.fields.whole("experts", 1, 128) == 128);
  CHECK(*config.fields.whole("experts", 128, 1U << 31) == 128);
  CHECK(*config.fields.real("eps", 0, 1) == 1e-6);
  CHECK(*config.fields.real("theta", 1, 1e9) == 1e6);
  CHECK_FALSE(*config.fields.boolean("tied"));
  CHECK(*config.fields.string("type") == "qwen3_moe");
}

TEST_CASE("a fallback stands for a field that is missing or null, and for no other") {
  const Config config;
  CHECK(*config.fields.whole("window", 1, 9, 4) == 4);
  CHECK(*config.fields.whole("gone", 1, 9, 4) == 4);
  CHECK(*config.fields.real("window", 0, 1, 0.5) == 0.5);
  CHECK(*config.fields.boolean("gone", true));
  CHECK(*config.fields.string("gone", "silu") == "silu");
  CHECK(*config.fields.whole("experts", 1, 128, 4) == 128);
  CHECK_FALSE(config.fields.has("window"));
  CHECK_FALSE(config.fields.has("gone"));
  CHECK(config.fields.has("tied"));
  refused(config.fields.whole("bad", 1, 9, 4), "config.json: needed bad as a whole number in [1, 9], came \"x\"");
}

TEST_CASE("a field that is wrong is named, with what it should be and what it is") {
  const Config config;
  refused(config.fields.whole("bad", 1, 1U << 31),
          "config.json: needed bad as a whole number in [1, 2147483648], came \"x\"");
  refused(config.fields.whole("gone", 1, 2), "config.json: needed gone as a whole number in [1, 2], came nothing");
  refused(config.fields.whole("experts", 1, 127),
          "config.json: needed experts as a whole number in [1, 127], came 128");
  refused(config.fields.whole("experts", 129, 200),
          "config.json: needed experts as a whole number in [129, 200], came 128");
  refused(config.fields.whole("neg", 0, 5), "config.json: needed neg as a whole number in [0, 5], came -1");
  refused(config.fields.whole("eps", 0, 5), "config.json: needed eps as a whole number in [0, 5], came 1e-06");
  refused(config.fields.whole("window", 0, 5), "config.json: needed window as a whole number in [0, 5], came null");
  refused(config.fields.real("theta", 0, 10), "config.json: needed theta as a number in [0, 10], came 1000000");
  refused(config.fields.real("tied", 0, 10), "config.json: needed tied as a number in [0, 10], came false");
  refused(config.fields.boolean("type"), "config.json: needed type as true or false, came \"qwen3_moe\"");
  refused(config.fields.string("experts"), "config.json: needed experts as a string, came 128");
}
