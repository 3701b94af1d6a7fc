// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "kernel/plan.hpp"
#include "support/catch.hpp"

using moxie::KvRoom;
using moxie::pages_for;
using moxie::kernel::Clock;
using moxie::kernel::Demand;
using moxie::kernel::Outcome;
using moxie::kernel::Planned;
using moxie::kernel::Room;
using moxie::kernel::Turn;

namespace {

using Rows = std::vector<std::size_t>;
using Turns = std::vector<Turn>;
constexpr Clock::time_point kNow{std::chrono::seconds(100)};

struct Answer {
  Outcome outcome;
  Rows rows;
  Turns turns;
};

Answer ask(const std::vector<Demand>& demands, const Room& room) {
  std::vector<Planned> planned(demands.size(), Planned{.turn = Turn::kFails, .granted = 99, .rows = 99});
  Answer answer{.outcome = moxie::kernel::plan(demands, room, kNow, planned), .rows = {}, .turns = {}};
  for (const Planned& p : planned) {
    answer.rows.push_back(p.rows);
    answer.turns.push_back(p.turn);
  }
  return answer;
}

Rows planned(const std::vector<Demand>& demands, std::size_t rows, std::size_t first_turn = 0) {
  return ask(demands, {.rows = rows, .bytes = UINT64_MAX, .first_turn = first_turn}).rows;
}

constexpr std::size_t kPage = 1000;  // bytes; tables cost nothing here

/// `held` positions in whole pages, and a table that is large enough.
KvRoom in_pages(std::size_t held, std::size_t pages) {
  return {.held = held, .pages = pages, .table_pages = 1u << 20, .page_bytes = kPage};
}
Demand wants(std::size_t left, std::size_t held) {
  return {.left = left,
          .max_rows = 1000,
          .kv = in_pages(held, pages_for(held)),
          .alone_pages = pages_for(held),
          .gives_back = true};
}

}  // namespace

TEST_CASE("a step takes single tokens first and then pieces of prompts, both in order") {
  CHECK(planned({{.left = 200, .max_rows = 200}, {.left = 1, .max_rows = 1}}, 8) == Rows{7, 1});
  CHECK(planned({{5, 5}, {1, 9}, {7, 7}, {1, 1}}, 8) == Rows{5, 1, 1, 1});
  CHECK(planned({{1, 1}, {1, 1}, {1, 1}}, 2) == Rows{1, 1, 0});
  CHECK(planned({{1, 1}, {9, 9}, {1, 1}}, 2) == Rows{1, 0, 1});
}

TEST_CASE("turns begin where they are told to") {
  CHECK(planned({{1, 1}, {1, 1}, {1, 1}}, 2, 1) == Rows{0, 1, 1});
  CHECK(planned({{1, 1}, {1, 1}, {1, 1}}, 2, 2) == Rows{1, 0, 1});
  CHECK(planned({{9, 9}, {1, 1}, {9, 9}}, 8, 2) == Rows{0, 1, 7});
}

TEST_CASE("a step never takes more than there is room for, is left, or is wanted at once") {
  CHECK(planned({{100, 3}, {100, 100}}, 10) == Rows{3, 7});
  CHECK(planned({{0, 10}, {4, 10}}, 10) == Rows{0, 4});
  CHECK(planned({}, 10).empty());
}

TEST_CASE("deadlines are judged by the clock that is handed over") {
  std::vector<Demand> demands = {wants(5, 0), wants(5, 0), wants(0, 5)};
  demands[0].deadline = kNow;
  demands[1].deadline = kNow + std::chrono::nanoseconds(1);
  demands[2].deadline = kNow;
  const Answer answer = ask(demands, {.rows = 100, .bytes = kPage});
  CHECK(answer.turns == Turns{Turn::kLate, Turn::kRuns, Turn::kNone});
  CHECK(answer.rows == Rows{0, 5, 0});
}

TEST_CASE("memory goes to the oldest first, and behind one that waits nobody takes any") {
  // The first has room in its page, the second needs two pages, the third one.
  const Answer answer = ask({wants(1, 31), wants(40, 0), wants(1, 32), wants(9, 30)}, {.rows = 100, .bytes = kPage});
  CHECK(answer.rows == Rows{1, 0, 0, 2});  // the last one runs to the end of its page
  CHECK(answer.turns == Turns{Turn::kRuns, Turn::kWaits, Turn::kWaits, Turn::kRuns});
  CHECK(answer.outcome.waits);
  CHECK_FALSE(answer.outcome.victim);
  CHECK(ask({wants(1, 31), wants(40, 0), wants(1, 32)}, {.rows = 100, .bytes = 4 * kPage}).rows == Rows{1, 40, 1});
}

