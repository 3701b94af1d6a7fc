// SPDX-License-Identifier: Apache-2.0
#include <moxie/expert/any_expert.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include <moxie/testing/expert_laws.hpp>

#include "support/archetypes.hpp"
#include "support/catch.hpp"
#include "support/experts.hpp"

using namespace moxie;

namespace {

template <class Exception>
struct Throwing : test::Scale {
  Status run(ConstRows, Rows, Workspace&) const { throw Exception(); }
};

}  // namespace

TEST_CASE("any expert runs the expert that it holds") {
  const AnyExpert any = AnyExpert::create(test::plain_mlp(6, 4, 1)).value();
  CHECK(any.width() == 6);
  CHECK(any.scratch_bytes(3) == test::plain_mlp(6, 4, 1).scratch_bytes(3));
  CHECK(testing::check_expert_laws(any).message() == "");
}

TEST_CASE("an expert that throws becomes a status") {
  Workspace ws;
  CHECK(AnyExpert::create(Throwing<int>{}).value().run({}, {}, ws).code() == Code::kHostException);
  CHECK(AnyExpert::create(Throwing<std::bad_alloc>{}).value().run({}, {}, ws).code() == Code::kNoMemory);
}

TEST_CASE("any expert takes an expert that can only move, and shares one that cannot") {
  CHECK(AnyExpert::create(test::ExpertArchetype<test::Movable>(0)).ok());
  const auto shared = std::make_shared<const test::ExpertArchetype<test::Pinned>>(0);
  {
    const AnyExpert any = AnyExpert::share(shared).value();
    const AnyExpert copy = any;  // NOLINT(performance-unnecessary-copy-initialization)
    CHECK(shared.use_count() == 3);
    CHECK(testing::check_expert_laws(copy).message() == "");
  }
  CHECK(shared.use_count() == 1);
  CHECK(AnyExpert::share(std::shared_ptr<const test::Scale>()).status().code() == Code::kInvalidArgument);
}

TEST_CASE("a moved-from any expert is still one") {
  AnyExpert a = AnyExpert::create(test::Scale{3}).value();
  const AnyExpert b = std::move(a);
  CHECK(a.width() == 3);  // NOLINT(bugprone-use-after-move)
  CHECK(b.width() == 3);
}

TEST_CASE("an expert table needs its required members, and has a default for the other") {
  const auto object = std::make_shared<const std::size_t>(9);
  ExpertTable table;
  CHECK(AnyExpert::adopt(nullptr, object).status().code() == Code::kInvalidArgument);
  CHECK(AnyExpert::adopt(&table, nullptr).status().code() == Code::kInvalidArgument);
  CHECK(AnyExpert::adopt(&table, object).status().came() == "a null function");
  table.width = [](const void* self) noexcept { return *static_cast<const std::size_t*>(self); };
  CHECK(AnyExpert::adopt(&table, object).status().came() == "a null function");
  table.run = [](const void*, ConstRows, Rows, Workspace&) noexcept { return Status(); };
  CHECK(AnyExpert::adopt(&table, object).value().scratch_bytes(2) == 0);
  table.scratch_bytes = [](const void*, std::size_t T) noexcept { return 64 * T; };
  const AnyExpert whole = AnyExpert::adopt(&table, object).value();
  CHECK(whole.width() == 9);
  CHECK(whole.scratch_bytes(2) == 128);

  ExpertTable shorter = table;
  shorter.size = offsetof(ExpertTable, scratch_bytes);
  CHECK(AnyExpert::adopt(&shorter, object).value().scratch_bytes(2) == 0);
  for (const std::uint32_t size : {0U, 8U, shorter.size - 8, shorter.size + 1, 0xfffffff8U}) {
    table.size = size;
    CHECK(AnyExpert::adopt(&table, object).status().code() == Code::kUnsupported);
  }
  table.size = sizeof(ExpertTable);
  for (const std::uint32_t version : {0U, 1U, ExpertTable::kVersion + 1}) {
    table.version = version;
    CHECK(AnyExpert::adopt(&table, object).status().code() == Code::kUnsupported);
  }
}
