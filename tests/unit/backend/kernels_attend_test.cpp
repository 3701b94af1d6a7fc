// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "unit/backend/attend_ops.hpp"
#include "unit/backend/attend_problem.hpp"

using namespace moxie;
using namespace moxie::test;

static_assert(kKvPagePositions == 32, "the kernels take a page as two vectors of 16 scores");

namespace {

/// All heads on each ISA: the same bits, nothing written beside them. Gives the result.
Table run_everywhere(AttendProblem& problem) {
  const std::size_t heads = problem.queries.view().rows;
  Table first(heads, problem.shape.value_width);
  bool is_first = true;
  for (const backend::Ops* ops : attend_ops()) {
    Strided y(heads, problem.shape.value_width, 5);
    problem.run(*ops, 0, y.view());
    INFO(ops->isa << ": " << heads << " heads, keys of " << problem.shape.key_width << ", values of "
                  << problem.shape.value_width << ", " << problem.visible << " positions");
    CHECK(y.gaps_are_untouched());
    if (is_first) {
      for (std::size_t h = 0; h < heads; ++h) std::copy_n(y.view().row(h), first.width, first.view().row(h));
      is_first = false;
    }
    CHECK(bit_difference(ConstRows(y.view()), ConstRows(first.view())) == "");
  }
  return first;
}

void check_exact(AttendProblem& problem) {
  Table y = run_everywhere(problem);
  const AttendProblem::Exact exact = problem.exact();
  INFO(y.rows() << " heads, keys of " << problem.shape.key_width << ", values of " << problem.shape.value_width << ", "
                << problem.visible << " positions, " << exact.roundings << " roundings");
  CHECK(difference(y.view(), exact.value, exact.roundings) == "");
}

}  // namespace

TEST_CASE("attention is the softmax-weighted mean of the visible values, with the same bits on every ISA") {
  // What may not be read is NaN in these problems: one value too many and the result is NaN.
  constexpr std::size_t kWidths[] = {2, 8, 10, 64, 128};
  std::size_t turn = 0;
  for (const std::size_t key_width : kWidths) {
    for (const std::size_t value_width : kWidths) {
      for (const std::size_t visible : {1u, 2u, 15u, 16u, 17u, 31u, 32u, 33u, 47u, 48u, 64u, 65u, 96u, 100u}) {
        AttendProblem problem = AttendProblem::random(turn++ % 9 + 1, key_width, value_width, visible);
        check_exact(problem);
      }
    }
  }
}

TEST_CASE("attention is right for every number of heads and of positions") {
  for (std::size_t heads = 1; heads <= 9; ++heads) {
    for (std::size_t visible = 1; visible <= 100; ++visible) {
      AttendProblem problem = AttendProblem::random(heads, 8, 10, visible);
      check_exact(problem);
    }
  }
}

TEST_CASE("pages of each type give what their numbers give, with the bits of pages of f32 that hold the same") {
  constexpr std::size_t kWidths[][2] = {{2, 8},   {8, 2},   {10, 64},  {31, 33},   {32, 32},   {33, 31},
                                        {40, 80}, {64, 16}, {96, 128}, {128, 128}, {192, 128}, {576, 512}};
  std::size_t turn = 0;
  for (const KvType type : {KvType::kF16, KvType::kBF16, KvType::kQ8_0}) {
    for (const auto& [key_width, value_width] : kWidths) {
      for (const std::size_t visible : {1u, 16u, 31u, 32u, 33u, 50u, 100u}) {
        AttendProblem problem = AttendProblem::random(turn++ % 9 + 1, key_width, value_width, visible);
        if (turn % 3 == 0) problem.see_last(turn % 41 + 1);
        problem.store_as(type);
        INFO(name(type));
        check_exact(problem);
        const std::size_t heads = problem.queries.view().rows;
        for (const backend::Ops* ops : attend_ops()) {
          Table typed(heads, value_width), f32(heads, value_width);
          problem.run(*ops, 0, typed.view());
          problem.run_as_f32(*ops, 0, f32.view());
          CHECK(bit_difference(ConstRows(typed.view()), ConstRows(f32.view())) == "");
        }
      }
    }
  }
}

TEST_CASE("a window hides what lies before it, page by page and within a page") {
  for (const std::size_t window : {1u, 2u, 15u, 16u, 17u, 31u, 32u, 33u, 64u, 99u, 100u, 200u}) {
    for (const std::size_t visible : {1u, 2u, 16u, 17u, 32u, 33u, 34u, 48u, 64u, 65u, 97u, 100u}) {
      AttendProblem problem = AttendProblem::random(visible % 5 + 1, 10, 10, visible);
      problem.see_last(window);
      check_exact(problem);
    }
  }
  // One that hides nothing changes nothing.
  AttendProblem whole = AttendProblem::random(4, 8, 8, 70);
  const Table expected = run_everywhere(whole);
  whole.see_last(70);
  CHECK(bit_difference(ConstRows(run_everywhere(whole).view()), ConstRows(expected.view())) == "");
}

