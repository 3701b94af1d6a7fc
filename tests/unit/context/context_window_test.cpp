// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <moxie/context/context.hpp>

#include "context/access.hpp"
#include "support/catch.hpp"
#include "unit/context/bench.hpp"
#include "unit/context/stamps.hpp"

using namespace moxie;
using namespace moxie::testing;

TEST_CASE("behind a window a context holds what the next row reads, and its rewind") {
  for (const std::size_t window : {1u, 31u, 32u, 33u, 100u}) {
    for (const std::size_t rewind : {0u, 1u, 50u}) {
      const Bench bench(Budget::kUnlimited, with_window(kShape, window));
      Context context = bench.context({.rewind = rewind});
      for (std::size_t size = 1; size <= 400; ++size) {
        REQUIRE(append_stamps(context, 1, size - 1).ok());
        // Of positions [0, size], the row at `size` reads the last `window`.
        const std::size_t kept = size + 1 > window + rewind ? size + 1 - window - rewind : 0;
        const ContextUsage usage = context.usage();
        INFO("window " << window << ", rewind " << rewind << ", size " << size);
        REQUIRE(usage.released_pages == kept / 32);
        REQUIRE(usage.pages == (size + 31) / 32 - kept / 32);
        REQUIRE(ContextAccess::view(context).first_page == kept / 32);
        REQUIRE(bench.pool->usage().pages == usage.pages);
        REQUIRE(context.can_truncate(size - std::min(rewind, size)));
      }
      const std::size_t first = context.usage().released_pages * 32;
      CHECK(holds_stamps(context, first, 400 - first, first));
      CHECK(context.tokens().size() == 400);
      CHECK(context.tokens()[0] == 0);
      CHECK(bench.pool->usage().peak_pages <= (window + rewind + 31) / 32 + 2);
    }
  }
}

TEST_CASE("a truncate behind what a window let go is refused, but to nothing at all") {
  const Bench bench(Budget::kUnlimited, with_window(kShape, 40));
  Context context = bench.context({.rewind = 0});
  REQUIRE(append_stamps(context, 200, 0).ok());
  // 201 - 40 = 161 positions are read no more: five pages. A row at 199 reads from 160 on, one at 198 does not.
  REQUIRE(context.usage().released_pages == 5);
  CHECK(context.can_truncate(199));
  CHECK_FALSE(context.can_truncate(198));
  const Status refused = context.truncate(198);
  CHECK(refused.code() == Code::kPrecondition);
  CHECK(refused.needed() == "0, or at least 199 positions: those before a window of 40 were given back");
  CHECK(refused.came() == "198");
  CHECK(context.size() == 200);
  CHECK(context.truncate(201).code() == Code::kInvalidArgument);
  REQUIRE(context.truncate(199).ok());
  CHECK(holds_stamps(context, 160, 39, 160));
  REQUIRE(context.truncate(0).ok());
  CHECK(bench.pool->usage().pages == 0);
  CHECK(ContextAccess::view(context).first_page == 0);
  REQUIRE(append_stamps(context, 50, 1000).ok());
  CHECK(holds_stamps(context, 0, 50, 1000));
}

TEST_CASE("forks share what a window left, and let it go each by itself") {
  const Bench bench(Budget::kUnlimited, with_window(kShape, 40));
  Context first = bench.context({.rewind = 0});
  REQUIRE(append_stamps(first, 200, 0).ok());
  Context second = first.fork().value();
  CHECK(second.usage().released_pages == 5);
  CHECK(second.usage().shared_pages == 2);
  CHECK(bench.pool->usage().pages == 2);
  REQUIRE(append_stamps(second, 100, 500).ok());
  CHECK(second.usage().released_pages == 8);  // 301 - 40 = 261
  CHECK(holds_stamps(first, 160, 40, 160));
  CHECK(holds_stamps(second, 256, 44, 556));
  CHECK_FALSE(second.can_truncate(200));
  REQUIRE(first.truncate(0).ok());
  CHECK(bench.pool->usage().pages == 2);  // 256 to 299
}

TEST_CASE("a step that is rolled back gives nothing back") {
  const Bench bench(Budget::kUnlimited, with_window(kShape, 10));
  Context context = bench.context({.rewind = 0});
  REQUIRE(append_stamps(context, 40, 0).ok());
  const std::size_t before = context.usage().released_pages;
  REQUIRE(ContextAccess::prepare(context, 100).ok());
  CHECK(context.usage().released_pages == before);
  ContextAccess::rollback(context);
  CHECK(context.usage().released_pages == before);
  CHECK(holds_stamps(context, 31, 9, 31));
}

TEST_CASE("a reservation is for all positions, and goes behind the window like any page") {
  const Bench bench(Budget::kUnlimited, with_window(kShape, 32));
  Context context = bench.context({.rewind = 0});
  REQUIRE(context.reserve(320).ok());
  CHECK(bench.budget->used() == Context::bytes_for(*bench.pool, 320));
  for (std::size_t p = 0; p < 320; ++p) REQUIRE(append_stamps(context, 1, p).ok());
  CHECK(context.usage().pages == 1);
  CHECK(context.usage().released_pages == 9);
  CHECK(context.usage().bytes == bench.budget->used());
  CHECK(bench.context({.rewind = ContextOptions::kMaxPositions}).size() == 0);
  CHECK(Context::create(bench.pool, {.rewind = ContextOptions::kMaxPositions + 1}).status().code() ==
        Code::kInvalidArgument);
}

TEST_CASE("a tree of hundreds of contexts holds each page once and comes down page by page") {
  for (const KvType type : kEveryType) {
    const Bench bench(Budget::kUnlimited, with_type(kShape, type));
    std::vector<Context> tree;
    tree.push_back(bench.context());
    REQUIRE(append_stamps(tree[0], 70, 0).ok());
    // Each node has three children, which share its 70 + 10 depth positions and say 10 of their own.
    std::vector<std::size_t> parents = {0};
    for (std::size_t node = 1; node < 364; ++node) {
      const std::size_t parent = (node - 1) / 3;
      parents.push_back(parent);
      tree.push_back(tree[parent].fork().value());
      REQUIRE(append_stamps(tree[node], 10, 1000 * node).ok());
    }
    for (std::size_t node = 0; node < tree.size(); ++node) {
      std::size_t end = tree[node].size();
      for (std::size_t at = node; at != 0; at = parents[at]) {
        end -= 10;
        REQUIRE(holds_stamps(tree[node], end, 10, 1000 * at));
      }
      REQUIRE(end == 70);
      REQUIRE(holds_stamps(tree[node], 0, 70, 0));
    }
    // The root's two full pages are everybody's; a node has at most two more of its own.
    CHECK(bench.pool->usage().pages < 2 + 2 * tree.size());
    std::uint64_t tables = 0;
    for (const Context& context : tree) tables += context.usage().table_bytes;
    CHECK(bench.budget->used() == bench.pool->usage().bytes + tables);
    while (!tree.empty()) {  // from the root on
      tree.erase(tree.begin());
      if (tree.size() % 60 == 0 && !tree.empty()) REQUIRE(holds_stamps(tree.back(), 0, 70, 0));
    }
    CHECK(bench.pool->usage().pages == 0);
    CHECK(bench.budget->used() == 0);
  }
}
