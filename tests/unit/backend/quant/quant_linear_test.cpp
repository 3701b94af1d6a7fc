// SPDX-License-Identifier: Apache-2.0
// Products with block-quantized weights: every type on every ISA path, for any number of rows, against a double
// reference that quantizes activations by the documented rule, and bit for bit against each other.

#include <string>
#include <vector>

#include <moxie/backend/executors.hpp>

#include "quant_problem.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// Up to twice a kernel's block of 64 rows and a little: its ends, and what a register tile may split.
const std::vector<std::size_t> kRowCounts = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  12,  15,  16,  17,
                                             23, 31, 32, 33, 48, 63, 64, 65, 66, 96, 127, 128, 129, 130};
constexpr std::size_t kMaxRows = 130;

struct Shape {
  std::size_t in, out;
};
/// Widths that are odd multiples of a block, below, at and beyond a super-block; outputs that fill no tile.
std::vector<Shape> shapes(ElementType type) {
  if (is_flat(type)) return {{32, 1}, {96, 15}, {288, 33}, {544, 3}};
  return {{256, 17}, {768, 1}, {1280, 5}};
}

}  // namespace

TEST_CASE("every type on every ISA path lies within the rounding of its chain of the documented rule") {
  for (const ElementType type : kQuantTypes) {
    for (const auto& [in, out] : shapes(type)) {
      const QuantProblem p(type, in, out);
      const std::size_t rows = 9;
      const std::vector<float> x = activation_rows(rows, in);
      const Reference reference = quant_reference(p, x, rows);
      std::vector<float> first;
      for (const Isa isa : quant_isas()) {
        CAPTURE(name(type), in, out, name(isa));
        const Linear linear = Linear::create(quant_backend(isa), p.view()).value();
        CHECK(linear.path() == "native " + std::string(name(isa)) + " " + std::string(name(type)));
        const std::vector<float> y = apply(linear, x, rows);
        CHECK(difference(ConstRows(y.data(), rows, out), reference, quant_roundings(type, in)) == "");
        if (first.empty()) first = y;
        CHECK(same_bits(y, first));
      }
    }
  }
}

TEST_CASE("from 0 to 130 rows, every type has the same bits on every ISA path, wherever a row lies") {
  for (const ElementType type : kQuantTypes) {
    const std::size_t in = is_flat(type) ? 96 : 256;
    const std::size_t out = 18;
    const QuantProblem p(type, in, out);
    const std::vector<float> x = activation_rows(kMaxRows, in);
    const std::vector<float> expected =
        apply(Linear::create(quant_backend(Isa::kPortable), p.view()).value(), x, kMaxRows);
    CHECK(difference(ConstRows(expected.data(), kMaxRows, out), quant_reference(p, x, kMaxRows),
                     quant_roundings(type, in)) == "");
    for (const Isa isa : quant_isas()) {
      const Linear linear = Linear::create(quant_backend(isa), p.view()).value();
      for (const std::size_t count : kRowCounts) {
        CAPTURE(name(type), name(isa), count);
        CHECK(same_bits(apply(linear, x, count), std::span(expected).first(count * out)));
        const std::size_t at = (kMaxRows - count) / 2;  // elsewhere in the batch
        if (count <= 16 || count > 64) continue;
        CHECK(same_bits(apply(linear, std::span(x).subspan(at * in), count),
                        std::span(expected).subspan(at * out, count * out)));
      }
      for (std::size_t r = 0; r < kMaxRows; r += 7) {
        CHECK(same_bits(apply(linear, std::span(x).subspan(r * in), 1), std::span(expected).subspan(r * out, out)));
      }
    }
  }
}

TEST_CASE("rows with a NaN or an infinity concern themselves alone") {
  for (const ElementType type : kQuantTypes) {
    const QuantProblem p(type, 256, 20);
    std::vector<float> x = noise(4 * 256, 4);
    x[256 + 200] = NAN;
    x[2 * 256 + 3] = -INFINITY;
    for (const Isa isa : quant_isas()) {
      CAPTURE(name(type), name(isa));
      const Linear linear = Linear::create(quant_backend(isa), p.view()).value();
      const std::vector<float> y = apply(linear, x, 4);
      const auto row = [&](std::size_t r) { return std::span(y).subspan(r * 20, 20); };
      for (const std::size_t r : {std::size_t{1}, std::size_t{2}}) {
        CHECK(std::ranges::all_of(row(r), [](float v) { return std::isnan(v); }));
      }
      CHECK(same_bits(row(0), apply(linear, std::span(x).first(256), 1)));
      CHECK(same_bits(row(3), apply(linear, std::span(x).subspan(3 * 256), 1)));
    }
  }
}

TEST_CASE("workers, biases and strides keep the bits of quantized products") {
  const QuantProblem p(ElementType::kQ4_K, 256, 70);
  const std::vector<float> bias = noise(70, 6);
  const std::vector<float> x = noise(90 * 256, 2);
  const Backend backend = Backend::create().value();
  const Linear linear = Linear::create(backend, p.view(), bias).value();
  const std::vector<float> expected = apply(linear, x, 90);
  const std::vector<float> bare = apply(Linear::create(backend, p.view()).value(), x, 90);
  for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(expected[i] == bare[i] + bias[i % 70]);
  for (std::size_t threads = 1; threads <= 4; ++threads) {
    auto executor = make_executor(ExecutorKind::kThreads, threads).value();
    auto memory = AlignedBuffer::create(threads * linear.scratch_bytes(90)).value();
    std::vector<Workspace> workspaces;
    for (std::size_t i = 0; i < threads; ++i) {
      workspaces.emplace_back(memory.bytes().subspan(i * linear.scratch_bytes(90), linear.scratch_bytes(90)));
    }
    Workers workers(*executor, workspaces);
    std::vector<float> y(90 * 73, 42.0f);
    REQUIRE(linear.apply(ConstRows(x.data(), 90, 256), Rows(y.data(), 90, 70, 73), workers).ok());
    for (std::size_t r = 0; r < 90; ++r) {
      REQUIRE(same_bits(std::span(y).subspan(r * 73, 70), std::span(expected).subspan(r * 70, 70)));
      REQUIRE(y[r * 73 + 70] == 42.0f);
    }
  }
}

TEST_CASE("packed weights take the file's bytes, and a width that is no number of blocks is refused") {
  for (const ElementType type : kQuantTypes) {
    const QuantProblem p(type, 512, 64);
    const Linear linear = Linear::create(quant_backend(Isa::kPortable), p.view()).value();
    CHECK(linear.bytes() <= p.blocks.size() + 64);
    Weights wrong = p.view();
    wrong.in_width = traits(type).block_elements + 1;
    CHECK(Linear::create(quant_backend(Isa::kPortable), wrong).status().code() == Code::kShape);
  }
}
