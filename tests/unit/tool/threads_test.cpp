// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/tools.hpp"

namespace {

using namespace moxie;
using namespace moxie::test;

TEST_CASE("calls from many threads run at once and are all recorded") {
  constexpr int kThreads = 4;
  constexpr int kCalls = 200;
  Toolbox toolbox({.max_record_bytes = 256U << 20U});
  std::atomic<int> calls = 0;
  REQUIRE(toolbox
              .add(tool("add", "",
                        [&calls](Arg<"x", int> x) {
                          ++calls;
                          return *x + 1;
                        }))
              .ok());
  REQUIRE(toolbox.grant("add").ok());
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        const int x = t * kCalls + i;
        const ToolOutcome outcome = toolbox.call("add", R"({"x":)" + std::to_string(x) + "}");
        if (outcome.text != std::to_string(x + 1)) ++wrong;
        if (i % 50 == 0 && !toolbox.schemas().ok()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(calls == kThreads * kCalls);
  const auto records = toolbox.records().value();
  REQUIRE(records.size() == kThreads * kCalls);
  for (std::size_t i = 0; i < records.size(); ++i) REQUIRE(records[i].number == i);
}

}  // namespace
