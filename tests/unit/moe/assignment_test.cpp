// SPDX-License-Identifier: Apache-2.0
#include <moxie/moe/assignment.hpp>

#include <limits>
#include <string>
#include <vector>

#include <moxie/core/philox.hpp>
#include <moxie/testing/guarded_memory.hpp>

#include "support/catch.hpp"

using namespace moxie;
using List = std::vector<std::size_t>;

namespace {

List list(std::span<const std::size_t> numbers) { return {numbers.begin(), numbers.end()}; }

// A decision, and the assignment made of it in scratch of exactly the size that was announced.
struct Case {
  Case(std::size_t T_in, std::size_t K_in, std::vector<std::int32_t> ids_in, std::vector<float> weights_in = {})
      : T(T_in), K(K_in), ids(std::move(ids_in)), weights(std::move(weights_in)) {
    if (weights.empty()) {
      for (const std::int32_t id : ids) weights.push_back(id == kNoExpert ? 0.0f : 1.0f);
    }
  }

  Result<Assignment> make(std::size_t N, std::size_t block_rows) {
    scratch = std::make_unique<testing::GuardedScratch>(Assignment::scratch_bytes(T, N, K));
    return Assignment::create("test", {IdRows(ids.data(), T, K), Rows(weights.data(), T, K)}, N, block_rows,
                              scratch->workspace());
  }
  std::string error(std::size_t N) { return std::string(make(N, 4).status().message()); }

  std::size_t T, K;
  std::vector<std::int32_t> ids;
  std::vector<float> weights;
  std::unique_ptr<testing::GuardedScratch> scratch;
};

}  // namespace

TEST_CASE("the example of the documentation") {
  Case c(2, 2, {2, 0, 2, 1}, {0.1f, 0.2f, 0.3f, 0.4f});
  const Assignment a = c.make(3, 64).value();
  CHECK(a.num_pairs() == 4);
  CHECK(a.num_tasks() == 3);
  CHECK(list(a.rows_of(a.block(0))) == List{0});
  CHECK(list(a.rows_of(a.block(1))) == List{1});
  CHECK(list(a.rows_of(a.block(2))) == List{0, 1});
  CHECK(list(a.pairs_of(0)) == List{0, 2});
  CHECK(list(a.pairs_of(1)) == List{1, 3});
  CHECK(a.weight(0) == 0.2f);
  CHECK(a.weight(1) == 0.4f);
  CHECK(a.weight(2) == 0.1f);
  CHECK(a.weight(3) == 0.3f);
}

TEST_CASE("blocks cut an expert's rows, and experts without rows have none") {
  Case c(7, 1, {3, 3, 1, 3, 3, 3, 1});
  const Assignment a = c.make(6, 2).value();
  REQUIRE(a.num_tasks() == 4);
  const std::size_t experts[] = {1, 3, 3, 3};
  const List rows[] = {{2, 6}, {0}, {1, 3}, {4, 5}};
  for (std::size_t task = 0; task < 4; ++task) {
    CHECK(a.block(task).expert == experts[task]);
    CHECK(list(a.rows_of(a.block(task))) == rows[task]);
  }
}

TEST_CASE("rows that chose nobody, or fewer than K, have fewer pairs") {
  Case c(3, 3, {kNoExpert, kNoExpert, kNoExpert, 4, 0, kNoExpert, 2, kNoExpert, kNoExpert});
  const Assignment a = c.make(5, 64).value();
  CHECK(a.num_pairs() == 3);
  CHECK(list(a.pairs_of(0)).empty());
  CHECK(list(a.pairs_of(1)) == List{0, 2});
  CHECK(list(a.pairs_of(2)) == List{1});
}

TEST_CASE("no rows have no tasks") {
  Case none(0, 2, {});
  const Assignment a = none.make(4, 8).value();
  CHECK(a.num_pairs() == 0);
  CHECK(a.num_tasks() == 0);
}

TEST_CASE("every pair is found once, from both sides, for random decisions") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Philox random(seed);
    const std::size_t N = 1 + seed * 3, K = 1 + seed % N, T = 1 + 5 * seed;
    const std::size_t block_rows = 1 + seed % 7;
    std::vector<std::int32_t> ids;
    for (std::size_t t = 0; t < T; ++t) {  // a random start and an odd step visit different experts
      const auto words = random.block(t);
      const std::size_t used = words[0] % (K + 1);
      for (std::size_t k = 0; k < K; ++k) {
        ids.push_back(k < used ? static_cast<std::int32_t>((words[1] % N + k) % N) : kNoExpert);
      }
    }
    Case c(T, K, ids);
    const Assignment a = c.make(N, block_rows).value();
    INFO("seed " << seed);
    CHECK(c.scratch->is_intact());

    std::vector<List> rows_of_expert(N), by_task(N);
    std::vector<List> experts_of_row(T);
    for (std::size_t e = 0; e < N; ++e) {
      for (std::size_t t = 0; t < T; ++t) {
        for (std::size_t k = 0; k < K; ++k) {
          if (ids[t * K + k] == static_cast<std::int32_t>(e))
            rows_of_expert[e].push_back(t), experts_of_row[t].push_back(e);
        }
      }
    }
    List expert_of_pair;
    for (std::size_t task = 0; task < a.num_tasks(); ++task) {
      const Assignment::Block block = a.block(task);
      CHECK(block.begin == expert_of_pair.size());
      CHECK((block.count >= 1 && block.count <= block_rows));
      for (const std::size_t row : a.rows_of(block)) by_task[block.expert].push_back(row);
      expert_of_pair.resize(block.begin + block.count, block.expert);
    }
    CHECK(by_task == rows_of_expert);
    for (std::size_t t = 0; t < T; ++t) {
      List experts;
      for (const std::size_t pair : a.pairs_of(t)) experts.push_back(expert_of_pair[pair]);
      CHECK(experts == experts_of_row[t]);  // ascending, by construction of the right side
    }
  }
}

TEST_CASE("what is no decision is refused with its pair") {
  CHECK(Case(1, 2, {0, 3}).error(3) ==
        "test: needed an expert in [0, 3) or kNoExpert from the router at row 0, slot 1, came 3");
  CHECK(Case(2, 1, {0, -2}).error(3) ==
        "test: needed an expert in [0, 3) or kNoExpert from the router at row 1, slot 0, came -2");
  CHECK(Case(1, 3, {1, 0, 1}).error(3) ==
        "test: needed different experts from the router at row 0, slot 2, came expert 1 again");
  CHECK(Case(1, 2, {kNoExpert, 1}).error(3) ==
        "test: needed kNoExpert after kNoExpert from the router at row 0, slot 1, came expert 1");
  CHECK(Case(1, 1, {kNoExpert}, {0.5f}).error(3) ==
        "test: needed weight 0 in an unused slot from the router at row 0, slot 0, came 0.5");
  constexpr float kInf = std::numeric_limits<float>::infinity();
  CHECK(Case(1, 1, {1}, {-kInf}).error(3) ==
        "test: needed a finite weight from the router at row 0, slot 0, came -inf");
  CHECK(Case(1, 1, {1}, {std::numeric_limits<float>::quiet_NaN()}).error(3) ==
        "test: needed a finite weight from the router at row 0, slot 0, came nan");
  CHECK(Case(1, 1, {std::numeric_limits<std::int32_t>::max()}).make(3, 1).status().code() == Code::kInvalidArgument);
}

TEST_CASE("the same expert in two rows is no duplicate") {
  CHECK(Case(3, 1, {1, 1, 1}).make(2, 1).ok());
  CHECK(Case(2, 2, {0, 1, 1, 0}).make(2, 1).ok());
}
