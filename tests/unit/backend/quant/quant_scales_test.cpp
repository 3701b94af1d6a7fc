// SPDX-License-Identifier: Apache-2.0
// Any bytes are weights. Every type with every kind of scale: zero, denormal, extreme, NaN, infinite.

#include <string>
#include <vector>

#include "quant_problem.hpp"
#include "vectors.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// Where the f16 numbers of a block lie, as docs/quantized-types.md has them; the second is -1 where there is one.
std::array<int, 2> halves_of(ElementType type) {
  switch (type) {
    case ElementType::kQ4_1:
    case ElementType::kQ5_1:
    case ElementType::kQ4_K:
    case ElementType::kQ5_K: return {0, 2};
    case ElementType::kQ2_K: return {80, 82};
    case ElementType::kQ3_K: return {108, -1};
    case ElementType::kQ6_K: return {208, -1};
    default: return {0, -1};
  }
}

void set_half(std::span<std::byte> block, int at, std::uint16_t bits) {
  if (at < 0) return;
  block[static_cast<std::size_t>(at)] = static_cast<std::byte>(bits & 0xff);
  block[static_cast<std::size_t>(at) + 1] = static_cast<std::byte>(bits >> 8);
}

/// The scale of MXFP4 is a byte, in front.
void set_scale(const QuantProblem& p, std::span<std::byte> block, int at, std::uint16_t bits) {
  if (p.type == ElementType::kMXFP4) {
    block[0] = static_cast<std::byte>(bits);
  } else {
    set_half(block, at, bits);
  }
}

/// Zeros, the least and the largest denormal, the least normal, one, the largest, and all of them negative.
const std::vector<std::uint16_t> kFinite = {0x0000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0x7bff,
                                            0x8000, 0x8001, 0x83ff, 0x8400, 0xbc00, 0xfbff};
/// Powers of two of MXFP4: denormal ones, the least normal ones, around 1, and large ones whose values stay finite.
const std::vector<std::uint16_t> kPowers = {0, 1, 2, 3, 120, 127, 128, 129, 150};
const std::vector<std::uint16_t> kNotFinite = {0x7c00, 0xfc00, 0x7e00, 0x7c01, 0xffff};

/// Random bytes; output column n has the scale `scales[n]`, or where there are two, each pair of them.
QuantProblem with_scales(ElementType type, std::size_t in, const std::vector<std::uint16_t>& scales) {
  const auto [first, second] = halves_of(type);
  const std::size_t columns = second < 0 ? scales.size() : scales.size() * scales.size();
  QuantProblem p(type, in, columns);
  p.blocks = random_bytes(p.blocks.size(), 17);
  for (std::size_t n = 0; n < columns; ++n) {
    for (std::size_t b = 0; b < p.row_blocks(); ++b) {
      set_scale(p, p.block(n, b), first, scales[n % scales.size()]);
      set_half(p.block(n, b), second, scales[n / scales.size()]);
    }
  }
  return p;
}

}  // namespace

TEST_CASE("zero, denormal and extreme scales lie within the rounding of the documented rule, on every ISA path") {
  for (const ElementType type : kQuantTypes) {
    const std::size_t in = is_flat(type) ? 96 : 512;
    const std::size_t rows = 9;
    const QuantProblem p = with_scales(type, in, type == ElementType::kMXFP4 ? kPowers : kFinite);
    const std::vector<float> x = activation_rows(rows, in);
    const Reference reference = quant_reference(p, x, rows);
    std::vector<float> first;
    for (const Isa isa : quant_isas()) {
      CAPTURE(name(type), name(isa));
      const std::vector<float> y = apply(Linear::create(quant_backend(isa), p.view()).value(), x, rows);
      CHECK(difference(ConstRows(y.data(), rows, p.out), reference, quant_roundings(type, in)) == "");
      if (first.empty()) first = y;
      CHECK(same_bits(y, first));
    }
  }
}

TEST_CASE("a scale that is NaN or infinite shows in its output, for every row, and in no other") {
  for (const ElementType type : kQuantTypes) {
    if (type == ElementType::kMXFP4) continue;  // it has none
    const auto [at, second] = halves_of(type);
    const std::size_t in = 512;
    const std::size_t out = 40;
    const std::size_t rows = 4;
    const QuantProblem good(type, in, out);
    std::vector<float> x = noise(rows * in, 8);
    std::ranges::fill(std::span(x).subspan(2 * in, in), 0.0f);  // nothing hides behind a zero
    QuantProblem bad = good;
    std::size_t column = 1;
    std::vector<bool> touched(out);
    for (const std::uint16_t bits : kNotFinite) {
      for (const int half : {at, second}) {
        for (const std::size_t block : {std::size_t{0}, good.row_blocks() - 1}) {
          if (half < 0) continue;
          set_half(bad.block(column, block), half, bits);
          touched[column] = true;
          column = (column + 7) % out;
        }
      }
    }
    for (const Isa isa : quant_isas()) {
      CAPTURE(name(type), name(isa));
      const std::vector<float> expected = apply(Linear::create(quant_backend(isa), good.view()).value(), x, rows);
      const std::vector<float> y = apply(Linear::create(quant_backend(isa), bad.view()).value(), x, rows);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < y.size(); ++i) {
        const bool same = same_bits(std::span(y).subspan(i, 1), std::span(expected).subspan(i, 1));
        if (touched[i % out] ? std::isfinite(y[i]) : !same) ++wrong;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("any bytes give the same on every ISA path, NaN where the others have one") {
  for (const ElementType type : kQuantTypes) {
    QuantProblem p(type, 256, 33);
    p.blocks = random_bytes(p.blocks.size(), 11);
    const std::vector<float> x = noise(3 * 256, 8);
    const std::vector<float> expected = apply(Linear::create(quant_backend(Isa::kPortable), p.view()).value(), x, 3);
    for (const Isa isa : quant_isas()) {
      CAPTURE(name(type), name(isa));
      const std::vector<float> y = apply(Linear::create(quant_backend(isa), p.view()).value(), x, 3);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < y.size(); ++i) {
        const bool both_nan = std::isnan(y[i]) && std::isnan(expected[i]);  // NaN's bits are the machine's
        if (!both_nan && !same_bits(std::span(y).subspan(i, 1), std::span(expected).subspan(i, 1))) ++wrong;
      }
      CHECK(wrong == 0);
    }
  }
}
