// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include <moxie/context/context.hpp>

#include "context/access.hpp"
#include "support/catch.hpp"
#include "unit/context/bench.hpp"
#include "unit/context/stamps.hpp"

using namespace moxie;
using namespace moxie::testing;

static_assert(!std::is_copy_constructible_v<Context>);
static_assert(std::is_nothrow_move_constructible_v<Context>);
static_assert(std::is_nothrow_move_assignable_v<Context>);

// To append is the kernel's work: a host finds no way in.
template <class C>
concept OpenToHosts = requires(C& context) {
  context.prepare(1);
}
|| requires(C& context) { context.rollback(); }
|| requires(const C& context) { context.view(); }
|| requires(C& context) { context.give_back(); }
|| requires(C& context, std::span<const PageRef> pages) { context.adopt(pages, context.tokens()); };
static_assert(!OpenToHosts<Context>);
template <class P>
concept LendsPages = requires(P& pool, Budget& account) {
  pool.take(account, std::uint64_t{});
};
static_assert(!LendsPages<KvPool>);

TEST_CASE("a new context holds nothing and costs nothing") {
  const Bench bench;
  const Context context = bench.context({.pathway_hash = 0xfeed});
  CHECK(context.size() == 0);
  CHECK(context.tokens().empty());
  CHECK(context.pathway_hash() == 0xfeed);
  CHECK(ContextAccess::view(context).pages.empty());
  CHECK(context.usage().bytes == 0);
  CHECK(bench.budget->used() == 0);
}

TEST_CASE("what is appended is there, whatever the cuts") {
  for (const std::size_t cut : {1u, 5u, 31u, 32u, 33u, 64u, 100u}) {
    const Bench bench;
    Context context = bench.context();
    for (std::size_t at = 0; at < 100; at += cut) REQUIRE(append_stamps(context, std::min(cut, 100 - at), 7 + at).ok());
    CHECK(context.size() == 100);
    CHECK(holds_stamps(context, 0, 100, 7));
    CHECK(context.usage().pages == 4);
    CHECK(ContextAccess::view(context).pages.size() == 4);
    CHECK(bench.pool->usage().pages == 4);
  }
}

TEST_CASE("a fork shares every page and pays for its table alone") {
  const Bench bench;
  Context first = bench.context({.pathway_hash = 42, .max_positions = 1000});
  REQUIRE(append_stamps(first, 70, 0).ok());
  const std::uint64_t before = bench.budget->used();
  const Context second = first.fork().value();
  CHECK(bench.pool->usage().pages == 3);
  CHECK(bench.budget->used() == before + 3 * kTableBytesOfPage);
  CHECK(second.size() == 70);
  CHECK(holds_stamps(second, 0, 70, 0));
  CHECK(second.pathway_hash() == 42);
  CHECK(second.max_positions() == 1000);
  CHECK(second.usage().shared_pages == 3);
  CHECK(first.usage().shared_pages == 3);
  CHECK(second.usage().owned_bytes == 3 * kTableBytesOfPage);
}

TEST_CASE("writing into a shared page copies that page for the writer") {
  const Bench bench;
  Context first = bench.context();
  REQUIRE(append_stamps(first, 70, 0).ok());
  Context second = first.fork().value();
  REQUIRE(append_stamps(second, 1, 1000).ok());
  CHECK(bench.pool->usage().pages == 4);
  CHECK(first.usage().shared_pages == 2);
  CHECK(second.usage().shared_pages == 2);
  CHECK(ContextAccess::view(first).pages[0] == ContextAccess::view(second).pages[0]);
  CHECK(ContextAccess::view(first).pages[1] == ContextAccess::view(second).pages[1]);
  CHECK(ContextAccess::view(first).pages[2] != ContextAccess::view(second).pages[2]);
  CHECK(holds_stamps(first, 0, 70, 0));
  CHECK(holds_stamps(second, 0, 70, 0));
  CHECK(holds_stamps(second, 70, 1, 1000));

  // The other is alone now and writes in place.
  std::byte* tail = ContextAccess::view(first).pages[2];
  REQUIRE(append_stamps(first, 1, 2000).ok());
  CHECK(ContextAccess::view(first).pages[2] == tail);
  CHECK(bench.pool->usage().pages == 4);
  CHECK(holds_stamps(first, 70, 1, 2000));
  CHECK(holds_stamps(second, 70, 1, 1000));
}

TEST_CASE("a fork at a page's end copies nothing when it goes on") {
  const Bench bench;
  Context first = bench.context();
  REQUIRE(append_stamps(first, 64, 0).ok());
  Context second = first.fork().value();
  REQUIRE(append_stamps(second, 1, 100).ok());
  CHECK(second.usage().shared_pages == 2);
  CHECK(bench.pool->usage().pages == 3);
}

