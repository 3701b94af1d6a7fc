// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/ranges.hpp>

#include <atomic>
#include <vector>

#include "support/catch.hpp"
#include "support/workers.hpp"

using namespace moxie;

namespace {

/// Whether the ranges are [0, n) in order, none empty, and their sizes differ by one at most.
bool covers(const Cut& cut, std::size_t n) {
  std::size_t at = 0, least = n, most = 0;
  for (std::size_t i = 0; i < cut.size(); ++i) {
    if (cut[i].begin != at || cut[i].end <= at) return false;
    least = std::min(least, cut[i].size());
    most = std::max(most, cut[i].size());
    at = cut[i].end;
  }
  return at == n && (cut.size() == 0 || most - least <= 1);
}

}  // namespace

TEST_CASE("a cut covers everything once, in even ranges") {
  for (std::size_t n = 0; n < 70; ++n) {
    for (std::size_t ranges = 1; ranges < 20; ++ranges) {
      const Cut cut(n, ranges);
      CHECK(cut.size() == std::min(n, ranges));
      CHECK(covers(cut, n));
      const Cut limited = Cut::of_at_most(n, ranges);
      CHECK(covers(limited, n));
      CHECK(limited.size() == (n + ranges - 1) / ranges);
      for (std::size_t i = 0; i < limited.size(); ++i) CHECK(limited[i].size() <= ranges);
    }
  }
  CHECK(Cut(5, 0).size() == 0);
}

TEST_CASE("each range is a task, and its error is that of the lowest range") {
  test::WorkersOf of(test::host_threads(3), 0, 64);
  Workers workers = of.workers();
  std::vector<std::atomic<int>> count(100);
  const auto body = [&](Range range, Workspace&) -> Status {
    for (std::size_t i = range.begin; i < range.end; ++i) ++count[i];
    return range.begin < 50 ? Status() : Status(Code::kIo, "task", "luck", Text(range.begin));
  };
  CHECK(each_range(workers, Cut(100, 4), body).message() == "task: needed luck, came 50");
  for (const auto& c : count) CHECK(c == 1);
  CHECK(each_range(workers, Cut(0, 4), body).ok());
}
