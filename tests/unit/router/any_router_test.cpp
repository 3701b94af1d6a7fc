// SPDX-License-Identifier: Apache-2.0
#include <moxie/router/any_router.hpp>

#include <memory>
#include <stdexcept>
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

TEST_CASE("a table of another version, size or with holes is refused") {
  const auto object = std::make_shared<const int>(0);
  RouterTable table;
  CHECK(AnyRouter::adopt(nullptr, object).status().code() == Code::kInvalidArgument);
  CHECK(AnyRouter::adopt(&table, nullptr).status().code() == Code::kInvalidArgument);
  CHECK(AnyRouter::adopt(&table, object).status().came() == "a null function");
  table.version = RouterTable::kVersion + 1;
  CHECK(AnyRouter::adopt(&table, object).status().code() == Code::kUnsupported);
  table.version = RouterTable::kVersion;
  table.size = sizeof(RouterTable) - 1;
  CHECK(AnyRouter::adopt(&table, object).status().code() == Code::kUnsupported);

  table.size = sizeof(RouterTable) + 8;  // a later table with more at its end
  table.num_experts = [](const void*) noexcept -> std::size_t { return 4; };
  table.experts_per_token = [](const void*) noexcept -> std::size_t { return 2; };
  table.scratch_bytes = [](const void*, std::size_t) noexcept -> std::size_t { return 0; };
  table.row_local = [](const void*) noexcept { return true; };
  table.route = [](const void* self, const RouteIn&, RouteOut, Workspace&) noexcept {
    return Status(Code::kUnsupported, "table", "", Text(*static_cast<const int*>(self)));
  };
  const AnyRouter any = AnyRouter::adopt(&table, object).value();
  Workspace ws;
  CHECK(any.num_experts() == 4);
  CHECK(any.route({}, {}, ws).where() == "table");
}