TEST_CASE("only committed positions of a shared page are copied, into a page of zeros") {
  for (const KvType type : kEveryType) {
    const auto pool = KvPool::create(with_type(kShape, type), Budget::create("kv", Budget::kUnlimited)).value();
    Context first = Context::create(pool).value();  // not poisoned
    REQUIRE(append_stamps(first, 20, 0).ok());
    REQUIRE(first.truncate(10).ok());
    Context second = first.fork().value();
    const KvView view = ContextAccess::prepare(second, 3).value();
    for (std::size_t p = 0; p < 10; ++p) CHECK(has_stamp(view, p, p));
    std::size_t others = 0;
    for (std::size_t p = 10; p < 32; ++p) {
      each_number(view, p, [&](const std::byte* at, std::size_t bytes, std::size_t, std::size_t, std::size_t) {
        for (std::size_t i = 0; i < bytes; ++i) others += at[i] != std::byte{0};
      });
    }
    INFO(name(type));
    CHECK(others == 0);
  }
}

TEST_CASE("what prepare makes writable holds nothing of before under poison") {
  for (const KvType type : kEveryType) {
    const Bench bench(Budget::kUnlimited, with_type(kShape, type));
    Context context = bench.context();
    REQUIRE(append_stamps(context, 40, 0).ok());
    REQUIRE(context.truncate(5).ok());
    const KvView view = ContextAccess::prepare(context, 40).value();
    INFO(name(type));
    CHECK(view.pages.size() == 2);
    for (std::size_t p = 0; p < 5; ++p) CHECK(has_stamp(view, p, p));
    for (std::size_t p = 5; p < 64; ++p) CHECK(count_nan(view, p) == kValuesOfPosition);
  }
}

TEST_CASE("a chain of forks outlives its root, page by page") {
  const Bench bench;
  std::optional<Context> root = bench.context();
  REQUIRE(append_stamps(*root, 50, 0).ok());
  Context child = root->fork().value();
  REQUIRE(append_stamps(child, 50, 50).ok());
  Context grandchild = child.fork().value();
  REQUIRE(child.truncate(60).ok());
  REQUIRE(append_stamps(child, 10, 500).ok());
  root.reset();
  CHECK(holds_stamps(child, 0, 60, 0));
  CHECK(holds_stamps(child, 60, 10, 500));
  CHECK(holds_stamps(grandchild, 0, 100, 0));
  // Page 0 is shared; pages 1 and 2 are child's own, pages 1 to 3 grandchild's.
  CHECK(bench.pool->usage().pages == 1 + 2 + 3);
}

TEST_CASE("truncate gives pages back and what is left stays") {
  const Bench bench;
  Context context = bench.context();
  REQUIRE(append_stamps(context, 100, 0).ok());
  REQUIRE(context.truncate(100).ok());
  CHECK(bench.pool->usage().pages == 4);
  REQUIRE(context.truncate(65).ok());
  CHECK(bench.pool->usage().pages == 3);
  REQUIRE(context.truncate(64).ok());
  CHECK(bench.pool->usage().pages == 2);
  CHECK(context.tokens().size() == 64);
  CHECK(holds_stamps(context, 0, 64, 0));
  const Status more = context.truncate(65);
  CHECK(more.code() == Code::kInvalidArgument);
  CHECK(context.size() == 64);
  REQUIRE(append_stamps(context, 10, 300).ok());
  CHECK(holds_stamps(context, 0, 64, 0));
  CHECK(holds_stamps(context, 64, 10, 300));
  REQUIRE(context.truncate(0).ok());
  CHECK(bench.pool->usage().pages == 0);
}

TEST_CASE("truncate of a fork leaves the other as it is") {
  const Bench bench;
  Context first = bench.context();
  REQUIRE(append_stamps(first, 100, 0).ok());
  Context second = first.fork().value();
  REQUIRE(second.truncate(10).ok());
  CHECK(second.usage().shared_pages == 1);
  REQUIRE(append_stamps(second, 30, 900).ok());
  CHECK(holds_stamps(first, 0, 100, 0));
  CHECK(holds_stamps(second, 0, 10, 0));
  CHECK(holds_stamps(second, 10, 30, 900));
}

