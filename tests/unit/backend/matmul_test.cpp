// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include <moxie/backend/matmul.hpp>

#include "support/catch.hpp"
#include "unit/backend/linear_paths.hpp"
#include "unit/backend/linear_problem.hpp"

using namespace moxie;
using namespace moxie::test;

TEST_CASE("matmul gives the bits of a packed product, on every ISA") {
  for (const Isa isa : isas_under_test()) {
    const Backend backend = Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).value();
    for (const std::size_t out : {1u, 15u, 16u, 17u, 64u, 65u, 130u}) {
      for (const std::size_t in : {1u, 2u, 16u, 33u, 200u}) {
        const StoredWeights weights = StoredWeights::random(ElementType::kF32, out, in, out + in);
        const Linear linear = Linear::create(backend, weights.view()).value();
        for (const std::size_t rows : {1u, 2u, 5u, 7u, 64u}) {
          const Table x = Table::random(rows, in, rows);
          Table expected(rows, out);
          Scratch scratch(backend, matmul_scratch_bytes(in));
          REQUIRE(linear.apply(x.view(), expected.view(), scratch.workspace()).ok());
          INFO(linear.path() << ", [" << out << ", " << in << "], " << rows << " rows");

          Table dense(rows, out);
          REQUIRE(matmul(x.view(), weights.values(), dense.view(), scratch.workspace()).ok());
          CHECK(bit_difference(ConstRows(dense.view()), ConstRows(expected.view())) == "");

          Strided strided_x(x.view(), 1), strided_w(weights.values(), 3), y(rows, out, 2);
          REQUIRE(matmul(strided_x.view(), strided_w.view(), y.view(), scratch.workspace()).ok());
          CHECK(bit_difference(ConstRows(y.view()), ConstRows(expected.view())) == "");
          CHECK(y.gaps_are_untouched());
          CHECK(scratch.workspace().used_bytes() == 0);
        }
      }
    }
  }
}

TEST_CASE("matmul without a worker takes the machine's best path, which has the same bits") {
  const Table x = Table::random(9, 40, 1), w = Table::random(70, 40, 2);
  const Table expected = chain_linear(x.view(), w.view(), {});
  auto memory = AlignedBuffer::create(matmul_scratch_bytes(40)).value();
  Workspace bare(memory.bytes());
  Table y(9, 70);
  REQUIRE(matmul(x.view(), w.view(), y.view(), bare).ok());
  CHECK(bit_difference(ConstRows(y.view()), expected.view()) == "");
}

TEST_CASE("matmul takes shapes with nothing in them") {
  Workspace none;
  const Table some = Table::random(3, 4, 1);
  CHECK(matmul({}, {}, {}, none).ok());
  CHECK(matmul({nullptr, 0, 4}, some.view(), {nullptr, 0, 3}, none).ok());
  CHECK(matmul(some.view(), {nullptr, 0, 4}, {nullptr, 3, 0}, none).ok());
  // K = 0: sums of nothing, written over what was there.
  Strided y(5, 70, 3);
  REQUIRE(matmul({nullptr, 5, 0}, {nullptr, 70, 0}, y.view(), none).ok());
  const Table zeros(5, 70);
  CHECK(bit_difference(ConstRows(y.view()), zeros.view()) == "");
  CHECK(y.gaps_are_untouched());
}

TEST_CASE("matmul refuses what does not fit and says what would") {
  Table x(3, 4, 1.0f), w(5, 4, 1.0f), y(3, 5, 7.0f);
  auto memory = AlignedBuffer::create(matmul_scratch_bytes(4)).value();
  Workspace ws(memory.bytes());
  const auto refused = [&](ConstRows a, ConstRows b, Rows c, Code code, std::string_view came) {
    const Status status = matmul(a, b, c, ws);
    INFO(status.message());
    CHECK(status.code() == code);
    CHECK(contains(status.message(), came));
    CHECK(ws.used_bytes() == 0);
    CHECK(std::ranges::all_of(y.data, [](float value) { return value == 7.0f; }));
  };
  const Rows a = x.view(), b = w.view(), c = y.view();
  refused({a.data, 3, 3}, b, c, Code::kShape, "x [3, 3], w [5, 4]");
  refused(a, {b.data, 4, 4}, c, Code::kShape, "w [4, 4]");
  refused(a, b, {c.data, 2, 5}, Code::kShape, "y [2, 5]");
  refused(a, b, {c.data, 3, 4}, Code::kShape, "y [3, 4]");
  refused({a.data, 3, 4, 3}, b, c, Code::kShape, "x 3 of 4");
  refused(a, {b.data, 5, 4, 1}, c, Code::kShape, "w 1 of 4");
  refused(a, b, {c.data, 3, 5, 4}, Code::kShape, "y 4 of 5");
  ws = Workspace(memory.bytes().first(memory.size() - 64));
  refused(a, b, c, Code::kNoSpace, "bytes free");
  CHECK(matmul_scratch_bytes(std::numeric_limits<std::size_t>::max() / 2) == std::numeric_limits<std::size_t>::max());
}
