// SPDX-License-Identifier: Apache-2.0
#include <moxie/router/any_router.hpp>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <moxie/router/top_k.hpp>
#include <moxie/testing/router_laws.hpp>

#include "support/archetypes.hpp"
#include "support/catch.hpp"

using namespace moxie;

namespace {

struct Throwing : test::RouterArchetype<test::Movable> {
  using RouterArchetype::RouterArchetype;
  static constexpr bool row_local = false;
  Status route(const RouteIn&, RouteOut, Workspace&) const { throw std::runtime_error("no"); }
};

}  // namespace

TEST_CASE("any router routes as the router that it holds") {
  const TopK top = TopK::create({.num_experts = 5, .experts_per_token = 2, .normalised = true}).value();
  const AnyRouter any = AnyRouter::create(top).value();
  CHECK(any.num_experts() == 5);
  CHECK(any.experts_per_token() == 2);
  CHECK(any.scratch_bytes(9) == top.scratch_bytes(9));
  CHECK(any.row_local());

  const std::vector<float> logits{1, 5, 2, 4, 3};
  std::vector<std::int32_t> ids(2);
  std::vector<float> weights(2);
  testing::GuardedScratch scratch(any.scratch_bytes(1));
  REQUIRE(
      any.route({.logits = {logits.data(), 1, 5}}, {{ids.data(), 1, 2}, {weights.data(), 1, 2}}, scratch.workspace())
          .ok());
  CHECK(ids == std::vector<std::int32_t>{1, 3});
  CHECK(testing::check_router_laws(any).message() == "");
}

TEST_CASE("a router that throws is a host exception, and its locality is kept") {
  const AnyRouter any = AnyRouter::create(Throwing(0)).value();
  CHECK_FALSE(any.row_local());
  CHECK_FALSE(is_row_local(any));
  Workspace ws;
  CHECK(any.route({}, {}, ws).code() == Code::kHostException);
}

TEST_CASE("any router takes a router that can only move, and shares one that cannot") {
  CHECK(AnyRouter::create(test::RouterArchetype<test::Movable>(0)).ok());
  const auto shared = std::make_shared<const test::RouterArchetype<test::Pinned>>(0);
  {
    const AnyRouter any = AnyRouter::share(shared).value();
    CHECK(shared.use_count() == 2);
    CHECK(testing::check_router_laws(any).message() == "");
  }
  CHECK(shared.use_count() == 1);
  CHECK(AnyRouter::share(std::shared_ptr<const TopK>()).status().code() == Code::kInvalidArgument);
}

TEST_CASE("a copy or a moved-from any router is a second handle") {
  AnyRouter a = AnyRouter::create(TopK::create({.num_experts = 2, .experts_per_token = 1}).value()).value();
  const AnyRouter b = std::move(a);
  CHECK(a.num_experts() == 2);  // NOLINT(bugprone-use-after-move)
  CHECK(b.num_experts() == 2);
  CHECK(AnyRouter::create(b).value().num_experts() == 2);
}

namespace {

/// All functions, each of which says whose it is.
RouterTable whole_table() {
  RouterTable table;
  table.num_experts = [](const void*) noexcept -> std::size_t { return 4; };
  table.experts_per_token = [](const void*) noexcept -> std::size_t { return 2; };
  table.route = [](const void* self, const RouteIn&, RouteOut, Workspace&) noexcept {
    return Status(Code::kUnsupported, "table", "", Text(*static_cast<const int*>(self)));
  };
  table.scratch_bytes = [](const void*, std::size_t T) noexcept { return 64 * T; };
  table.row_local = [](const void*) noexcept { return true; };
  table.num_logits = [](const void*) noexcept -> std::size_t { return 9; };
  return table;
}

Code adopted(const RouterTable& table) { return AnyRouter::adopt(&table, std::make_shared<int>(0)).status().code(); }

}  // namespace