TEST_CASE("a sink takes its share of the weight, however large or small it is") {
  for (const std::size_t visible : {1u, 2u, 16u, 31u, 32u, 33u, 65u, 100u}) {
    for (const float middle : {0.0f, -60.0f, 40.0f}) {
      AttendProblem problem = AttendProblem::random(visible % 9 + 1, 10, 64, visible);
      const Table around = Table::random(1, 9, visible);
      for (const float value : around.view()[0]) problem.sinks.push_back(middle + 3.0f * value);
      check_exact(problem);
      problem.see_last(7);
      check_exact(problem);
    }
  }
}

TEST_CASE("known sinks give known means") {
  AttendProblem problem = AttendProblem::random(5, 8, 8, 40);
  const Table without = run_everywhere(problem);
  for (std::size_t j = 0; j < 40; ++j) {
    for (std::size_t c = 0; c < 8; ++c) problem.key(j, c) = 0.0f;
  }
  // 40 scores of 0 and a sink: of 0, which is one position more; of -infinity and -200, which are none; of infinity and
  // NaN, which leave nothing in their own head.
  problem.sinks = {0.0f, -std::numeric_limits<float>::infinity(), -200.0f, std::numeric_limits<float>::infinity(),
                   std::numeric_limits<float>::quiet_NaN()};
  for (std::size_t j = 0; j < 40; ++j) {
    for (std::size_t c = 0; c < 8; ++c) problem.value(j, c) = static_cast<float>(41 * (j + 1));
  }
  Table y = run_everywhere(problem);
  for (std::size_t c = 0; c < 8; ++c) {
    CHECK(y.view().row(0)[c] == 820.0f);  // 41 (1 + ... + 40) / 41
    CHECK(y.view().row(1)[c] == 840.5f);
    CHECK(y.view().row(2)[c] == 840.5f);
    CHECK_FALSE(y.view().row(3)[c] > 0.0f);
    CHECK(std::isnan(y.view().row(4)[c]));
  }
  // And none at all is what it was.
  AttendProblem lost = AttendProblem::random(5, 8, 8, 40);
  lost.sinks.assign(5, -std::numeric_limits<float>::infinity());
  CHECK(bit_difference(ConstRows(run_everywhere(lost).view()), ConstRows(without.view())) == "");
}

TEST_CASE("a head's attention does not depend on the heads beside it") {
  for (const backend::Ops* ops : attend_ops()) {
    for (const std::size_t width : {10u, 64u}) {
      constexpr std::size_t kHeads = 9;
      AttendProblem problem = AttendProblem::random(kHeads, width, width, 77);
      Table alone(kHeads, width);
      for (std::size_t h = 0; h < kHeads; ++h) problem.run(*ops, h, alone.view().slice(h, 1));
      for (std::size_t count = 2; count <= kHeads; ++count) {
        for (std::size_t first = 0; first + count <= kHeads; ++first) {
          Table group(count, width);
          problem.run(*ops, first, group.view());
          INFO(ops->isa << ", heads " << first << " to " << first + count);
          CHECK(bit_difference(ConstRows(group.view()), ConstRows(alone.view().slice(first, count))) == "");
        }
      }
    }
  }
}

TEST_CASE("a NaN or an infinity in one head's query stays in that head") {
  AttendProblem calm = AttendProblem::random(7, 10, 8, 40);
  AttendProblem wild = AttendProblem::random(7, 10, 8, 40);
  wild.queries.view().row(2)[3] = std::numeric_limits<float>::quiet_NaN();
  wild.queries.view().row(5)[0] = std::numeric_limits<float>::infinity();
  for (const backend::Ops* ops : attend_ops()) {
    Table expected(7, 8), y(7, 8);
    calm.run(*ops, 0, expected.view());
    wild.run(*ops, 0, y.view());
    for (std::size_t h = 0; h < 7; ++h) {
      INFO(ops->isa << ", head " << h);
      if (h == 2 || h == 5) {
        for (const float value : y.view()[h]) CHECK(std::isnan(value));
      } else {
        CHECK(bit_difference(ConstRows(y.view().slice(h, 1)), ConstRows(expected.view().slice(h, 1))) == "");
      }
    }
  }
}

TEST_CASE("scores of ten thousand either way neither overflow nor lose the winner") {
  // Whole numbers, so that scores are exact and only exp and the sums round.
  for (const std::size_t visible : {2u, 33u, 100u}) {
    AttendProblem problem(3, 2, 8, visible);
    problem.scale = 1.0f;
    for (std::size_t h = 0; h < 3; ++h) {
      problem.queries.view().row(h)[0] = h == 1 ? -100.0f : 100.0f;
      problem.queries.view().row(h)[1] = h == 2 ? 0.0f : 1.0f;
    }
    for (std::size_t j = 0; j < visible; ++j) {
      // From -10,000 up to 10,000: each page has a new maximum, and page by page everything fades to 0.
      const auto step = static_cast<float>(200 * j / (visible - 1));
      problem.key(j, 0) = step - 100.0f;
      problem.key(j, 1) = static_cast<float>(j % 3);
      for (std::size_t c = 0; c < 8; ++c)
        problem.value(j, c) = static_cast<float>(j + 1) + static_cast<float>(c) / 8.0f;
    }
    Table y = run_everywhere(problem);
    const AttendProblem::Exact exact = problem.exact();
    const auto positions = static_cast<double>(visible);
    CHECK(difference(y.view(), exact.value, 4.0 * positions + 64.0) == "");  // no rounding of scores in it
    // The next score is 200 lower or more: its weight is 0.
    CHECK(y.view().row(0)[0] == static_cast<float>(visible));
    CHECK(y.view().row(1)[0] == 1.0f);
  }
}

