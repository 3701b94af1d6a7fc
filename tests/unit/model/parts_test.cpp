// SPDX-License-Identifier: Apache-2.0
#include "model/run/parts.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <moxie/backend/executors.hpp>
#include <moxie/core/philox.hpp>

#include "support/catch.hpp"

using namespace moxie;
using model::Norm;
using model::Rope;

namespace {

/// Half the distance between 1 and the next number: the relative error of one rounding.
constexpr double kUnitF32 = 0x1p-24;
constexpr double kUnitF64 = 0x1p-53;

std::vector<float> noise(std::size_t count, std::uint64_t stream, float scale = 1.0f) {
  const Philox random(42, stream);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = (Philox::uniform(random.block(i / 4)[i % 4]) * 2.0f - 1.0f) * scale;
  }
  return values;
}

std::vector<double> norm_in_double(const std::vector<float>& x, const std::vector<float>& weight, double eps) {
  double sum = 0;
  for (const float v : x) sum += static_cast<double>(v) * static_cast<double>(v);
  const double root = std::sqrt(sum / static_cast<double>(x.size()) + eps);
  std::vector<double> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = static_cast<double>(x[i]) / root * static_cast<double>(weight[i]);
  return y;
}

/// The greatest error of y, in units of what n floats may cost: each square is rounded once and goes through
/// n / 16 sums in its lane and 4 between lanes; mean, eps and its sum are three roundings more; the root halves
/// all that, and root, reciprocal and two products add four.
double norm_error(const std::vector<float>& y, const std::vector<double>& expected) {
  const double sums = std::ceil(static_cast<double>(y.size()) / 16.0);
  const double bound = ((1 + sums + 4 + 3) / 2 + 4) * kUnitF32;
  double worst = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double error = std::fabs(static_cast<double>(y[i]) - expected[i]);
    // Below the smallest normal number roundings are absolute.
    const double ratio = error / (bound * std::fabs(expected[i]) + 0x1p-149);
    if (!(ratio <= worst)) worst = ratio;  // and NaN stays
    if (std::isnan(worst)) return std::numeric_limits<double>::infinity();
  }
  return worst;
}

std::vector<float> to_float(const std::vector<double>& values) { return {values.begin(), values.end()}; }

/// cos and sin of position * theta^(-2i/C), in more precision than the code under test has.
struct Turn {
  long double angle;
  long double cosine;
  long double sine;
};
Turn turn_of(Position position, std::size_t i, std::size_t width, double theta) {
  const long double angle =
      static_cast<long double>(position) *
      std::pow(static_cast<long double>(theta), -2.0L * static_cast<long double>(i) / static_cast<long double>(width));
  return {angle, std::cos(angle), std::sin(angle)};
}

/// How far `got` is from what it should be.
double off(float got, long double expected) {
  return std::fabs(static_cast<double>(static_cast<long double>(got) - expected));
}

/// What a table's entry may be off: half a unit of a float of at most 1, and the angle's error in double. The
/// frequency is off by its own rounding, and by its exponent's times the logarithm of the frequency.
double table_bound(const Turn& turn, Position position) {
  if (position == 0) return 0;
  const double angle = static_cast<double>(turn.angle);
  const double log_frequency = std::fabs(std::log(angle / static_cast<double>(position)));
  return kUnitF32 / 2 + angle * kUnitF64 * (4 + log_frequency);
}

}  // namespace

TEST_CASE("the comparison of norms rejects what is wrong") {
  const std::size_t n = 128;
  const std::vector<float> x = noise(n, 1, 0.01f);
  const std::vector<float> weight = noise(n, 2);
  const std::vector<double> right = norm_in_double(x, weight, 1e-6);
  CHECK(norm_error(to_float(right), right) < 1.0);
  CHECK(norm_error(to_float(norm_in_double(x, weight, 0)), right) > 100);       // eps left out
  CHECK(norm_error(to_float(norm_in_double(x, weight, 1.1e-6)), right) > 100);  // another eps
  std::vector<double> mean = right;                                             // over n - 1
  for (double& y : mean) y *= std::sqrt(static_cast<double>(n - 1) / static_cast<double>(n));
  CHECK(norm_error(to_float(mean), right) > 100);
  for (const float other : {static_cast<float>(-right[70]), 0.0f, std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity()}) {
    std::vector<float> y = to_float(right);
    y[70] = other;
    CHECK(norm_error(y, right) > 100);
  }
}