TEST_CASE("a rollback gives back what prepare took and keeps what was reserved") {
  const Bench bench;
  Context context = bench.context();
  REQUIRE(append_stamps(context, 10, 0).ok());
  REQUIRE(ContextAccess::prepare(context, 100).ok());
  CHECK(ContextAccess::prepared(context) == 100);
  CHECK(context.size() == 10);
  CHECK(bench.pool->usage().pages == 4);
  ContextAccess::rollback(context);
  CHECK(ContextAccess::prepared(context) == 0);
  CHECK(bench.pool->usage().pages == 1);
  CHECK(holds_stamps(context, 0, 10, 0));
  REQUIRE(context.reserve(60).ok());
  CHECK(bench.pool->usage().pages == 3);
  CHECK(context.usage().reserved_pages == 2);
  REQUIRE(ContextAccess::prepare(context, 100).ok());
  ContextAccess::rollback(context);
  CHECK(bench.pool->usage().pages == 3);
  ContextAccess::rollback(context);  // nothing prepared: nothing happens
  CHECK(holds_stamps(context, 0, 10, 0));
}

TEST_CASE("a part of what was prepared can be committed") {
  const Bench bench;
  Context context = bench.context();
  const KvView view = ContextAccess::prepare(context, 100).value();
  for (std::size_t p = 0; p < 100; ++p) write_stamp(view, p, p);
  std::vector<TokenId> tokens;
  for (TokenId t = 0; t < 40; ++t) tokens.push_back(t);
  REQUIRE(ContextAccess::commit(context, tokens).ok());
  CHECK(context.size() == 40);
  CHECK(bench.pool->usage().pages == 2);
  CHECK(holds_stamps(context, 0, 40, 0));
}

TEST_CASE("a context may append its own tokens") {
  const Bench bench;
  Context context = bench.context();
  REQUIRE(append_stamps(context, 3, 10).ok());
  REQUIRE(ContextAccess::prepare(context, 3).ok());
  REQUIRE(ContextAccess::commit(context, context.tokens()).ok());
  CHECK(std::vector<TokenId>(context.tokens().begin(), context.tokens().end()) ==
        std::vector<TokenId>{10, 11, 12, 10, 11, 12});
}

TEST_CASE("contexts outlive everything that they were made from") {
  std::optional<Bench> bench(std::in_place);
  Context context = bench->context({.max_bytes = 1 << 20});
  const std::weak_ptr<Budget> budget = bench->budget;
  REQUIRE(append_stamps(context, 10, 0).ok());
  bench.reset();
  CHECK_FALSE(budget.expired());
  CHECK(append_stamps(context, 40, 10).ok());
  CHECK(holds_stamps(context, 0, 50, 0));
  { const Context last = std::move(context); }
  CHECK(budget.expired());
}

// The threads below share nothing but what is under test, no counter of ours either: an atomic of the
// test would put in order what the pages have to put in order themselves, and hide a race from the sanitizer.

TEST_CASE("forks live and go on threads of their own") {
  constexpr std::size_t kThreads = 4;
  const Bench bench;
  std::optional<Context> root = bench.context();
  REQUIRE(append_stamps(*root, 200, 0).ok());
  std::vector<Context> forks;
  for (std::size_t t = 0; t < kThreads; ++t) forks.push_back(root->fork().value());
  std::vector<std::size_t> wrong(kThreads * 16);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([t, &wrong, mine = std::optional<Context>(std::move(forks[t]))]() mutable {
      for (std::size_t round = 0; round < 50; ++round) {
        Context deeper = mine->fork().value();
        const std::uint64_t stamp = 1000 * (t + 1) + round;
        wrong[t * 16] += !append_stamps(deeper, 5, stamp).ok();
        wrong[t * 16] += !holds_stamps(deeper, 0, 200, 0);
        wrong[t * 16] += !holds_stamps(deeper, 200, 5, stamp);
        if (round % 10 == 9) {
          wrong[t * 16] += !deeper.truncate(200).ok();
          mine = std::move(deeper);
        }
      }
      mine.reset();
    });
  }
  root.reset();  // while the others read and copy its pages
  for (std::thread& thread : threads) thread.join();
  forks.clear();
  CHECK(wrong == std::vector<std::size_t>(kThreads * 16));
  CHECK(bench.pool->usage().pages == 0);
  CHECK(bench.budget->used() == 0);
}

TEST_CASE("whoever is left alone with a page writes after the others' last read") {
  const Bench bench;
  for (int round = 0; round < 50; ++round) {
    Context first = bench.context();
    REQUIRE(append_stamps(first, 20, 0).ok());
    std::byte* page = ContextAccess::view(first).pages[0];
    bool read_well = false;
    std::thread reader([&read_well, fork = std::optional<Context>(first.fork().value())]() mutable {
      read_well = holds_stamps(*fork, 0, 20, 0);
      fork.reset();
    });
    while (first.usage().shared_pages != 0) std::this_thread::yield();
    REQUIRE(first.truncate(10).ok());
    CHECK(append_stamps(first, 10, 500).ok());
    CHECK(ContextAccess::view(first).pages[0] == page);
    reader.join();
    CHECK(read_well);
  }
}
