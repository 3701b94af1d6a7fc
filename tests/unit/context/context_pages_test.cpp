// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <moxie/context/context.hpp>

#include "context/access.hpp"
#include "support/catch.hpp"
#include "unit/context/bench.hpp"
#include "unit/context/stamps.hpp"

using namespace moxie;
using namespace moxie::testing;

namespace {

std::span<const PageRef> pages_of(const Context& context, std::size_t n) {
  return ContextAccess::pages(context).first(n);
}

/// Computes what is absent: the stamps first, first + 1, ... of the positions from the first absent one on.
Status compute_again(Context& context, std::uint64_t first, std::size_t at_most = SIZE_MAX) {
  const std::size_t held = ContextAccess::held(context);
  const std::size_t n = std::min(context.size() - held, at_most);
  MOXIE_TRY_LET(const KvView view, ContextAccess::prepare(context, n));
  for (std::size_t i = 0; i < n; ++i) write_stamp(view, held + i, first + held + i);
  const std::vector<TokenId> tokens(context.tokens().begin(), context.tokens().end());
  return ContextAccess::commit(context, std::span(tokens).subspan(held, n));
}

}  // namespace

TEST_CASE("a context takes over whole pages with their tokens, and goes on by itself") {
  const Bench bench;
  Context first = bench.context({.pathway_hash = 9});
  REQUIRE(append_stamps(first, 100, 0).ok());
  Context second = bench.context({.pathway_hash = 9});
  REQUIRE(second.reserve(200).ok());
  REQUIRE(ContextAccess::adopt(second, pages_of(first, 3), first.tokens().first(96)).ok());
  CHECK(second.size() == 96);
  CHECK(holds_stamps(second, 0, 96, 0));
  CHECK(second.usage().shared_pages == 3);
  CHECK(second.usage().reserved_pages == 0);
  CHECK(bench.pool->usage().pages == 4);
  REQUIRE(append_stamps(second, 40, 1000).ok());
  CHECK(holds_stamps(first, 0, 100, 0));
  CHECK(holds_stamps(second, 0, 96, 0));
  CHECK(holds_stamps(second, 96, 40, 1000));
  CHECK(bench.pool->usage().pages == 6);  // whole pages are never copied
  { const Context gone = std::move(first); }
  CHECK(holds_stamps(second, 0, 96, 0));
  CHECK(second.usage().shared_pages == 0);
}

TEST_CASE("a page that is taken over in part is copied before it is written") {
  const Bench bench;
  Context first = bench.context();
  REQUIRE(append_stamps(first, 60, 0).ok());
  Context second = bench.context();
  REQUIRE(ContextAccess::adopt(second, pages_of(first, 2), first.tokens().first(40)).ok());
  REQUIRE(append_stamps(second, 1, 500).ok());
  CHECK(holds_stamps(first, 0, 60, 0));
  CHECK(holds_stamps(second, 0, 40, 0));
  CHECK(holds_stamps(second, 40, 1, 500));
}

TEST_CASE("pages of another pool or pathway are refused, and what does not belong together") {
  const Bench bench;
  const auto tokens_of = [](const Context& context) {
    return std::vector<TokenId>(context.tokens().begin(), context.tokens().end());
  };
  Context source = bench.context({.pathway_hash = 9});
  REQUIRE(append_stamps(source, 64, 0).ok());
  const std::vector<TokenId> tokens = tokens_of(source);
  const auto refused = [&](Context& into, std::span<const PageRef> pages, std::span<const TokenId> of) {
    const std::uint64_t used = bench.budget->used();
    const std::size_t size = into.size();
    const Status status = ContextAccess::adopt(into, pages, of);
    CHECK(into.size() == size);
    CHECK(bench.budget->used() == used);
    CHECK(source.usage().shared_pages == 0);
    CHECK_FALSE(status.ok());
    return status;
  };
  Context same = bench.context({.pathway_hash = 9});
  CHECK(refused(same, pages_of(source, 1), tokens).code() == Code::kInvalidArgument);
  CHECK(refused(same, pages_of(source, 2), std::span(tokens).first(32)).code() == Code::kInvalidArgument);
  CHECK(refused(same, pages_of(source, 2), {}).code() == Code::kInvalidArgument);
  const PageRef none[2];
  CHECK(refused(same, none, tokens).code() == Code::kInvalidArgument);

  Context other_pathway = bench.context({.pathway_hash = 10});
  const Status pathway = refused(other_pathway, pages_of(source, 2), tokens);
  CHECK(pathway.code() == Code::kInvalidArgument);
  CHECK(pathway.message() == "Context::adopt: needed pages of the pathway 10, came those of 9");

  const Bench equal;  // the same shape, and yet another account
  Context other_pool = equal.context({.pathway_hash = 9});
  CHECK(refused(other_pool, pages_of(source, 2), tokens).code() == Code::kInvalidArgument);
  const Bench narrow(Budget::kUnlimited, with_type(kShape, KvType::kF16));
  Context other_type = narrow.context({.pathway_hash = 9});
  const std::string message(refused(other_type, pages_of(source, 2), tokens).message());
  CHECK(message.find("f16)") != std::string::npos);
  CHECK(message.find("f32)") != std::string::npos);

  Context full = bench.context({.pathway_hash = 9});
  REQUIRE(append_stamps(full, 1, 7).ok());
  CHECK(refused(full, pages_of(source, 2), tokens).code() == Code::kPrecondition);
  Context small = bench.context({.pathway_hash = 9, .max_positions = 63});
  CHECK(refused(small, pages_of(source, 2), tokens).code() == Code::kBudget);
  Context poor = bench.context({.pathway_hash = 9, .max_bytes = 2 * kTableBytesOfPage - 1});
  CHECK(refused(poor, pages_of(source, 2), tokens).code() == Code::kBudget);
  Context gone = bench.context();
  { const Context taken = std::move(gone); }
  CHECK(ContextAccess::adopt(gone, {}, {}).code() == Code::kPrecondition);  // NOLINT(bugprone-use-after-move)
  CHECK(ContextAccess::adopt(same, pages_of(source, 2), tokens).ok());
}

