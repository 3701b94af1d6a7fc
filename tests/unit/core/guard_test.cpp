// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/guard.hpp>

#include <new>
#include <stdexcept>

#include "support/catch.hpp"

using namespace moxie;

TEST_CASE("what is thrown behind a guard becomes a status") {
  CHECK(guarded("here", [] { return Status(); }).ok());
  CHECK(guarded("here", [] { return Status(Code::kIo, "there", "", ""); }).where() == "there");
  CHECK(guarded("here", []() -> Status { throw std::bad_alloc(); }).code() == Code::kNoMemory);
  const Status thrown = guarded("here", []() -> Status { throw std::runtime_error("x"); });
  CHECK(thrown.code() == Code::kHostException);
  CHECK(thrown.where() == "here");
  CHECK(guarded("here", []() -> Status { throw 7; }).code() == Code::kHostException);
}

TEST_CASE("a value that throws while it is moved to its place is an error") {
  struct Bomb {
    Bomb() = default;
    Bomb(Bomb&&) { throw std::runtime_error("no"); }
  };
  CHECK(make_shared_value("here", Bomb{}).status().code() == Code::kHostException);
  CHECK(**make_shared_value("here", 7) == 7);
}
