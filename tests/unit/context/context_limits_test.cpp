// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <moxie/context/context.hpp>

#include "context/access.hpp"
#include "support/catch.hpp"
#include "unit/context/bench.hpp"
#include "unit/context/stamps.hpp"

using namespace moxie;
using namespace moxie::testing;

TEST_CASE("the bytes of a context are its pages and its table, and all are charged") {
  const Bench bench;
  {
    Context context = bench.context();
    REQUIRE(append_stamps(context, 40, 0).ok());
    const ContextUsage usage = context.usage();
    CHECK(usage.positions == 40);
    CHECK(usage.pages == 2);
    CHECK(usage.shared_pages == 0);
    CHECK(usage.reserved_pages == 0);
    CHECK(usage.table_bytes == 2 * kTableBytesOfPage);
    CHECK(usage.bytes == 2 * bench.pool->page_bytes() + usage.table_bytes);
    CHECK(usage.owned_bytes == usage.bytes);
    CHECK(bench.budget->used() == usage.bytes);
    CHECK(Context::bytes_for(*bench.pool, 40) == usage.bytes);
  }
  CHECK(bench.budget->used() == 0);
  CHECK(bench.pool->usage().peak_pages == 2);
}

TEST_CASE("bytes_for does not overflow") {
  const auto pool = KvPool::create({.layers = 1u << 30, .kv_heads = 1u << 20, .key_width = 1, .value_width = 1},
                                   Budget::create("kv", 1))
                        .value();
  CHECK(Context::bytes_for(*pool, 0) == 0);
  CHECK(Context::bytes_for(*pool, ~std::size_t{0}) == ~std::uint64_t{0});
}

TEST_CASE("more tokens than prepared are refused and what was prepared stays") {
  const Bench bench;
  Context context = bench.context();
  REQUIRE(ContextAccess::prepare(context, 2).ok());
  const std::vector<TokenId> tokens{1, 2, 3};
  CHECK(ContextAccess::commit(context, tokens).code() == Code::kInvalidArgument);
  CHECK(ContextAccess::prepared(context) == 2);
  CHECK(ContextAccess::commit(context, std::span(tokens).first(2)).ok());
  CHECK(context.size() == 2);
}

TEST_CASE("between prepare and commit nothing else is allowed") {
  const Bench bench;
  Context context = bench.context();
  REQUIRE(append_stamps(context, 3, 0).ok());
  CHECK(ContextAccess::commit(context, {}).code() == Code::kPrecondition);
  REQUIRE(ContextAccess::prepare(context, 0).ok());  // nothing, and yet prepared
  CHECK(context.fork().status().code() == Code::kPrecondition);
  CHECK(context.truncate(0).code() == Code::kPrecondition);
  CHECK(context.reserve(1).code() == Code::kPrecondition);
  CHECK(ContextAccess::prepare(context, 1).status().code() == Code::kPrecondition);
  CHECK(ContextAccess::commit(context, {}).ok());
  CHECK(holds_stamps(context, 0, 3, 0));
  CHECK(context.fork().ok());
}

TEST_CASE("a full context is an error and stays usable") {
  const Bench bench;
  Context context = bench.context({.max_positions = 33});
  REQUIRE(append_stamps(context, 33, 0).ok());
  const std::uint64_t used = bench.budget->used();
  for (const std::size_t n : {std::size_t{1}, std::size_t{32}, ~std::size_t{0}}) {
    const auto refused = ContextAccess::prepare(context, n);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.status().code() == Code::kBudget);
    CHECK(refused.status().came() == "0 left of max_positions 33");
    CHECK(context.reserve(n).code() == Code::kBudget);
  }
  CHECK(bench.budget->used() == used);
  CHECK(ContextAccess::prepare(context, 0).ok());
  ContextAccess::rollback(context);
  REQUIRE(context.truncate(30).ok());
  REQUIRE(append_stamps(context, 3, 30).ok());
  CHECK(holds_stamps(context, 0, 33, 0));
  Context fork = context.fork().value();
  CHECK(ContextAccess::prepare(fork, 1).status().code() == Code::kBudget);
}

TEST_CASE("a table doubles as it grows, and not beyond max_positions") {
  const Bench bench;
  Context context = bench.context({.max_positions = 170});
  std::vector<std::size_t> capacities;
  for (std::size_t p = 0; p < 170; ++p) {
    REQUIRE(append_stamps(context, 1, p).ok());
    const std::size_t capacity = context.usage().table_bytes / kTableBytesOfPage;
    if (capacities.empty() || capacities.back() != capacity) capacities.push_back(capacity);
  }
  CHECK(capacities == std::vector<std::size_t>{1, 2, 4, 6});
  CHECK(holds_stamps(context, 0, 170, 0));
}

TEST_CASE("a context and its forks stay within max_bytes together") {
  const Bench bench;
  const std::uint64_t limit = Context::bytes_for(*bench.pool, 64) + kTableBytesOfPage;
  Context context = bench.context({.max_bytes = limit});
  REQUIRE(context.reserve(64).ok());
  REQUIRE(append_stamps(context, 10, 0).ok());
  Context fork = context.fork().value();
  const auto refused = ContextAccess::prepare(fork, 1);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.status().code() == Code::kBudget);
  CHECK(refused.status().where() == "context");
  CHECK(bench.budget->used() == limit);
  REQUIRE(context.truncate(10).ok());  // ends the reservation
  CHECK(append_stamps(fork, 1, 10).ok());
}

TEST_CASE("bad options are refused") {
  const Bench bench;
  CHECK(Context::create(nullptr).status().code() == Code::kInvalidArgument);
  CHECK(Context::create(bench.pool, {.max_positions = 0}).status().code() == Code::kInvalidArgument);
  CHECK(Context::create(bench.pool, {.max_positions = ContextOptions::kMaxPositions + 1}).status().code() ==
        Code::kInvalidArgument);
  CHECK(Context::create(bench.pool, {.max_positions = ContextOptions::kMaxPositions}).ok());
}

TEST_CASE("a context that was moved from answers with errors") {
  const Bench bench;
  Context first = bench.context({.pathway_hash = 5});
  REQUIRE(append_stamps(first, 40, 0).ok());
  Context second = std::move(first);
  CHECK(holds_stamps(second, 0, 40, 0));
  CHECK(second.pathway_hash() == 5);
  CHECK(first.size() == 0);  // NOLINT(bugprone-use-after-move)
  CHECK(first.tokens().empty());
  CHECK(first.usage().bytes == 0);
  CHECK(ContextAccess::view(first).pages.empty());
  CHECK(ContextAccess::prepare(first, 1).status().code() == Code::kPrecondition);
  CHECK(ContextAccess::commit(first, {}).code() == Code::kPrecondition);
  CHECK(first.fork().status().code() == Code::kPrecondition);
  CHECK(first.truncate(0).code() == Code::kPrecondition);
  CHECK(first.reserve(1).code() == Code::kPrecondition);
  ContextAccess::rollback(first);

  Context third = bench.context();
  REQUIRE(append_stamps(third, 100, 0).ok());
  third = std::move(second);
  CHECK(holds_stamps(third, 0, 40, 0));
  CHECK(bench.pool->usage().pages == 2);
}
