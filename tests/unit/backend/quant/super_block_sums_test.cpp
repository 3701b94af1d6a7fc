// SPDX-License-Identifier: Apache-2.0
// Types with super-blocks of 256: within one, sums are whole numbers, and what follows them is one chain of f32
// (docs/design/009). Every ISA path gives the bits of plain loops over 64-bit integers.

#include <string>
#include <vector>

#include "quant_problem.hpp"
#include "vectors.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// The largest numbers that a block of the type can hold.
struct Extremes {
  ElementType type;
  int q_low, q_high, s_low, s_high, n_high;
};
constexpr Extremes kExtremes[] = {
    {ElementType::kQ2_K, 0, 3, 0, 15, 15},       {ElementType::kQ3_K, -4, 3, -32, 31, 0},
    {ElementType::kQ4_K, 0, 15, 0, 63, 63},      {ElementType::kQ5_K, 0, 31, 0, 63, 63},
    {ElementType::kQ6_K, -32, 31, -128, 127, 0}, {ElementType::kIQ4_XS, -127, 113, -32, 31, 0},
};

/// Calls body(codes, block) for each block of the problem, with codes as the format unpacks them.
template <class Body>
void each_block(QuantProblem& p, Body&& body) {
  REQUIRE(backend::quant::visit_format(p.type, [&](auto format) {
    using F = decltype(format);
    if constexpr (F::kElements == 256) {
      typename F::Codes codes;
      for (std::size_t b = 0; b < p.out * p.row_blocks(); ++b) {
        auto* bytes = reinterpret_cast<std::uint8_t*>(p.blocks.data()) + b * F::kBytes;
        F::unpack(bytes, codes);
        if (body(codes, b, F::kGroupWidth)) F::pack(codes, bytes);
      }
    }
  }));
}

/// y by the rule of docs/design/009, in integers of 64 bits where the rule says whole numbers.
std::vector<float> expected_of(QuantProblem& p, std::span<const float> x, std::size_t rows) {
  const std::size_t supers = p.in / 256;
  std::vector<std::int64_t> q(rows * p.in);
  std::vector<float> scale(rows * supers);
  for (std::size_t b = 0; b < rows * supers; ++b) {
    const std::span<const float> block = x.subspan(b * 256, 256);
    float largest = 0;
    for (const float v : block) largest = std::max(largest, std::fabs(v));
    if (largest < 0x1p-119f) continue;
    scale[b] = largest / 127.0f;
    for (std::size_t i = 0; i < 256; ++i) {
      q[b * 256 + i] = static_cast<std::int64_t>(std::nearbyint(block[i] * (127.0f / largest)));
    }
  }
  std::vector<float> y(rows * p.out);
  each_block(p, [&](const auto& codes, std::size_t b, std::size_t group_width) {
    const std::size_t column = b / supers;
    const std::size_t super = b % supers;
    for (std::size_t r = 0; r < rows; ++r) {
      const std::int64_t* a = &q[r * p.in + super * 256];
      std::int64_t products = 0;
      std::int64_t offsets = 0;
      for (std::size_t i = 0; i < 256; ++i) {
        products += a[i] * codes.s[i / group_width] * codes.q[i];
        offsets += a[i] * codes.n[i / group_width];
      }
      const float value = widen_f16(codes.d) * static_cast<float>(products);
      float& total = y[r * p.out + column];
      total =
          std::fma(scale[r * supers + super], std::fma(-widen_f16(codes.m), static_cast<float>(offsets), value), total);
    }
    return false;
  });
  return y;
}

/// From 1 to 130 rows, on every ISA path.
void check_all(QuantProblem& p, std::span<const float> x, std::size_t rows, const std::vector<std::size_t>& counts) {
  const std::vector<float> expected = expected_of(p, x, rows);
  for (const Isa isa : quant_isas()) {
    const Linear linear = Linear::create(quant_backend(isa), p.view()).value();
    CHECK(linear.path() == "native " + std::string(name(isa)) + " " + std::string(name(p.type)));
    for (const std::size_t count : counts) {
      CAPTURE(name(p.type), name(isa), count);
      CHECK(same_bits(apply(linear, x, count), std::span(expected).first(count * p.out)));
    }
  }
}

}  // namespace

TEST_CASE("a super-block's sums are whole numbers, and its rest is one chain, for any number of rows") {
  constexpr std::size_t kRows = 130;
  std::vector<std::size_t> counts(kRows);
  for (std::size_t i = 0; i < kRows; ++i) counts[i] = i + 1;
  for (const Extremes& type : kExtremes) {
    // Five tiles, the last of them cut: four at once where a path takes so many, and one by itself.
    QuantProblem p(type.type, 512, 70);
    check_all(p, activation_rows(kRows, p.in), kRows, counts);
  }
}

TEST_CASE("sums of the largest codes, scales and activations do not overflow") {
  constexpr std::size_t kRows = 9;
  for (const Extremes& type : kExtremes) {
    QuantProblem p(type.type, 768, 70);
    each_block(p, [&](auto& codes, std::size_t b, std::size_t) {
      codes.d = static_cast<std::uint16_t>(0x3400 + b);  // about 1 / 4
      if (type.n_high > 0) codes.m = static_cast<std::uint16_t>(0x3000 + b);
      const auto fill = [](auto& numbers, int value) { numbers.fill(static_cast<std::int8_t>(value)); };
      fill(codes.q, b % 2 == 0 ? type.q_low : type.q_high);
      fill(codes.s, b % 3 == 0 ? type.s_low : type.s_high);
      fill(codes.n, b % 5 == 0 ? 0 : type.n_high);
      return true;
    });
    std::vector<float> x(kRows * p.in);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t row = i / p.in;
      x[i] = row % 3 == 0 ? 1.0f : row % 3 == 1 ? -2.0f : (i % 7 == 0 ? 3.0f : -3.0f);  // 127 and -127 alone
    }
    check_all(p, x, kRows, {1, 2, 3, 8, 9});
  }
}
