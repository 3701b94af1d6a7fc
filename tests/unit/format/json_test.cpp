// SPDX-License-Identifier: Apache-2.0
#include "format/json.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::format;

namespace {

JsonDocument good(std::string_view text, const JsonLimits& limits = {}) {
  Result<JsonDocument> document = JsonDocument::parse(text, limits, "file");
  INFO(text.substr(0, 200));
  INFO(document.status().message());
  REQUIRE(document.ok());
  return *std::move(document);
}

Status bad(std::string_view text, const JsonLimits& limits = {}) {
  const Result<JsonDocument> document = JsonDocument::parse(text, limits, "file");
  INFO(text.substr(0, 200));
  REQUIRE_FALSE(document.ok());
  CHECK(name(document.status().code()) == name(Code::kFormat));
  CHECK(document.status().where() == "file");
  return document.status();
}

// The document written again from the tree, so that a test can compare the whole of it.
std::string written(JsonValue value) {
  if (value.is_array() || value.is_object()) {
    std::string out;
    for (const JsonValue::Member& member : value) {
      if (!out.empty()) out += ',';
      if (value.is_object()) out.append("'").append(member.key).append("':");
      out += written(member.value);
    }
    return (value.is_array() ? std::string("[") : std::string("{")).append(out).append(value.is_array() ? "]" : "}");
  }
  if (const auto text = value.as_string()) return std::string("'").append(*text).append("'");
  return std::string(value.describe().view());
}

std::string round_trip(std::string_view text) { return written(good(text).root()); }

}  // namespace

TEST_CASE("every kind of JSON comes back, keys in their order") {
  CHECK(round_trip("null") == "null");
  CHECK(round_trip(" true ") == "true");
  CHECK(round_trip("\t-3\r\n") == "-3");
  CHECK(round_trip("\"\"") == "''");
  CHECK(round_trip("[]") == "[]");
  CHECK(round_trip("{}") == "{}");
  CHECK(round_trip("[[],{},[[]],{\"a\":[]}]") == "[[],{},[[]],{'a':[]}]");
  CHECK(round_trip(R"({"z":1,"a":{"y":[1,-2,0.5,null,true,"s"],"b":{}},"":"","m":[{"k":[]},2]})") ==
        "{'z':1,'a':{'y':[1,-2,0.5,null,true,'s'],'b':{}},'':'','m':[{'k':[]},2]}");
}

TEST_CASE("whole numbers are never rounded, and fractions never whole") {
  const JsonDocument document =
      good(R"([0,18446744073709551615,18446744073709551616,9223372036854775807,9223372036854775808,)"
           R"(-9223372036854775808,-9223372036854775809,2.0,1e3,-0,-0.0,5e-324,0.1])");
  std::vector<JsonValue> v;
  for (const JsonValue::Member& member : document.root()) v.push_back(member.value);
  REQUIRE(v.size() == 13);
  CHECK(v[0].as_u64() == 0U);
  CHECK(v[0].as_i64() == 0);
  CHECK(v[1].as_u64() == std::numeric_limits<std::uint64_t>::max());
  CHECK_FALSE(v[1].as_i64());
  CHECK(v[1].as_double() == 18446744073709551616.0);
  CHECK(v[2].kind() == JsonKind::kReal);
  CHECK_FALSE(v[2].as_u64());
  CHECK(v[2].as_digits() == "18446744073709551616");
  CHECK(v[6].as_digits() == "-9223372036854775809");
  for (const std::size_t i : {0U, 1U, 5U, 7U, 8U, 9U}) CHECK_FALSE(v[i].as_digits());
  CHECK(v[2].as_double() == 18446744073709551616.0);
  CHECK(v[3].as_i64() == std::numeric_limits<std::int64_t>::max());
  CHECK_FALSE(v[4].as_i64());
  CHECK(v[4].as_u64() == 1ULL << 63);
  CHECK(v[5].as_i64() == std::numeric_limits<std::int64_t>::min());
  CHECK_FALSE(v[5].as_u64());
  CHECK(v[5].as_double() == -9223372036854775808.0);
  CHECK(v[6].kind() == JsonKind::kReal);
  CHECK_FALSE(v[6].as_i64());
  for (const std::size_t i : {7U, 8U, 9U, 10U}) {
    CHECK(v[i].kind() == JsonKind::kReal);
    CHECK_FALSE(v[i].as_u64());
    CHECK_FALSE(v[i].as_i64());
  }
  CHECK(v[7].as_double() == 2.0);
  CHECK(v[8].as_double() == 1000.0);
  CHECK(std::signbit(*v[9].as_double()));
  CHECK(std::signbit(*v[10].as_double()));
  CHECK(v[11].as_double() == std::numeric_limits<double>::denorm_min());
  CHECK(v[12].as_double() == 0.1);
}