TEST_CASE("a norm is what double says, within the roundings it has") {
  for (const std::size_t n : {1u, 2u, 15u, 16u, 17u, 31u, 44u, 128u, 2048u, 5000u}) {
    for (const float scale : {1e-12f, 1e-3f, 1.0f, 300.0f, 1e15f}) {
      for (const double eps : {1e-30, 1e-6, 1e-2, 1.0}) {
        INFO("n " << n << ", scale " << static_cast<double>(scale) << ", eps " << eps);
        const std::vector<float> x = noise(n, n, scale);
        const std::vector<float> weight = noise(n, n + 1, 3.0f);
        std::vector<float> y(n);
        Norm(weight, eps).apply(x.data(), y.data());
        CHECK(norm_error(y, norm_in_double(x, weight, eps)) <= 1.0);
      }
    }
  }
}

TEST_CASE("a norm of zeros is zeros, in place is as beside, and a row is by itself") {
  const std::size_t n = 44;
  const Norm norm(noise(n, 7), 1e-6);
  CHECK(norm.width() == n);
  std::vector<float> zeros(n, 0.0f);
  norm.apply(zeros.data(), zeros.data());
  for (const float y : zeros) CHECK(y == 0.0f);

  const std::vector<float> rows = noise(3 * n, 8);
  std::vector<float> beside(3 * n);
  std::vector<float> in_place = rows;
  for (std::size_t row = 0; row < 3; ++row) {
    norm.apply(rows.data() + row * n, beside.data() + row * n);
    norm.apply(in_place.data() + row * n, in_place.data() + row * n);
  }
  CHECK(std::memcmp(beside.data(), in_place.data(), beside.size() * sizeof(float)) == 0);
  std::vector<float> alone(n);
  norm.apply(rows.data() + 2 * n, alone.data());
  CHECK(std::memcmp(alone.data(), beside.data() + 2 * n, n * sizeof(float)) == 0);
}

TEST_CASE("a norm of a row that is not finite has NaN where that was") {
  const std::size_t n = 20;
  const Norm norm(std::vector<float>(n, 1.0f), 1e-6);
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x(n, 1.0f);
    x[17] = value;
    norm.apply(x.data(), x.data());
    CHECK(std::isnan(x[17]));
  }
  Norm({}, 1e-6).apply(nullptr, nullptr);  // a width of 0 reads nothing
}

TEST_CASE("a rotary table is right to half a unit of a float, up to a million positions and at the last one") {
  struct Shape {
    std::size_t width;
    double theta;
  };
  for (const Shape& shape :
       {Shape{128, 1e6}, Shape{128, 1e7}, Shape{10, 1e4}, Shape{2, 1e6}, Shape{96, 500}, Shape{64, 1}}) {
    const Rope rope(shape.width, shape.theta);
    REQUIRE(rope.table_width() == shape.width);
    std::vector<float> table(shape.width);
    for (const Position position : {0, 1, 2, 31, 4095, 40959, 262143, 1 << 20, (1 << 20) + 1}) {
      rope.fill(position, table.data());
      for (std::size_t i = 0; i < shape.width / 2; ++i) {
        const Turn turn = turn_of(position, i, shape.width, shape.theta);
        const double bound = table_bound(turn, position);
        INFO("C " << shape.width << ", theta " << shape.theta << ", position " << position << ", pair " << i);
        CHECK(bound < kUnitF32);
        CHECK(off(table[i], turn.cosine) <= bound);
        CHECK(off(table[shape.width / 2 + i], turn.sine) <= bound);
      }
    }
    // The last position there is: the angle itself is then known to 1e-6 only.
    rope.fill(std::numeric_limits<Position>::max(), table.data());
    for (std::size_t i = 0; i < shape.width / 2; ++i) {
      const Turn turn = turn_of(std::numeric_limits<Position>::max(), i, shape.width, shape.theta);
      CHECK(off(table[i], turn.cosine) < 1e-5);
    }
  }
}

TEST_CASE("angles in float would not pass: the oracle tells them apart") {
  const Position position = 1 << 20;
  double worst = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    const Turn turn = turn_of(position, i, 128, 1e6);
    const float frequency = std::pow(1e6f, -2.0f * static_cast<float>(i) / 128.0f);
    worst = std::max(worst, off(std::cos(static_cast<float>(position) * frequency), turn.cosine));
  }
  CHECK(worst > 1e-2);
}

TEST_CASE("a turn takes the pairs (i, i + C/2) round by their own angles") {
  const std::size_t width = 10;
  const Rope rope(width, 500);
  std::vector<float> table(width);
  rope.fill(77, table.data());
  for (std::size_t element = 0; element < width; ++element) {
    std::vector<float> head(width, 0.0f);
    head[element] = 1.0f;
    rope.rotate(table.data(), head.data());
    const std::size_t i = element % 5;
    for (std::size_t c = 0; c < width; ++c) {
      float expected = 0.0f;
      if (c == element) expected = table[i];
      if (c % 5 == i && c != element) expected = element < 5 ? table[5 + i] : -table[5 + i];
      CHECK(head[c] == expected);
    }
  }
}

