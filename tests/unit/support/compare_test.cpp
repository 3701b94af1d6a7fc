// SPDX-License-Identifier: Apache-2.0
// The comparator is tested first: what it cannot reject, no other test can.
#include "support/compare.hpp"

#include <limits>
#include <vector>

#include "support/catch.hpp"

using namespace moxie;
using test::bit_difference;
using test::difference;
using test::Reference;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Compares one row with a reference of the same width whose magnitudes are the values.
bool is_close(std::vector<float> y, const std::vector<double>& want, double roundings = 4) {
  Reference reference(1, want.size());
  for (std::size_t j = 0; j < want.size(); ++j) reference.set(0, j, want[j], std::abs(want[j]));
  return difference(ConstRows(y.data(), 1, y.size()), reference, roundings).empty();
}

}  // namespace

TEST_CASE("the comparator accepts equal rows and rows a rounding apart") {
  CHECK(is_close({1.0f, -2.0f, 3.5f}, {1.0, -2.0, 3.5}));
  CHECK(is_close({1.0000001f}, {1.0}));
  CHECK(is_close({0.1f}, {0.1}, 1));
  CHECK(is_close({}, {}));
}

TEST_CASE("the comparator rejects a sign flip") {
  CHECK_FALSE(is_close({-1.0f}, {1.0}));
  CHECK_FALSE(is_close({1.0f}, {-1.0}));
  CHECK_FALSE(is_close({-1e-30f}, {1e-30}));
}

TEST_CASE("the comparator rejects two unequal negatives") {
  CHECK_FALSE(is_close({-1.0f}, {-2.0}));
  CHECK_FALSE(is_close({-2.0f}, {-1.0}));
  CHECK_FALSE(is_close({-1.00001f}, {-1.0}));
}

TEST_CASE("the comparator rejects NaN against a number, both ways") {
  CHECK_FALSE(is_close({kNan}, {1.0}));
  CHECK_FALSE(is_close({1.0f}, {std::numeric_limits<double>::quiet_NaN()}));
}

TEST_CASE("the comparator rejects one infinity against another and against a number") {
  CHECK_FALSE(is_close({kInf}, {-std::numeric_limits<double>::infinity()}));
  CHECK_FALSE(is_close({kInf}, {3e38}));
  CHECK_FALSE(is_close({3e38f}, {std::numeric_limits<double>::infinity()}));
  CHECK(is_close({kInf}, {std::numeric_limits<double>::infinity()}));
}

TEST_CASE("the comparator rejects unequal sizes") {
  CHECK_FALSE(is_close({1.0f}, {1.0, 1.0}));
  CHECK_FALSE(is_close({1.0f, 1.0f}, {1.0}));
  std::vector<float> y(4, 1.0f);
  Reference two_by_two(2, 2);
  for (std::size_t i = 0; i < 4; ++i) two_by_two.set(i / 2, i % 2, 1.0, 1.0);
  CHECK(difference(ConstRows(y.data(), 2, 2), two_by_two, 1).empty());
  CHECK_FALSE(difference(ConstRows(y.data(), 1, 4), two_by_two, 1).empty());
}

TEST_CASE("the comparator rejects an output that is mostly zero") {
  CHECK_FALSE(is_close({0.0f, 0.0f, 1.0f}, {0.0, 0.0, 1.0}));
  CHECK(is_close({0.0f, 2.0f, 1.0f}, {0.0, 2.0, 1.0}));
}

TEST_CASE("the comparator finds one wrong value among many") {
  std::vector<float> y(1000, 1.0f);
  const std::vector<double> want(1000, 1.0);
  CHECK(is_close(y, want));
  y[777] = 1.00001f;
  CHECK_FALSE(is_close(y, want));
}

TEST_CASE("the tolerance grows with the magnitude and not with the value") {
  const float y = 1e-4f;  // 0 in exact numbers, left over from terms of size 1000
  Reference cancelled(1, 2);
  cancelled.set(0, 0, 0.0, 1000.0);
  cancelled.set(0, 1, 1.0, 1.0);
  const std::vector<float> row{y, 1.0f};
  CHECK(difference(ConstRows(row.data(), 1, 2), cancelled, 4).empty());
  cancelled.set(0, 0, 0.0, 1.0);
  CHECK_FALSE(difference(ConstRows(row.data(), 1, 2), cancelled, 4).empty());
}

TEST_CASE("a magnitude below the value is a mistake of the test") {
  Reference wrong(1, 1);
  wrong.set(0, 0, 2.0, 1.0);
  const float y = 2.0f;
  CHECK_FALSE(difference(ConstRows(&y, 1, 1), wrong, 1).empty());
}

TEST_CASE("bit_difference tells zeros, NaNs and shapes apart") {
  const float plus[] = {0.0f, kNan};
  const float minus[] = {-0.0f, kNan};
  CHECK(bit_difference(ConstRows(plus, 1, 2), ConstRows(plus, 1, 2)).empty());
  CHECK(bit_difference(ConstRows(plus, 1, 2), ConstRows(minus, 1, 2)) == "row 0, column 0: 0, not -0");
  CHECK(bit_difference(ConstRows(plus + 1, 1, 1), ConstRows(minus + 1, 1, 1)).empty());
  CHECK_FALSE(bit_difference(ConstRows(plus, 1, 2), ConstRows(plus, 2, 1)).empty());
}
