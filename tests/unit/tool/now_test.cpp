// SPDX-License-Identifier: Apache-2.0
// Expected values by GNU date: date -u -d @SECONDS.
#include <chrono>

#include <moxie/tool/ready.hpp>

#include "support/catch.hpp"
#include "support/tools.hpp"

namespace {

using namespace moxie;
using namespace moxie::test;

std::string now_at(std::int64_t seconds, std::string_view arguments) {
  const auto clock = [seconds] { return std::chrono::system_clock::time_point(std::chrono::seconds(seconds)); };
  return answer_of(tools::now({.clock = clock}), arguments);
}

TEST_CASE("the time is told in UTC and at an offset") {
  CHECK(now_at(0, "{}") ==
        R"({"utc":"1970-01-01T00:00:00Z","local":"1970-01-01T00:00:00Z","weekday":"Thursday","unix_seconds":0})");
  CHECK(
      now_at(1709251199, R"({"utc_offset":"+01:00"})") ==
      R"({"utc":"2024-02-29T23:59:59Z","local":"2024-03-01T00:59:59+01:00","weekday":"Friday","unix_seconds":1709251199})");
  CHECK(
      now_at(951782400, R"({"utc_offset":"-03:30"})") ==
      R"({"utc":"2000-02-29T00:00:00Z","local":"2000-02-28T20:30:00-03:30","weekday":"Monday","unix_seconds":951782400})");
  CHECK(now_at(-1, "{}") ==
        R"({"utc":"1969-12-31T23:59:59Z","local":"1969-12-31T23:59:59Z","weekday":"Wednesday","unix_seconds":-1})");
  // The last second of a clock of 64 bits that counts nanoseconds.
  CHECK(
      now_at(9223372036, R"({"utc_offset":"+18:00"})") ==
      R"({"utc":"2262-04-11T23:47:16Z","local":"2262-04-12T17:47:16+18:00","weekday":"Saturday","unix_seconds":9223372036})");
}

TEST_CASE("an offset is written in the usual ways") {
  for (const std::string_view offset : {"+05:30", "+0530", "+5:30"}) {
    CHECK(now_at(0, R"({"utc_offset":")" + std::string(offset) + "\"}").find("T05:30:00+05:30") != std::string::npos);
  }
  for (const std::string_view offset : {"-5", "-05", "-05:00"}) {
    CHECK(now_at(0, R"({"utc_offset":")" + std::string(offset) + "\"}").find("T19:00:00-05:00") != std::string::npos);
  }
  for (const std::string_view offset : {"Z", "UTC", "", "+00:00", "-00:00"}) {
    CHECK(now_at(0, R"({"utc_offset":")" + std::string(offset) + "\"}").find("T00:00:00Z\",\"weekday") !=
          std::string::npos);
  }
}

TEST_CASE("an offset that is none is an error") {
  for (const std::string_view offset : {"1", "+", "+19:00", "+18:01", "+1:2:3", "+05:60", "+123", "+05300", "+05:3",
                                        "Europe/Oslo", "\u221205:00", "+:30"}) {
    INFO(offset);
    CHECK(now_at(0, R"({"utc_offset":")" + std::string(offset) + "\"}")
              .starts_with("<failed: now: needed utc_offset as +hh:mm or -hh:mm, up to 18 hours, came '"));
  }
}

TEST_CASE("a clock that throws is an error") {
  const auto broken = []() -> std::chrono::system_clock::time_point { throw 7; };
  CHECK(call_tool(tools::now({.clock = broken}), "").status.code() == Code::kHostException);
}

TEST_CASE("without a clock of the host's it is the system's") {
  const auto before =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  const std::string text = answer_of(tools::now(), "");
  const std::string key = "\"unix_seconds\":";
  const auto told = std::stoll(text.substr(text.find(key) + key.size()));
  CHECK(told >= before.count());
  CHECK(told <= before.count() + 60);
}

}  // namespace
