// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "backend/weight_arena.hpp"
#include "support/catch.hpp"
#include "support/refused_allocation.hpp"

namespace {

using namespace moxie;
using backend::WeightArena;
using backend::WeightMemory;

bool all(const WeightMemory& piece, std::byte value) {
  const auto bytes = piece.as<const std::byte>();
  return std::ranges::all_of(bytes, [value](std::byte b) { return b == value; });
}

TEST_CASE("pieces of an arena are aligned, lie apart, and outlive it") {
  std::vector<WeightMemory> pieces;
  const std::size_t sizes[] = {1,         63,       64,      65,        1000,      700 << 10, 900 << 10, 3 << 20,
                               900 << 10, 40 << 20, 5 << 20, 900 << 10, 900 << 10, 70 << 20,  1};
  {
    WeightArena arena;
    for (const std::size_t size : sizes) {
      Result<WeightMemory> piece = arena.take(size, nullptr);
      REQUIRE(piece.ok());
      CHECK(piece->size() == size);
      CHECK(reinterpret_cast<std::uintptr_t>(piece->data()) % 64 == 0);
      std::fill_n(piece->data(), size, static_cast<std::byte>(pieces.size() + 1));
      pieces.push_back(*std::move(piece));
    }
  }
  for (std::size_t i = 0; i < pieces.size(); i += 2) pieces[i] = WeightMemory();  // blocks stay for those that are left
  for (std::size_t i = 1; i < pieces.size(); i += 2) CHECK(all(pieces[i], static_cast<std::byte>(i + 1)));
}

TEST_CASE("a budget is charged with the pieces of an arena, and gets back what they took") {
  const auto budget = Budget::create("test", 1000);
  WeightArena arena;
  std::optional<WeightMemory> first = arena.take(600, budget.get()).value();
  CHECK(budget->used() == 600);
  CHECK(arena.take(401, budget.get()).status().code() == Code::kBudget);
  const WeightMemory second = arena.take(400, budget.get()).value();
  CHECK(budget->used() == 1000);
  first.reset();
  CHECK(budget->used() == 400);
}

TEST_CASE("an arena that got no memory says so and serves on") {
  const auto budget = Budget::create("test", Budget::kUnlimited);
  WeightArena arena;
  for (const std::size_t size : {SIZE_MAX, SIZE_MAX / 2, std::size_t{1} << 60}) {
    CHECK(arena.take(size, budget.get()).status().code() == Code::kNoMemory);
  }
  CHECK(budget->used() == 0);
  const WeightMemory piece = arena.take(100, budget.get()).value();
  CHECK(piece.size() == 100);
}

}  // namespace
