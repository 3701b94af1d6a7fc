// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include <moxie/core/json_string.hpp>

#include "support/catch.hpp"

namespace {

using namespace moxie;
using namespace std::string_view_literals;

std::string written(std::string_view text) {
  std::string out;
  json::write_string(text, [&out](std::string_view part) { out += part; });
  return out;
}

// What Python's json.dumps writes, first with ensure_ascii=False, then without it.
TEST_CASE("a string of JSON is written as Python writes it") {
  CHECK(written("") == R"("")");
  CHECK(written("plain") == R"("plain")");
  CHECK(written("\"a\\b/\"") == R"("\"a\\b/\"")");
  CHECK(written("\n\r\t\f\b") == R"("\n\r\t\f\b")");
  CHECK(written("\0\x01\x0b\x1f\x7f"sv) == "\"\\u0000\\u0001\\u000b\\u001f\x7f\"");
  CHECK(written("caf\xc3\xa9 \xf0\x9f\x98\x80\xff") == "\"caf\xc3\xa9 \xf0\x9f\x98\x80\xff\"");
}

TEST_CASE("the escape of a character is empty where it stands for itself") {
  CHECK(json::Escape('a').view().empty());
  CHECK(json::Escape(0x7f).view().empty());
  CHECK(json::Escape(0xe9).view().empty());
  CHECK(json::Escape(0x7f, true).view() == R"(\u007f)");
  CHECK(json::Escape('\n', true).view() == R"(\n)");
  CHECK(json::Escape(0xe9, true).view() == R"(\u00e9)");
  CHECK(json::Escape(0xffff, true).view() == R"(\uffff)");
  CHECK(json::Escape(0x1f600, true).view() == R"(\ud83d\ude00)");
  CHECK(json::Escape(0x10ffff, true).view() == R"(\udbff\udfff)");
  CHECK(json::Escape(0x1100ff, true).view().empty());  // a stray byte of a text
}

static_assert(json::Escape('"').view() == "\\\"");

}  // namespace