TEST_CASE("equal scores give the mean of the values") {
  for (const std::size_t visible : {1u, 2u, 3u, 31u, 32u, 64u, 100u}) {
    AttendProblem problem = AttendProblem::random(5, 10, 10, visible);
    for (std::size_t j = 0; j < visible; ++j) {
      for (std::size_t c = 0; c < 10; ++c) problem.key(j, c) = 0.5f;
      for (std::size_t c = 0; c < 10; ++c) problem.value(j, c) = static_cast<float>(j * 7 % 50 * (c + 1));
    }
    Table y = run_everywhere(problem);
    for (std::size_t h = 0; h < 5; ++h) {
      for (std::size_t c = 0; c < 10; ++c) {
        std::size_t sum = 0;
        for (std::size_t j = 0; j < visible; ++j) sum += j * 7 % 50 * (c + 1);
        // Weights are 1 and sums are whole numbers below 2^24: the division alone may round.
        CHECK(y.view().row(h)[c] == static_cast<float>(sum) / static_cast<float>(visible));
      }
    }
  }
}

TEST_CASE("more positions than one page do not change what fewer give") {
  // The pages behind the last visible position may be there or not, and hold anything.
  AttendProblem longer = AttendProblem::random(4, 8, 8, 100);
  for (std::size_t visible = 1; visible <= 100; ++visible) {
    AttendProblem shorter(4, 8, 8, visible);
    for (std::size_t h = 0; h < 4; ++h) std::copy_n(longer.queries.view().row(h), 8, shorter.queries.view().row(h));
    for (std::size_t j = 0; j < visible; ++j) {
      for (std::size_t c = 0; c < 8; ++c) shorter.key(j, c) = longer.key(j, c);
      for (std::size_t c = 0; c < 8; ++c) shorter.value(j, c) = longer.value(j, c);
    }
    longer.visible = visible;
    for (const backend::Ops* ops : attend_ops()) {
      Table a(4, 8), b(4, 8);
      longer.run(*ops, 0, a.view());
      shorter.run(*ops, 0, b.view());
      INFO(ops->isa << ", " << visible << " positions");
      CHECK(bit_difference(ConstRows(a.view()), ConstRows(b.view())) == "");
    }
  }
}

TEST_CASE("rows that go together have the bits of each by itself") {
  const std::size_t H = 6, C = 40;
  const std::size_t window = GENERATE(0u, 1u, 7u, 33u, 64u, 300u);
  const std::vector<float> sinks = {0.0f, 2.0f, -3.0f, 30.0f, -0.5f, 1.0f};
  const KvType type = GENERATE(KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0);
  for (const std::size_t rows : {2u, 3u, 16u}) {
    for (const std::size_t first : {1u, 20u, 32u, 60u, 250u, 505u}) {
      const std::size_t last = first + rows - 1;
      AttendProblem problem = AttendProblem::random(H * rows, C, C, last);
      if (type != KvType::kF32) problem.store_as(type);
      std::vector<float> segment(H * rows * C, std::numeric_limits<float>::quiet_NaN());
      for (const backend::Ops* ops : attend_ops()) {
        INFO(ops->isa << ": " << rows << " rows from " << first << " positions on, window " << window << ", "
                      << name(type));
        Table together(H * rows, C), alone(H * rows, C);
        backend::AttendArgs args{.q = problem.queries.view().data,
                                 .q_stride = problem.queries.view().stride,
                                 .rows = rows,
                                 .q_row_stride = H * problem.queries.view().stride,
                                 .heads = H,
                                 .pages = problem.pages.data(),
                                 .type = problem.shape.type,
                                 .block = problem.shape.block(AttendProblem::kLayer, AttendProblem::kHead),
                                 .key_width = C,
                                 .value_width = C,
                                 .visible = first,
                                 .window = window,
                                 .scale = problem.scale,
                                 .sinks = window % 2 == 0 ? nullptr : sinks.data(),
                                 .y = together.view().data,
                                 .y_stride = together.view().stride,
                                 .y_row_stride = H * together.view().stride,
                                 .segment = segment.data()};
        ops->attend(args);
        args.rows = 1;
        for (std::size_t r = 0; r < rows; ++r) {
          args.q = problem.queries.view().row(r * H);
          args.y = alone.view().row(r * H);
          args.visible = first + r;
          ops->attend(args);
        }
        CHECK(bit_difference(ConstRows(together.view()), ConstRows(alone.view())) == "");
      }
    }
  }
}
