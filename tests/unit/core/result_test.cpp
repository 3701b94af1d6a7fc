// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/result.hpp>

#include <memory>
#include <string>
#include <utility>

#include "support/catch.hpp"

using namespace moxie;

namespace {

Result<int> half(int x) {
  if (x % 2 != 0) return Status(Code::kInvalidArgument, "half", "an even number", Text(x));
  return x / 2;
}

Result<int> quarter(int x) {
  MOXIE_TRY_LET(const int h, half(x));
  MOXIE_TRY_LET(const int q, half(h));
  return q;
}

}  // namespace

TEST_CASE("a result is a value or the error that says why there is none") {
  CHECK(half(4).value() == 2);
  CHECK(half(4).status().ok());
  CHECK(half(3).status().message() == "half: needed an even number, came 3");
  CHECK_FALSE(half(3));
}

TEST_CASE("value throws the error") {
  try {
    (void)half(5).value();
    FAIL("nothing thrown");
  } catch (const StatusError& error) {
    CHECK(error.status().code() == Code::kInvalidArgument);
    CHECK(std::string(error.what()) == "half: needed an even number, came 5");
  }
}

TEST_CASE("an error leaves the function that tries") {
  CHECK(quarter(8).value() == 2);
  CHECK(quarter(6).status().came() == "3");
  CHECK(quarter(5).status().came() == "5");
}

TEST_CASE("a result moves what cannot be copied") {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(result);
  CHECK(*taken == 7);
}

TEST_CASE("value_or gives the other value for an error") {
  CHECK(half(4).value_or(9) == 2);
  CHECK(half(3).value_or(9) == 9);
}

TEST_CASE("an ok status is no error to make a result from") {
  const Result<int> result = Status();
  CHECK_FALSE(result.ok());
  CHECK(result.status().code() == Code::kInternal);
}