TEST_CASE("a router table without its optional members has their defaults") {
  const auto object = std::make_shared<const int>(0);
  RouterTable table = whole_table();
  const AnyRouter whole = AnyRouter::adopt(&table, object).value();
  CHECK(whole.scratch_bytes(2) == 128);
  CHECK(whole.row_local());
  CHECK(whole.num_logits() == 9);
  Workspace ws;
  CHECK(whole.route({}, {}, ws).where() == "table");

  RouterTable until_scratch = whole_table();  // the functions beyond its size are not called
  until_scratch.size = offsetof(RouterTable, row_local);
  const AnyRouter shorter = AnyRouter::adopt(&until_scratch, object).value();
  CHECK(shorter.scratch_bytes(2) == 128);
  CHECK_FALSE(shorter.row_local());
  CHECK(shorter.num_logits() == 4);

  RouterTable until_row_local = whole_table();
  until_row_local.size = offsetof(RouterTable, num_logits);
  const AnyRouter of_one_logit_each = AnyRouter::adopt(&until_row_local, object).value();
  CHECK(of_one_logit_each.row_local());
  CHECK(of_one_logit_each.num_logits() == 4);

  RouterTable required = whole_table();
  required.size = offsetof(RouterTable, scratch_bytes);
  const AnyRouter shortest = AnyRouter::adopt(&required, object).value();
  CHECK(shortest.num_experts() == 4);
  CHECK(shortest.experts_per_token() == 2);
  CHECK(shortest.scratch_bytes(2) == 0);
  CHECK_FALSE(shortest.row_local());
  CHECK(shortest.route({}, {}, ws).where() == "table");

  RouterTable null = whole_table();  // null is absent, too
  null.scratch_bytes = nullptr;
  null.row_local = nullptr;
  null.num_logits = nullptr;
  const AnyRouter holes = AnyRouter::adopt(&null, object).value();
  CHECK(holes.scratch_bytes(2) == 0);
  CHECK_FALSE(holes.row_local());
  CHECK(holes.num_logits() == 4);

  struct {
    RouterTable table = whole_table();
    void* later[4] = {};
  } longer;  // of a header that is not written yet
  longer.table.size = sizeof(longer);
  CHECK(AnyRouter::adopt(&longer.table, object).value().row_local());
}

TEST_CASE("a router table that cannot be one is refused") {
  RouterTable table = whole_table();
  CHECK(AnyRouter::adopt(nullptr, std::make_shared<int>(0)).status().code() == Code::kInvalidArgument);
  CHECK(AnyRouter::adopt(&table, nullptr).status().code() == Code::kInvalidArgument);
  for (const std::uint32_t version : {0U, 1U, RouterTable::kVersion + 1, 0xffffffffU}) {
    table.version = version;
    CHECK(adopted(table) == Code::kUnsupported);
  }
  table.version = RouterTable::kVersion;
  const std::uint32_t least = offsetof(RouterTable, scratch_bytes);
  const std::uint32_t whole = sizeof(RouterTable);
  for (const std::uint32_t size : {0U, 8U, least - 8, least - 1, least + 4, whole - 1, whole + 1, 4104U, 0xffffffffU}) {
    table.size = size;
    CHECK(adopted(table) == Code::kUnsupported);
  }
  table.size = 0x80000000U;
  const Status absurd = AnyRouter::adopt(&table, std::make_shared<int>(0)).status();
  CHECK(absurd.needed() == "a table of version 2 and " + std::to_string(least) + " to 4096 bytes");
  CHECK(absurd.came() == "version 2 and 2147483648 bytes");

  table = whole_table();
  table.num_experts = nullptr;
  CHECK(adopted(table) == Code::kInvalidArgument);
  table = whole_table();
  table.experts_per_token = nullptr;
  CHECK(adopted(table) == Code::kInvalidArgument);
  table = whole_table();
  table.route = nullptr;
  CHECK(adopted(table) == Code::kInvalidArgument);
}