TEST_CASE("pages behind a window may be missing as far as no row reads them") {
  const Bench bench(Budget::kUnlimited, with_window(kShape, 10));
  Context source = bench.context({.rewind = 0});
  REQUIRE(append_stamps(source, 100, 0).ok());
  REQUIRE(source.usage().released_pages == 2);
  Context whole = bench.context();
  REQUIRE(ContextAccess::adopt(whole, ContextAccess::pages(source), source.tokens()).ok());
  CHECK(whole.usage().released_pages == 2);
  CHECK(whole.truncate(80).ok());
  // A row at 72 reads positions from 63 on, which is in a page that is gone.
  Context reads_more = bench.context();
  CHECK(ContextAccess::adopt(reads_more, pages_of(source, 3), source.tokens().first(72)).code() ==
        Code::kInvalidArgument);
  CHECK(ContextAccess::adopt(reads_more, pages_of(source, 3), source.tokens().first(73)).ok());
}

TEST_CASE("a context whose pages were taken keeps its positions and tokens, and is computed again") {
  const Bench bench;
  Context context = bench.context();
  REQUIRE(append_stamps(context, 100, 0).ok());
  REQUIRE(context.reserve(100).ok());
  ContextAccess::give_back(context);
  CHECK(bench.pool->usage().pages == 0);
  CHECK(context.size() == 100);
  CHECK(context.tokens()[99] == 99);
  CHECK(context.usage().positions == 100);
  CHECK(context.usage().absent_positions == 100);
  CHECK(context.usage().pages == 0);
  CHECK(context.usage().reserved_pages == 0);
  CHECK(ContextAccess::view(context).pages.empty());
  CHECK(bench.budget->used() == context.usage().table_bytes);

  Context fork = context.fork().value();
  CHECK(fork.size() == 100);
  CHECK(fork.usage().absent_positions == 100);
  REQUIRE(fork.truncate(50).ok());
  CHECK(fork.usage().absent_positions == 50);

  REQUIRE(compute_again(context, 0, 70).ok());
  CHECK(context.usage().absent_positions == 30);
  CHECK(context.size() == 100);
  REQUIRE(ContextAccess::prepare(context, 31).ok());
  const std::vector<TokenId> wrong(31, 5);
  CHECK(ContextAccess::commit(context, wrong).code() == Code::kInvalidArgument);
  ContextAccess::rollback(context);
  REQUIRE(compute_again(context, 0).ok());
  CHECK(holds_stamps(context, 0, 100, 0));
  REQUIRE(append_stamps(context, 10, 100).ok());
  CHECK(holds_stamps(context, 0, 110, 0));
}

TEST_CASE("pages at the beginning that somebody shares are kept, unless nothing else is left to give") {
  const Bench bench;
  Context first = bench.context();
  REQUIRE(append_stamps(first, 64, 0).ok());
  Context second = first.fork().value();
  REQUIRE(append_stamps(second, 40, 64).ok());
  CHECK(bench.pool->usage().pages == 4);
  ContextAccess::give_back(second);
  CHECK(bench.pool->usage().pages == 2);
  CHECK(second.size() == 104);
  CHECK(second.usage().absent_positions == 40);
  CHECK(holds_stamps(second, 0, 64, 0));
  ContextAccess::give_back(second);
  CHECK(bench.pool->usage().pages == 2);
  CHECK(second.usage().absent_positions == 104);
  ContextAccess::give_back(first);  // now it is alone
  CHECK(bench.pool->usage().pages == 0);
  REQUIRE(compute_again(second, 0).ok());
  CHECK(holds_stamps(second, 0, 104, 0));
}

TEST_CASE("room says to the byte what rows would take") {
  const Bench bench;
  Context context = bench.context();
  Context fork = context.fork().value();
  const auto check = [&](Context& of, std::size_t n) {
    const KvRoom room = ContextAccess::room(of);
    const std::uint64_t used = bench.budget->used();
    const std::uint64_t table = of.usage().table_bytes;
    REQUIRE(of.reserve(n).ok());  // takes a table that is no larger than it must be
    const bool grew = of.usage().table_bytes != table;
    CHECK(room.bytes_for(n) == bench.budget->used() - used + (grew ? table : 0));
    REQUIRE(of.truncate(of.size()).ok());
  };
  for (const std::size_t n : {0u, 1u, 31u, 32u, 33u, 200u}) check(context, n);
  REQUIRE(append_stamps(context, 40, 0).ok());
  for (const std::size_t n : {0u, 1u, 24u, 25u, 100u}) {
    fork = context.fork().value();  // a reservation copies the page that they share
    check(fork, n);
  }
  fork = context.fork().value();
  const KvRoom room = ContextAccess::room(fork);
  REQUIRE(room.copies_tail);
  for (const std::uint64_t bytes : {std::uint64_t{0}, room.bytes_for(1) - 1, room.bytes_for(1), room.bytes_for(25) - 1,
                                    room.bytes_for(25), room.bytes_for(1000)}) {
    std::size_t most = 0;
    while (most < 90 && room.bytes_for(most + 1) <= bytes) ++most;
    CHECK(room.rows_within(bytes, 90) == most);
  }
}