TEST_CASE("a turn is what double says, and at position 0 nothing at all") {
  for (const std::size_t width : {2u, 10u, 96u, 128u}) {
    const Rope rope(width, 1e6);
    const std::vector<float> x = noise(width, width, 5.0f);
    std::vector<float> table(width);
    for (const Position position : {0, 1, 1000, 1 << 20}) {
      rope.fill(position, table.data());
      std::vector<float> y = x;
      rope.rotate(table.data(), y.data());
      if (position == 0) CHECK(y == x);
      for (std::size_t i = 0; i < width / 2; ++i) {
        const Turn turn = turn_of(position, i, width, 1e6);
        const auto low = static_cast<long double>(x[i]);
        const auto high = static_cast<long double>(x[width / 2 + i]);
        // Two table entries of one unit, two products and a sum of half a unit each.
        const double bound = 3 * kUnitF32 * static_cast<double>(std::fabs(low) + std::fabs(high));
        CHECK(off(y[i], low * turn.cosine - high * turn.sine) <= bound);
        CHECK(off(y[width / 2 + i], high * turn.cosine + low * turn.sine) <= bound);
      }
    }
  }
}

TEST_CASE("an embedding narrower than the head turns its first elements, by angles of its own width") {
  const std::size_t head = 24;
  for (const std::size_t width : {2u, 6u, 16u, 24u}) {
    const Rope rope(width, 500);
    REQUIRE(rope.table_width() == width);
    const std::vector<float> x = noise(head, width, 5.0f);
    std::vector<float> table(width), y = x;
    rope.fill(77, table.data());
    rope.rotate(table.data(), y.data());
    for (std::size_t i = 0; i < width / 2; ++i) {
      const Turn turn = turn_of(77, i, width, 500);
      const auto low = static_cast<long double>(x[i]);
      const auto high = static_cast<long double>(x[width / 2 + i]);
      const double bound = 3 * kUnitF32 * static_cast<double>(std::fabs(low) + std::fabs(high));
      CHECK(off(y[i], low * turn.cosine - high * turn.sine) <= bound);
      CHECK(off(y[width / 2 + i], high * turn.cosine + low * turn.sine) <= bound);
    }
    for (std::size_t c = width; c < head; ++c) CHECK(y[c] == x[c]);
  }
}

TEST_CASE("the product of a turned query and a turned key depends on how far they are apart") {
  const std::size_t width = 128;
  const Rope rope(width, 1e6);
  const std::vector<float> query = noise(width, 1);
  const std::vector<float> key = noise(width, 2);
  std::vector<float> table(width);
  const auto product = [&](Position at, Position from) {
    std::vector<float> q = query;
    std::vector<float> k = key;
    rope.fill(at, table.data());
    rope.rotate(table.data(), q.data());
    rope.fill(from, table.data());
    rope.rotate(table.data(), k.data());
    double sum = 0;
    for (std::size_t i = 0; i < width; ++i) sum += static_cast<double>(q[i]) * static_cast<double>(k[i]);
    return sum;
  };
  const double near = product(17, 0);
  // 12 roundings for each of 128 products of at most 2, as a sum of squares is at most.
  CHECK(std::fabs(product(30017, 30000) - near) < 128 * 2 * 12 * kUnitF32);
  CHECK(std::fabs(product((1 << 20) + 17, 1 << 20) - near) < 128 * 2 * 12 * kUnitF32);
  CHECK(std::fabs(product(18, 0) - near) > 1e-2);
}

TEST_CASE("rows are split over the workers so that each is visited once") {
  for (const std::size_t threads : {1u, 3u}) {
    const auto executor = make_executor(ExecutorKind::kThreads, threads).value();
    std::vector<Workspace> workspaces(executor->width());
    Workers workers(*executor, workspaces);
    for (const std::size_t rows : {0u, 1u, 2u, 11u, 12u, 13u, 1000u}) {
      std::vector<std::atomic<int>> visits(rows);
      REQUIRE(model::each_row(workers, rows, [&](std::size_t row) { visits[row].fetch_add(1); }).ok());
      CHECK(std::all_of(visits.begin(), visits.end(), [](const auto& count) { return count == 1; }));
    }
  }
}

TEST_CASE("add adds n floats and no more") {
  std::vector<float> y = {1, 2, 3, 4};
  const std::vector<float> x = {10, 20, 30, 40};
  model::add(x.data(), y.data(), 3);
  CHECK(y == std::vector<float>{11, 22, 33, 4});
  model::add(x.data(), y.data(), 0);
  CHECK(y == std::vector<float>{11, 22, 33, 4});
}
