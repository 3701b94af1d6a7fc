// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <stop_token>
#include <thread>

#include "support/catch.hpp"
#include "support/tools.hpp"

namespace {

using namespace moxie;
using namespace moxie::test;
using namespace std::chrono_literals;

struct Counted {  // a toolbox with one tool that counts its calls
  int calls = 0;
  Toolbox toolbox;
  Counted() {
    REQUIRE(toolbox.add(tool("count", "", [this] { return ++calls; })).ok());
  }
};

TEST_CASE("nothing may be called that was not granted") {
  Counted c;
  const ToolOutcome denied = c.toolbox.call("count", "{}");
  CHECK(denied.verdict == ToolVerdict::kNotGranted);
  CHECK(denied.status.code() == Code::kPrecondition);
  CHECK(denied.text == R"({"error":"Toolbox::call: needed a grant for count, came none"})");
  CHECK(c.calls == 0);
  CHECK(!c.toolbox.granted("count"));

  REQUIRE(c.toolbox.grant("count").ok());
  CHECK(c.toolbox.granted("count"));
  CHECK(c.toolbox.call("count", "{}").text == "1");
  REQUIRE(c.toolbox.revoke("count").ok());
  CHECK(c.toolbox.call("count", "{}").verdict == ToolVerdict::kNotGranted);
  CHECK(c.calls == 1);
}

TEST_CASE("a tool that is not there is an error that names those that are") {
  Counted c;
  CHECK(c.toolbox.grant("cuont").message() == "Toolbox::grant: needed one of count, came 'cuont'");
  CHECK(c.toolbox.grant("cuont").code() == Code::kNotFound);
  CHECK(c.toolbox.revoke("").message() == "Toolbox::revoke: needed one of count, came ''");
  // The model hears of granted ones alone.
  CHECK(c.toolbox.call("cuont", "{}").text ==
        R"({"error":"Toolbox::call: needed a tool, of which there is none, came 'cuont'"})");
  REQUIRE(c.toolbox.grant("count").ok());
  const ToolOutcome unknown = c.toolbox.call("cuont", "{}");
  CHECK(unknown.verdict == ToolVerdict::kUnknownTool);
  CHECK(unknown.status.message() == "Toolbox::call: needed one of count, came 'cuont'");
  CHECK(c.toolbox.call(std::string(1U << 20U, '\xff'), "{}").verdict == ToolVerdict::kUnknownTool);
  CHECK(c.toolbox.call("", "{}").verdict == ToolVerdict::kUnknownTool);
  CHECK(c.calls == 0);
}

TEST_CASE("a name belongs to one tool") {
  Counted c;
  const Status twice = c.toolbox.add(tool("count", "Another", [] { return 0; }));
  CHECK(twice.code() == Code::kInvalidArgument);
  CHECK(twice.message() == "Toolbox::add: needed a tool of another name, came count");
  REQUIRE(c.toolbox.grant("count").ok());
  CHECK(c.toolbox.call("count", "{}").text == "1");
}

TEST_CASE("without time, and after a stop, nothing is run") {
  Counted c;
  REQUIRE(c.toolbox.grant("count").ok());
  for (const auto time : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
    const ToolOutcome outcome = c.toolbox.call("count", "{}", {.time = time});
    CHECK(outcome.verdict == ToolVerdict::kNotRun);
    CHECK(outcome.status.code() == Code::kDeadline);
  }
  std::stop_source source;
  source.request_stop();
  const ToolOutcome outcome = c.toolbox.call("count", "{}", {.stop = source.get_token()});
  CHECK(outcome.verdict == ToolVerdict::kNotRun);
  CHECK(outcome.status.code() == Code::kCancelled);
  CHECK(c.calls == 0);
  CHECK(c.toolbox.call("count", "{}", {.time = std::chrono::nanoseconds::max()}).text == "1");
}

TEST_CASE("a tool that takes a control ends at its deadline") {
  const auto waits = tool("wait", "", [](const ToolControl& control) -> Status {
    while (true) {
      MOXIE_TRY(control.check("wait"));
      std::this_thread::yield();
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  const ToolOutcome outcome = call_tool(waits, "", {.time = 5ms});
  CHECK(outcome.verdict == ToolVerdict::kLate);
  CHECK(outcome.status.code() == Code::kDeadline);
  CHECK(std::chrono::steady_clock::now() - begin >= 5ms);
}

TEST_CASE("a stop reaches a tool that runs") {
  std::stop_source source;
  const auto stops = tool("stop", "", [&source](const ToolControl& control) -> Status {
    source.request_stop();  // as another thread of the host would
    return control.check("stop");
  });
  const ToolOutcome outcome = call_tool(stops, "", {.stop = source.get_token()});
  CHECK(outcome.verdict == ToolVerdict::kLate);
  CHECK(outcome.status.code() == Code::kCancelled);
}

TEST_CASE("what a tool answers too late is refused and recorded") {
  Toolbox toolbox;
  REQUIRE(toolbox
              .add(tool("slow", "",
                        [] {
                          std::this_thread::sleep_for(3ms);
                          return std::string("too late");
                        }))
              .ok());
  REQUIRE(toolbox.grant("slow").ok());
  const ToolOutcome outcome = toolbox.call("slow", "", {.time = 1ms});
  CHECK(outcome.verdict == ToolVerdict::kLate);
  CHECK(outcome.text.find("too late") == std::string::npos);
  const auto records = toolbox.records().value();
  REQUIRE(records.size() == 1);
  CHECK(records[0].verdict == ToolVerdict::kLate);
  CHECK(records[0].answer == "too late");
  CHECK(records[0].duration >= 3ms);
}

}  // namespace