TEST_CASE("strings are unescaped, also to zero bytes and beyond the basic plane") {
  using namespace std::string_view_literals;
  const JsonDocument document = good(R"(["\"\\\/\b\f\n\r\t","\u0000x","\u00e4\u20ac","\ud83d\ude00","ä€😀"])");
  std::vector<std::string_view> v;
  for (const JsonValue::Member& member : document.root()) v.push_back(*member.value.as_string());
  CHECK(v[0] == "\"\\/\b\f\n\r\t");
  CHECK(v[1] == "\0x"sv);
  CHECK(v[2] == "ä€");
  CHECK(v[3] == "😀");
  CHECK(v[4] == "ä€😀");
}

TEST_CASE("a value of another kind, or none at all, gives nothing") {
  const JsonDocument document = good(R"({"a":null,"b":true,"c":"x","d":[1],"e":{"f":2},"g":3})");
  const JsonValue root = document.root();
  CHECK(root.size() == 6);
  for (const std::string_view key : {"a", "b", "c", "d", "e", "g", "h"}) {
    INFO(key);
    const JsonValue value = root.find(key);
    CHECK(static_cast<bool>(value) == (key != "h"));
    CHECK(value.is_null() == (key == "a"));
    CHECK(value.as_bool().has_value() == (key == "b"));
    CHECK(value.as_string().has_value() == (key == "c"));
    CHECK(value.is_array() == (key == "d"));
    CHECK(value.is_object() == (key == "e"));
    CHECK(value.as_u64().has_value() == (key == "g"));
    CHECK(value.as_double().has_value() == (key == "g"));
    CHECK(value.size() == (key == "d" || key == "e" ? 1U : 0U));
    if (key != "d" && key != "e") CHECK(value.begin() == value.end());
  }
  CHECK(root.find("e").find("f").as_u64() == 2U);
  CHECK_FALSE(root.find("f"));
  CHECK_FALSE(root.find("h").find("i").find("j"));
  CHECK_FALSE(root.find("d").find("f"));
  CHECK_FALSE(JsonValue().find("x"));
  CHECK(JsonValue().describe().view() == "nothing");
}

TEST_CASE("a value describes itself for an error") {
  const JsonDocument document = good(R"([null,false,7,-7,0.25,"x",[1,2],{"a":{}}])");
  std::vector<std::string> words;
  for (const JsonValue::Member& member : document.root()) words.emplace_back(member.value.describe().view());
  CHECK(words ==
        std::vector<std::string>{"null", "false", "7", "-7", "0.25", "\"x\"", "an array of 2", "an object of 1"});
}

TEST_CASE("a moved document keeps its values") {
  JsonDocument first = good(R"({"a":"text"})");
  const JsonDocument second = std::move(first);
  CHECK(second.root().find("a").as_string() == "text");
}

TEST_CASE("text that is not JSON is refused with its place") {
  using namespace std::string_view_literals;
  for (const std::string_view text : {"",
                                      " ",
                                      "nul",
                                      "True",
                                      "[1,]",
                                      "[,1]",
                                      "{\"a\":1,}",
                                      "{\"a\"}",
                                      "{a:1}",
                                      "{1:1}",
                                      "[1 2]",
                                      "01",
                                      "+1",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "-",
                                      "0x10",
                                      "NaN",
                                      "Infinity",
                                      "-Infinity",
                                      "'a'",
                                      "\"a",
                                      "[\"a]",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\t\"",
                                      "\"\\ud800\"",
                                      "\"\\udc00\"",
                                      "\"\\ud800\\u0041\"",
                                      "[",
                                      "]",
                                      "{",
                                      "[}",
                                      "{]",
                                      "[1]]",
                                      "1 1",
                                      "{}{}",
                                      "//\n1",
                                      "/**/1",
                                      "\xef\xbb\xbf{}",
                                      "\xef\xbb\xbf",
                                      "\xef\xbb",
                                      "\xfe\xff",
                                      "\"\x80\"",
                                      "\"\xc0\x80\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xf4\x90\x80\x80\"",
                                      "\"\xe2\x82\"",
                                      "1e999",
                                      "-1e999",
                                      "\x0c"
                                      "1"}) {
    static_cast<void>(bad(text));
  }
  static_cast<void>(bad("{}\0"sv));
  static_cast<void>(bad("\0{}"sv));
  static_cast<void>(bad("{}\0{}"sv));
  static_cast<void>(bad("\"a\0b\""sv));
  CHECK(bad("[1,2,x]").came().starts_with("a mistake at byte 6"));
  CHECK(bad("[1e999]").message() == "file: needed numbers that a double can hold, came 1e999");
}