TEST_CASE("the oldest runs in pieces where there is too little, the others as a whole or not at all") {
  CHECK(ask({wants(100, 0), wants(1, 32)}, {.rows = 200, .bytes = 2 * kPage, .idle_bytes = 9 * kPage}).rows ==
        Rows{64, 0});
  CHECK(ask({wants(1, 0), wants(100, 0)}, {.rows = 200, .bytes = 3 * kPage, .idle_bytes = 9 * kPage}).rows ==
        Rows{1, 0});
}

TEST_CASE("who begins leaves a page to each older one that runs") {
  CHECK(ask({wants(1, 5), wants(32, 0)}, {.rows = 200, .bytes = kPage}).rows == Rows{1, 0});
  CHECK(ask({wants(1, 5), wants(32, 0)}, {.rows = 200, .bytes = 2 * kPage}).rows == Rows{1, 32});
  CHECK(ask({wants(1, 5), wants(32, 32)}, {.rows = 200, .bytes = kPage}).rows == Rows{1, 32});  // it has begun
}

TEST_CASE("what a request takes besides pages is planned with them") {
  std::vector<Demand> demands = {wants(1, 5), wants(20, 0)};
  demands[1].besides = 10;
  CHECK(ask(demands, {.rows = 200, .bytes = 2 * kPage + 9}).rows == Rows{1, 0});
  CHECK(ask(demands, {.rows = 200, .bytes = 2 * kPage + 10}).rows == Rows{1, 20});
  demands = {wants(40, 0)};
  demands[0].besides = 10;
  CHECK(ask(demands, {.rows = 200, .bytes = 2 * kPage + 9, .idle_bytes = 1}).rows == Rows{32});
  CHECK(ask(demands, {.rows = 200, .bytes = 9, .idle_bytes = 9 * kPage}).turns == Turns{Turn::kWaits});
  CHECK(ask(demands, {.rows = 200, .bytes = 2 * kPage + 9}).turns == Turns{Turn::kFails});
}

TEST_CASE("where nothing can run the youngest gives its pages back, one with pages of its own if there is one") {
  std::vector<Demand> demands = {wants(1, 32), wants(1, 64), wants(1, 32), wants(40, 0)};
  const Room room{.rows = 100, .bytes = kPage - 1};
  Answer answer = ask(demands, room);
  CHECK(answer.outcome.rows == 0);
  CHECK(answer.outcome.victim == 2);
  demands[2].alone_pages = 0;
  CHECK(ask(demands, room).outcome.victim == 1);
  demands[1].alone_pages = 0;
  CHECK(ask(demands, room).outcome.victim == 2);
  demands[1].kv = demands[2].kv = in_pages(0, 0);
  answer = ask(demands, room);  // nobody has any, and the oldest gets none
  CHECK_FALSE(answer.outcome.victim);
  CHECK(answer.turns[0] == Turn::kFails);
}

TEST_CASE("one whose pages may not be taken fails instead, the youngest that waits") {
  std::vector<Demand> demands = {wants(1, 32), wants(1, 64), wants(0, 64)};
  for (Demand& demand : demands) demand.gives_back = false;
  const Answer answer = ask(demands, {.rows = 100, .bytes = kPage - 1});
  CHECK_FALSE(answer.outcome.victim);
  CHECK(answer.turns == Turns{Turn::kWaits, Turn::kFails, Turn::kNone});
}

TEST_CASE("what all memory together would not hold fails at once") {
  // Three pages are to be had: one is free, one idle, one another's.
  const Room room{.rows = 100, .bytes = kPage, .idle_bytes = kPage};
  CHECK(ask({wants(1, 5), wants(96, 0)}, room).turns == Turns{Turn::kRuns, Turn::kWaits});
  CHECK(ask({wants(1, 5), wants(97, 0)}, room).turns == Turns{Turn::kRuns, Turn::kFails});
  CHECK(ask({wants(97, 0), wants(1, 5)}, room).turns == Turns{Turn::kFails, Turn::kRuns});
  CHECK(ask({{.left = SIZE_MAX / 2, .max_rows = 1, .kv = {.page_bytes = UINT64_MAX}}}, room).turns ==
        Turns{Turn::kFails});
}

namespace {

/// Requests over pages that are counted in the plainest way: a page is an object, and who holds it is its count.
struct Simulated {
  std::size_t total = 0;    // positions that it wants in the end
  std::size_t pending = 0;  // tokens that it has and are not computed
  std::size_t size = 0;     // positions whose tokens are known
  std::size_t held = 0;     // of them, those whose keys and values are there
  std::vector<std::shared_ptr<int>> pages = {};
  bool over = false;
  bool failed = false;

