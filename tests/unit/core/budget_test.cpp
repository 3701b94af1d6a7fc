// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/budget.hpp>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace moxie;

TEST_CASE("a budget gives to the last unit and not one more") {
  const auto budget = Budget::create("pages", 10);
  Charge first = budget->charge(7).value();
  CHECK(budget->used() == 7);
  CHECK(budget->left() == 3);
  const Status refused = budget->charge(4).status();
  CHECK(refused.code() == Code::kBudget);
  CHECK(refused.message() == "pages: needed 4 units, came 3 left of 10");
  const auto bytes = Budget::create("memory", 10, nullptr, "bytes");
  CHECK(bytes->take(11).message() == "memory: needed 11 bytes, came 10 left of 10");
  CHECK(budget->used() == 7);
  Charge second = budget->charge(3).value();
  CHECK(budget->left() == 0);
  CHECK(budget->charge(0).ok());
}

TEST_CASE("no charge overflows a budget") {
  const auto budget = Budget::create("all", Budget::kUnlimited);
  const Charge some = budget->charge(5).value();
  CHECK(budget->charge(Budget::kUnlimited).status().code() == Code::kBudget);
  CHECK(budget->charge(Budget::kUnlimited - 5).ok());
}

TEST_CASE("a charge gives back when it goes, and once") {
  const auto budget = Budget::create("pages", 10);
  {
    Charge a = budget->charge(4).value();
    Charge b = std::move(a);
    CHECK(budget->used() == 4);
    CHECK(b.units() == 4);
    CHECK(a.units() == 0);  // NOLINT(bugprone-use-after-move)
    b = budget->charge(6).value();
    CHECK(budget->used() == 6);
  }
  CHECK(budget->used() == 0);
}

TEST_CASE("a charge keeps its budget alive") {
  Charge charge;
  {
    const auto budget = Budget::create("short", 10);
    charge = budget->charge(1).value();
  }
  CHECK(charge.units() == 1);
}

TEST_CASE("a charge is taken from both accounts or from neither") {
  const auto pool = Budget::create("pool", 10);
  const auto mine = Budget::create("mine", 8, pool);
  const auto yours = Budget::create("yours", 8, pool);
  const Charge a = mine->charge(6).value();
  const Status refused = yours->charge(5).status();
  CHECK(refused.code() == Code::kBudget);
  CHECK(refused.where() == "pool");
  CHECK(yours->used() == 0);
  CHECK(pool->used() == 6);
  CHECK(yours->charge(4).ok());
  CHECK(mine->charge(3).status().where() == "mine");
  CHECK(pool->used() == 6);
}

TEST_CASE("threads together never overrun a limit, and all is given back") {
  const auto pool = Budget::create("pool", 1000);
  const auto inner = Budget::create("inner", 900, pool);
  std::atomic<bool> overrun{false};
  std::atomic<int> refused{0};
  {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        std::vector<Charge> kept;
        for (int i = 0; i < 2000; ++i) {
          if (auto charge = inner->charge(7); charge.ok()) {
            kept.push_back(*std::move(charge));
          } else {
            ++refused;
            kept.clear();
          }
          if (inner->used() > 900 || pool->used() > 1000) overrun = true;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK_FALSE(overrun);
  CHECK(refused > 0);
  CHECK(inner->used() == 0);
  CHECK(pool->used() == 0);
}