TEST_CASE("an error is one line of printable text, whatever the file holds") {
  const Status status = bad("[\"\x01\x80\xff\n");
  for (const char c : status.message()) CHECK((c >= 0x20 && c < 0x7f));
}

TEST_CASE("a key twice in one object is refused, in two objects not") {
  CHECK(bad(R"({"a":1,"b":2,"a":3})").came() == "'a' twice");
  CHECK(bad(R"([{"x":{"":1,"b":2,"":3}}])").came() == "'' twice");
  CHECK(bad(R"({"a":1,"\u0061":2})").came() == "'a' twice");
  CHECK(round_trip(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})") == "{'a':{'a':{'a':1}},'b':[{'a':1},{'a':2}]}");
}

TEST_CASE("each limit holds to the unit") {
  JsonLimits limits;
  limits.max_bytes = 5;
  static_cast<void>(good("[1,2]", limits));
  static_cast<void>(bad("[1,22]", limits));

  limits = {};
  limits.max_depth = 3;
  static_cast<void>(good("[[{}]]", limits));
  static_cast<void>(bad("[[[{}]]]", limits));

  limits = {};
  limits.max_values = 4;
  static_cast<void>(good("[1,2,3]", limits));
  static_cast<void>(bad("[1,2,3,4]", limits));
  static_cast<void>(good(R"({"a":1})", limits));
  static_cast<void>(bad(R"({"a":1,"b":2})", limits));

  limits = {};
  limits.max_token_bytes = 8;
  static_cast<void>(good("\"123456\"", limits));
  static_cast<void>(bad("\"1234567\"", limits));
  static_cast<void>(good("[12345678]", limits));
  static_cast<void>(bad("[123456789]", limits));
  static_cast<void>(good("[        ]", limits));
  static_cast<void>(bad("[         ]", limits));
}

TEST_CASE("nesting a million deep costs neither stack nor time") {
  const std::string deep(1'000'000, '[');
  CHECK(bad(deep).needed() == "JSON nested at most 64 deep");
  JsonLimits limits;
  limits.max_depth = limits.max_values = 1'000'000;
  const std::string closed = deep + std::string(1'000'000, ']');
  limits.max_bytes = closed.size();
  CHECK(good(closed, limits).root().size() == 1);
}

TEST_CASE("a hundred thousand keys, alike or in order, are checked quickly") {
  JsonLimits limits;
  limits.max_bytes = 1U << 24;
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) {
    text.append(i == 0 ? "\"" : ",\"").append(40, 'x').append(std::to_string(i)).append("\":0");
  }
  CHECK(good(text + "}", limits).root().size() == 100'000);
  CHECK(bad(text + ",\"" + std::string(40, 'x') + "99999\":0}", limits).needed() == "each key of an object once");
}

TEST_CASE("a document cut short anywhere, or with any byte changed, is refused or read, and never more") {
  const std::string text = R"({"a":[1,-2.5e3,"x\u00e9\n",{"b":null}],"c":true})";
  for (std::size_t size = 0; size < text.size(); ++size) static_cast<void>(bad(text.substr(0, size)));
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[at] = static_cast<char>(byte);
      const Result<JsonDocument> document = JsonDocument::parse(changed, {}, "file");
      if (document.ok()) {
        CHECK_FALSE(written(document->root()).empty());
      } else {
        CHECK(document.status().code() == Code::kFormat);
      }
    }
  }
}
