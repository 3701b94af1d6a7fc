// SPDX-License-Identifier: Apache-2.0
// Stretched rotary embeddings; parts_test.cpp has the plain one.
#include "model/run/rope.hpp"

#include <cmath>
#include <vector>

#include "support/catch.hpp"

using namespace moxie;
using model::frequency_factors;
using model::Rope;

namespace {

constexpr double kPi = 3.14159265358979323846;

double relative(double a, double b) { return std::abs(a - b) / std::abs(b); }

double frequency(std::size_t i, double width, double theta) {
  return 1 / std::pow(theta, 2 * static_cast<double>(i) / width);
}

}  // namespace

TEST_CASE("without a scaling there are no factors, and a file's own are taken as they are") {
  CHECK(frequency_factors({}, 64, 1e6).empty());
  RopeScaling scaling;
  scaling.type = RopeScaling::Type::kFactors;
  scaling.frequency_factors = {1, 2, 4};
  CHECK(frequency_factors(scaling, 6, 1e6) == scaling.frequency_factors);
}

TEST_CASE("llama3 keeps what turns fast, divides what turns slowly, and blends between") {
  RopeScaling scaling;
  scaling.type = RopeScaling::Type::kLlama3;
  scaling.factor = 8;
  scaling.original_max_position_embeddings = 8192;
  const std::vector<float> factors = frequency_factors(scaling, 128, 500000);
  REQUIRE(factors.size() == 64);
  std::size_t kept = 0, divided = 0, blended = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    const double f = frequency(i, 128, 500000);
    const double wavelength = 2 * kPi / f;
    double expected = f;
    if (wavelength > 8192.0 / 1) {
      expected = f / 8;
      ++divided;
    } else if (wavelength >= 8192.0 / 4) {
      const double smooth = (8192 / wavelength - 1) / 3;
      expected = (1 - smooth) * f / 8 + smooth * f;
      ++blended;
    } else {
      ++kept;
    }
    CHECK(relative(f / static_cast<double>(factors[i]), expected) < 1e-7);
  }
  CHECK(kept > 20);
  CHECK(divided > 20);
  CHECK(blended > 3);
}

TEST_CASE("yarn blends between the pairs that turn beta_fast and beta_slow times, in whole steps or not") {
  for (const bool truncate : {true, false}) {
    RopeScaling scaling;
    scaling.type = RopeScaling::Type::kYarn;
    scaling.factor = 4;
    scaling.original_max_position_embeddings = 32768;
    scaling.truncate = truncate;
    const std::vector<float> factors = frequency_factors(scaling, 128, 1e6);
    const auto bound = [&](double turns) { return 128 * std::log(32768 / (turns * 2 * kPi)) / (2 * std::log(1e6)); };
    const double low = truncate ? std::floor(bound(32)) : bound(32);
    const double high = truncate ? std::ceil(bound(1)) : bound(1);
    for (std::size_t i = 0; i < 64; ++i) {
      const double ramp = std::min(1.0, std::max(0.0, (static_cast<double>(i) - low) / (high - low)));
      const double f = frequency(i, 128, 1e6);
      CHECK(relative(f / static_cast<double>(factors[i]), f / 4 * ramp + f * (1 - ramp)) < 1e-7);
    }
    CHECK(factors.front() == 1);
    CHECK(factors.back() == 4);
  }
  CHECK(relative(model::yarn_attention_factor(40), 0.1 * std::log(40.0) + 1) < 1e-15);
  CHECK(model::yarn_attention_factor(1) == 1);
  CHECK(model::yarn_attention_factor(0.5) == 1);
}

TEST_CASE("a rope with factors turns by angles divided, scaled, and only the elements that it is for") {
  const std::vector<float> factors = {1, 4};
  const Rope rope(4, 100, factors, 1.5);
  CHECK(rope.table_width() == 4);
  std::vector<float> table(4);
  rope.fill(7, table.data());
  for (std::size_t i = 0; i < 2; ++i) {
    const double angle = 7 * frequency(i, 4, 100) / static_cast<double>(factors[i]);
    CHECK(std::abs(static_cast<double>(table[i]) - 1.5 * std::cos(angle)) < 1e-7);
    CHECK(std::abs(static_cast<double>(table[2 + i]) - 1.5 * std::sin(angle)) < 1e-7);
  }
  std::vector<float> head = {1, 2, 3, 4, 5, 6};  // of six elements four turn
  rope.rotate(table.data(), head.data());
  CHECK(head[4] == 5);
  CHECK(head[5] == 6);
  CHECK(head[0] == 1 * table[0] - 3 * table[2]);
  CHECK(head[2] == 3 * table[0] + 1 * table[2]);
  CHECK(head[1] == 2 * table[1] - 4 * table[3]);
}

TEST_CASE("neighbours are rotated as halves are, in another order") {
  const Rope rope(10, 1e4, {}, 1.25);
  std::vector<float> table(rope.table_width());
  rope.fill(77, table.data());
  std::vector<float> halves(10), neighbours(10);
  for (std::size_t i = 0; i < 5; ++i) {
    halves[i] = neighbours[2 * i] = static_cast<float>(i) + 0.5f;
    halves[5 + i] = neighbours[2 * i + 1] = 2.0f - static_cast<float>(i);
  }
  rope.rotate(table.data(), halves.data());
  rope.rotate_neighbours(table.data(), neighbours.data());
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(neighbours[2 * i] == halves[i]);
    CHECK(neighbours[2 * i + 1] == halves[5 + i]);
  }
}

TEST_CASE("yarn scales scores by the square of what mscale_all_dim gives, and other scalings do not") {
  RopeScaling scaling;
  scaling.type = RopeScaling::Type::kYarn;
  scaling.factor = 40;
  CHECK(model::yarn_softmax_factor(scaling) == 1);
  scaling.yarn_log_multiplier = 0.0707f;
  const double mscale = 1 + 0.0707 * std::log(40.0);
  CHECK(relative(model::yarn_softmax_factor(scaling), mscale * mscale) < 1e-7);
  CHECK(relative(model::yarn_softmax_factor(scaling), 1.5896) < 1e-4);
  scaling.type = RopeScaling::Type::kLinear;
  CHECK(model::yarn_softmax_factor(scaling) == 1);
}
