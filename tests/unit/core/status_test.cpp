// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <moxie/core/budget.hpp>
#include <moxie/core/checked.hpp>
#include <moxie/core/eigen.hpp>
#include <moxie/core/element_type.hpp>
#include <moxie/core/executor.hpp>
#include <moxie/core/host.hpp>
#include <moxie/core/math.hpp>
#include <moxie/core/philox.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/workers.hpp>
#include <moxie/core/workspace.hpp>

#include "support/catch.hpp"

using namespace moxie;

TEST_CASE("a status says where, what was needed and what came") {
  const Status status(Code::kShape, "TopK::route", Text("logits of [", 3, ", 8]"), "[3, 7]");
  CHECK_FALSE(status.ok());
  CHECK(status.code() == Code::kShape);
  CHECK(status.where() == "TopK::route");
  CHECK(status.needed() == "logits of [3, 8]");
  CHECK(status.came() == "[3, 7]");
  CHECK(status.message() == "TopK::route: needed logits of [3, 8], came [3, 7]");
}

TEST_CASE("a message has no control characters, whichever names it quotes") {
  const Status status(Code::kFormat, "a\x1b[b\n",
                      "\xc2\x9b"
                      "31m \xc2\xa0 \xc3\x9b",
                      "\x7f\xc2");
  CHECK(status.where() == "a?[b?");
  CHECK(status.needed() == "??31m \xc2\xa0 \xc3\x9b");
  CHECK(status.came() == "?\xc2");
  CHECK(Status(Code::kFormat, "\x9b\xc2", "\x9b", "").needed() == "\x9b");  // no character, so no control
}

TEST_CASE("an ok status has no words") {
  CHECK(Status().ok());
  CHECK(Status().message().empty());
}

TEST_CASE("copies of a status share its text and outlive it") {
  Status copy;
  {
    const Status status(Code::kIo, "read", "8 bytes", "3");
    copy = status;
  }
  CHECK(copy.message() == "read: needed 8 bytes, came 3");
}
