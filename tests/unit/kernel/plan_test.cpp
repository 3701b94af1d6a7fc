// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "kernel/plan.hpp"
#include "support/catch.hpp"

using moxie::kernel::Demand;

namespace {

std::vector<std::size_t> planned(const std::vector<Demand>& demands, std::size_t room) {
  std::vector<std::size_t> rows(demands.size(), 99);
  moxie::kernel::plan(demands, room, rows);
  return rows;
}

using Rows = std::vector<std::size_t>;

}  // namespace

TEST_CASE("a step takes single tokens first and then pieces of prompts, both in order") {
  CHECK(planned({{.left = 200, .max_rows = 200}, {.left = 1, .max_rows = 1}}, 8) == Rows{7, 1});
  CHECK(planned({{5, 5}, {1, 9}, {7, 7}, {1, 1}}, 8) == Rows{5, 1, 1, 1});
  CHECK(planned({{1, 1}, {1, 1}, {1, 1}}, 2) == Rows{1, 1, 0});
  CHECK(planned({{1, 1}, {9, 9}, {1, 1}}, 2) == Rows{1, 0, 1});
}

TEST_CASE("a step never takes more than there is room for, is left, or is wanted at once") {
  CHECK(planned({{100, 3}, {100, 100}}, 10) == Rows{3, 7});
  CHECK(planned({{0, 10}, {4, 10}}, 10) == Rows{0, 4});
  CHECK(planned({{4, 4}}, 0) == Rows{0});
  CHECK(planned({}, 10).empty());
}
