// SPDX-License-Identifier: Apache-2.0
// Attention over more than one segment of 256 positions: docs/design/002 says how segments join.

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <moxie/core/math.hpp>

#include "support/catch.hpp"
#include "unit/backend/attend_ops.hpp"
#include "unit/backend/attend_problem.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// What is known of one head up to a position.
struct Known {
  float largest = -std::numeric_limits<float>::max();
  std::array<float, 16> total{};
  std::vector<float> sums;
};

/// One page of 32 positions from `begin` on.
void add_page(AttendProblem& p, std::size_t h, std::size_t begin, Known& known) {
  constexpr float kNothing = -std::numeric_limits<float>::infinity();
  std::array<float, 32> weight{};
  const auto counts = [&](std::size_t j) { return begin + j >= p.below() && begin + j < p.visible; };
  float largest = known.largest;
  for (std::size_t j = 0; j < 32; ++j) {
    float score = 0.0f;
    for (std::size_t c = 0; counts(j) && c < p.shape.key_width; ++c) {
      score = std::fma(p.queries.view().row(h)[c], p.key(begin + j, c), score);
    }
    weight[j] = counts(j) ? score * p.scale : kNothing;
    largest = std::max(largest, weight[j]);
  }
  const float rescale = moxie::exp(known.largest - largest);
  for (float& w : weight) w = moxie::exp(w - largest);
  for (std::size_t i = 0; i < 16; ++i) known.total[i] = std::fma(known.total[i], rescale, weight[i]) + weight[i + 16];
  for (std::size_t c = 0; c < known.sums.size(); ++c) {
    known.sums[c] *= rescale;
    for (std::size_t j = 0; j < 32; ++j) {
      if (counts(j)) known.sums[c] = std::fma(weight[j], p.value(begin + j, c), known.sums[c]);
    }
  }
  known.largest = largest;
}

void join(Known& all, const Known& segment) {
  const float largest = std::max(all.largest, segment.largest);
  const float before = moxie::exp(all.largest - largest);
  const float here = moxie::exp(segment.largest - largest);
  for (std::size_t i = 0; i < 16; ++i) all.total[i] = std::fma(segment.total[i], here, all.total[i] * before);
  for (std::size_t c = 0; c < all.sums.size(); ++c) {
    all.sums[c] = std::fma(segment.sums[c], here, all.sums[c] * before);
  }
  all.largest = largest;
}

/// The rule, one operation after the other.
Table by_the_rule(AttendProblem& p) {
  Table y(p.queries.view().rows, p.shape.value_width);
  for (std::size_t h = 0; h < y.rows(); ++h) {
    Known all;
    for (std::size_t begin = p.below() / 256 * 256; begin < p.visible; begin += 256) {
      const bool is_first = begin <= p.below();
      Known segment{.sums = std::vector<float>(y.width)};
      if (is_first) segment.largest = p.sinks.empty() ? -std::numeric_limits<float>::infinity() : p.sinks[h];
      if (is_first && !p.sinks.empty()) segment.total[0] = 1.0f;
      for (std::size_t page = begin; page < std::min(begin + 256, p.visible); page += 32) {
        if (page + 32 > p.below()) add_page(p, h, page, segment);
      }
      if (is_first) {
        all = segment;
      } else {
        join(all, segment);
      }
    }
    const float total = sum_lanes(Lanes(all.total));
    for (std::size_t c = 0; c < y.width; ++c) y.view().row(h)[c] = all.sums[c] / total;
  }
  return y;
}

void check_rule(AttendProblem& p) {
  const Table expected = by_the_rule(p);
  for (const backend::Ops* ops : attend_ops()) {
    Table y(expected.rows(), expected.width);
    p.run(*ops, 0, y.view());
    INFO(ops->isa << ": " << p.visible << " positions, window " << p.window << ", " << name(p.shape.type));
    CHECK(bit_difference(ConstRows(y.view()), ConstRows(expected.view())) == "");
  }
}

}  // namespace

TEST_CASE("segments of 256 positions join in ascending order, operation by operation") {
  std::size_t turn = 0;
  for (const std::size_t visible : {31u, 255u, 256u, 257u, 288u, 511u, 512u, 513u, 800u, 1100u}) {
    for (const std::size_t window : {0u, 33u, 256u, 300u, 520u}) {
      AttendProblem problem = AttendProblem::random(turn % 5 + 1, 10, 24, visible);
      if (window != 0) problem.see_last(window);
      if (turn % 2 != 0) problem.sinks = {0.5f, -2.0f, 3.0f, 40.0f, -60.0f};
      check_rule(problem);
      problem.store_as(turn % 3 == 0 ? KvType::kQ8_0 : turn % 3 == 1 ? KvType::kF16 : KvType::kBF16);
      check_rule(problem);
      ++turn;
    }
  }
}

TEST_CASE("thousands of positions are as exact as one segment and the joins") {
  for (const std::size_t visible : {8192u, 32768u}) {
    AttendProblem problem = AttendProblem::random(4, 64, 64, visible);
    const AttendProblem::Exact exact = problem.exact();
    for (const backend::Ops* ops : attend_ops()) {
      Table y(4, 64);
      problem.run(*ops, 0, y.view());
      INFO(ops->isa << ", " << visible << " positions, " << exact.roundings << " roundings");
      CHECK(difference(y.view(), exact.value, exact.roundings) == "");
    }
  }
}

TEST_CASE("a segment whose scores are all -infinity has no weight") {
  AttendProblem shorter = AttendProblem::random(3, 8, 8, 256);
  AttendProblem longer(3, 8, 8, 600);
  for (std::size_t h = 0; h < 3; ++h) {
    for (std::size_t c = 0; c < 8; ++c) {
      float& query = shorter.queries.view().row(h)[c];
      query = std::fabs(query) + 1.0f;
      longer.queries.view().row(h)[c] = query;
    }
  }
  for (std::size_t j = 0; j < 600; ++j) {
    for (std::size_t c = 0; c < 8; ++c) {
      longer.key(j, c) = j < 256 ? shorter.key(j, c) : -std::numeric_limits<float>::infinity();
      longer.value(j, c) = j < 256 ? shorter.value(j, c) : 5.0f;
    }
  }
  for (const backend::Ops* ops : attend_ops()) {
    Table a(3, 8), b(3, 8);
    shorter.run(*ops, 0, a.view());
    longer.run(*ops, 0, b.view());
    INFO(ops->isa);
    CHECK(bit_difference(ConstRows(a.view()), ConstRows(b.view())) == "");
  }
}