  std::size_t left() const { return over ? 0 : size - held + pending; }
  bool shares_tail() const { return held % 32 != 0 && pages[held / 32].use_count() > 1; }
  std::size_t new_pages(std::size_t rows) const {
    if (rows == 0) return 0;
    const std::size_t wanted = (held + rows + 31) / 32;
    return (shares_tail() ? 1u : 0u) + (wanted > pages.size() ? wanted - pages.size() : 0u);
  }
  void run(std::size_t rows) {
    if (shares_tail()) pages[held / 32] = std::make_shared<int>();
    while (pages.size() * 32 < held + rows) pages.push_back(std::make_shared<int>());
    const std::size_t again = std::min(rows, size - held);
    held += rows;
    size += rows - again;
    pending -= rows - again;
    if (pending == 0 && size < total) pending = 1;  // an answer, token by token
    if (pending == 0) end();
  }
  void end() {
    over = true;
    pages.clear();
    held = 0;
  }
  void give_back() {
    std::size_t keep = 0;
    while (keep < pages.size() && pages[keep].use_count() > 1) ++keep;
    if (keep == pages.size()) keep = 0;
    pages.resize(keep);
    held = std::min(held, 32 * keep);
  }
};

std::size_t pages_in_use(const std::vector<Simulated>& all) {
  std::set<const int*> pages;
  for (const Simulated& one : all) {
    for (const auto& page : one.pages) pages.insert(page.get());
  }
  return pages.size();
}

}  // namespace

TEST_CASE("whatever comes, each step computes rows or fails somebody, and all who fit alone end") {
  std::size_t given_back = 0, failed = 0, shared = 0, ran_again = 0;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
    const std::size_t limit = 2 + below(12);  // pages
    const Room step{.rows = 1 + below(80)};
    std::vector<Simulated> all(1 + below(9));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::size_t prompt = 1 + below(32 * limit / 2);
      all[i].pending = prompt;
      all[i].total = prompt + below(100);
    }
    // A prompt is there, and others go on from it.
    const std::size_t root = below(32 * limit / 2);
    if (root != 0 && seed % 2 == 0) {
      std::vector<std::shared_ptr<int>> pages(pages_for(root));
      for (auto& page : pages) page = std::make_shared<int>();
      for (Simulated& one : all) {
        if (below(2) == 0) continue;
        ++shared;
        one.pages = pages;
        one.size = one.held = root;
        one.total += root;
      }
    }
    INFO("seed " << seed);
    std::size_t rows_of_all = 0;
    for (const Simulated& one : all) rows_of_all += one.total;
    for (std::size_t n_steps = 0; std::ranges::any_of(all, [](const auto& one) { return !one.over; }); ++n_steps) {
      if (n_steps > 50 * rows_of_all) FAIL("no end");
      std::vector<Planned> planned(all.size());
      Outcome outcome;
      for (std::size_t round = 0;; ++round) {
        if (round > 1000) FAIL("no end of giving back");
        std::vector<Demand> demands;
        for (const Simulated& one : all) {
          const auto alone = std::ranges::count_if(one.pages, [](const auto& page) { return page.use_count() == 1; });
          demands.push_back({.left = one.left(),
                             .max_rows = 1000,
                             .kv = {.held = one.held,
                                    .pages = one.pages.size(),
                                    .table_pages = 1u << 20,
                                    .copies_tail = one.shares_tail(),
                                    .page_bytes = kPage},
                             .alone_pages = static_cast<std::size_t>(alone),
                             .gives_back = true});
        }
        const std::size_t used = pages_in_use(all);
        Room room = step;
        room.bytes = (limit - used) * kPage;
        room.first_turn = n_steps % all.size();
        outcome = moxie::kernel::plan(demands, room, kNow, planned);
        if (outcome.rows == 0 && outcome.waits) {  // then really nobody could
          for (const Simulated& one : all) {
            if (one.left() != 0 && used + one.new_pages(1) <= limit) FAIL("one could run");
          }
        }
        if (!outcome.victim) break;
        ++given_back;
        if (all[*outcome.victim].pages.empty()) FAIL("nothing to give");
        all[*outcome.victim].give_back();
      }
      std::size_t ended = 0, rows = 0;
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (planned[i].turn == Turn::kFails) {
          if (pages_for(all[i].total) <= limit) FAIL("one that fits alone fails");
          all[i].failed = true;
          all[i].end();
          ++ended;
          ++failed;
        } else if (planned[i].rows != 0) {
          if (planned[i].rows > all[i].left()) FAIL("more rows than are left");
          ran_again += std::min(planned[i].rows, all[i].size - all[i].held);
          rows += planned[i].rows;
          all[i].run(planned[i].rows);
        }
      }
      if (rows > step.rows || rows != outcome.rows) FAIL("rows " << rows);
      if (rows + ended == 0) FAIL("a step without progress");
      if (pages_in_use(all) > limit) FAIL("overrun");
    }
    for (const Simulated& one : all) {
      if (one.failed == (pages_for(one.total) <= limit)) FAIL("failed: " << one.failed);
    }
  }
  CHECK(given_back > 300);
  CHECK(failed > 30);
  CHECK(shared > 200);
  CHECK(ran_again > 10'000);
}
