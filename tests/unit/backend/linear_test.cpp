// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "unit/backend/linear_paths.hpp"
#include "unit/backend/linear_problem.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

constexpr std::size_t kWidths[] = {1, 2, 15, 16, 17, 63, 64, 65, 97, 200};
constexpr std::size_t kMaxRows = 130;
constexpr std::size_t kRowCounts[] = {0, 1, 2, 3, 4, 5, 6, 7, 63, 64, 65, 130};

/// y of the first `count` rows of x, strided on both sides, in scratch memory without a byte to spare.
void check_rows(const Linear& linear, const Backend& backend, ConstRows x, std::size_t count, ConstRows expected) {
  Strided from(x.slice(0, count), 3);
  Strided to(count, linear.out_width(), 5);
  Scratch scratch(backend, linear.scratch_bytes(count));
  const Status status = linear.apply(from.view(), to.view(), scratch.workspace());
  INFO(count << " rows: " << status.message());
  REQUIRE(status.ok());
  CHECK(bit_difference(ConstRows(to.view()), expected.slice(0, count)) == "");
  CHECK(to.gaps_are_untouched());
  CHECK(scratch.workspace().used_bytes() == 0);
}

/// All rows against the oracles, then a third of the row counts against all rows. `turn` says which: over the
/// shapes that share a width, each count has its turn.
void check_linear(const LinearPath& path, const StoredWeights& weights, std::span<const float> bias, ConstRows x,
                  const Reference& exact, ConstRows chain, std::size_t turn, std::size_t& refused) {
  const std::optional<Linear> linear = path.linear(weights.view(), bias);
  if (!linear) {
    ++refused;
    return;
  }
  INFO(linear->path() << ", [" << weights.out_width() << ", " << weights.in_width() << "], bias " << !bias.empty());
  Table all(kMaxRows, weights.out_width());
  Scratch scratch(path.backend, linear->scratch_bytes(kMaxRows));
  REQUIRE(linear->apply(x, all.view(), scratch.workspace()).ok());
  CHECK(difference(all.view(), exact, linear_roundings(weights.in_width())) == "");
  if (!path.is_onednn()) CHECK(bit_difference(ConstRows(all.view()), chain) == "");
  for (std::size_t i = turn % 3; i < std::size(kRowCounts); i += 3) {
    check_rows(*linear, path.backend, x, kRowCounts[i], all.view());
  }
}

void check_type(ElementType type) {
  const std::vector<LinearPath> paths = linear_paths();
  std::vector<std::size_t> refused(paths.size());
  std::size_t pairs = 0, shapes = 0;
  for (const std::size_t out : kWidths) {
    for (const std::size_t in : kWidths) {
      // Types differ in how a weight is read alone: each second shape will do for the others.
      if (type != ElementType::kF32 && pairs++ % 11 % 2 == 0) continue;
      const std::uint64_t seed = out * 1000 + in;
      const StoredWeights weights = StoredWeights::random(type, out, in, seed);
      const Table x = Table::random(kMaxRows, in, seed);
      // In turn, so that each width of either side is met with and without.
      const Table bias = Table::random(shapes++ % 7 % 2, out, seed + 1);
      const Reference exact = exact_linear(x.view(), weights.values(), bias.data);
      const Table chain = chain_linear(x.view(), weights.values(), bias.data);
      for (std::size_t i = 0; i < paths.size(); ++i) {
        check_linear(paths[i], weights, bias.data, x.view(), exact, chain.view(), shapes, refused[i]);
      }
    }
  }
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (refused[i] != 0) WARN(name(type) << ": " << paths[i].name << "refused " << refused[i] << " of " << shapes);
    if (!paths[i].is_onednn()) CHECK(refused[i] == 0);
  }
}

}  // namespace

TEST_CASE("a product with F32 weights is right at every shape on every path") { check_type(ElementType::kF32); }
TEST_CASE("a product with BF16 weights is right at every shape on every path") { check_type(ElementType::kBF16); }
TEST_CASE("a product with F16 weights is right at every shape on every path") { check_type(ElementType::kF16); }

TEST_CASE("whole numbers are multiplied and added without error on every path") {
  // Every number up to 8 has one form in each type; sums stay far below 2^24.
  constexpr std::size_t kIn = 97, kOut = 200, kRows = 70;
  for (const ElementType type : kFloatTypes) {
    StoredWeights weights(type, kOut, kIn);
    Table x(kRows, kIn), expected(kRows, kOut);
    const auto small = [](std::size_t i) { return static_cast<int>(i * 2654435761u >> 7 & 15u) - 7; };
    for (std::size_t i = 0; i < kOut * kIn; ++i) {
      const auto value = static_cast<float>(small(i));
      const auto bits = std::bit_cast<std::uint32_t>(value);
      std::uint32_t stored = type == ElementType::kF32 ? bits : bits >> 16;
      if (type == ElementType::kF16) {  // rebias the exponent; 0 stays 0
        stored =
            value == 0.0f ? 0 : (bits >> 16 & 0x8000u) | (((bits >> 23 & 0xffu) - 112u) << 10) | (bits >> 13 & 0x3ffu);
      }
      weights.set(i, {value, stored});
    }
    for (std::size_t i = 0; i < kRows * kIn; ++i) x.data[i] = static_cast<float>(small(i + 12345));
    for (std::size_t t = 0; t < kRows; ++t) {
      for (std::size_t n = 0; n < kOut; ++n) {
        int sum = 0;
        for (std::size_t k = 0; k < kIn; ++k) sum += small(t * kIn + k + 12345) * small(n * kIn + k);
        expected.view().row(t)[n] = static_cast<float>(sum);
      }
    }
    for (const LinearPath& path : linear_paths()) {
      const auto linear = path.linear(weights.view());
      if (!linear) continue;
      INFO(linear->path());
      Table y(kRows, kOut);
      Scratch scratch(path.backend, linear->scratch_bytes(kRows));
      REQUIRE(linear->apply(x.view(), y.view(), scratch.workspace()).ok());
      CHECK(bit_difference(ConstRows(y.view()), ConstRows(expected.view())) == "");
    }
  }
}

TEST_CASE("where the weights lie does not matter") {
  for (const ElementType type : kFloatTypes) {
    const StoredWeights weights = StoredWeights::random(type, 65, 33, 5);
    const Table x = Table::random(3, 33, 5);
    for (const LinearPath& path : linear_paths()) {
      std::optional<Table> first;
      for (std::size_t offset = 0; offset < 8; ++offset) {
        std::vector<std::byte> bytes(weights.bytes().size() + offset);
        std::copy(weights.bytes().begin(), weights.bytes().end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
        const auto linear = path.linear({bytes.data() + offset, type, 65, 33});
        if (!linear) break;
        INFO(linear->path() << ", byte " << offset);
        bytes.assign(bytes.size(), std::byte{0xff});  // packed: the caller's bytes may go
        Table y(3, 65);
        Scratch scratch(path.backend, linear->scratch_bytes(3));
        REQUIRE(linear->apply(x.view(), y.view(), scratch.workspace()).ok());
        if (!first) first = y;
        CHECK(bit_difference(ConstRows(y.view()), ConstRows(first->view())) == "");
      }
    }
  }
}

TEST_CASE("each of the 65,536 numbers of a 16-bit type is widened exactly") {
  // 1 * w is w, and 0 + w is w but for the sign of a zero.
  constexpr std::size_t kAll = 65536;
  for (const ElementType type : {ElementType::kBF16, ElementType::kF16}) {
    StoredWeights weights(type, kAll, 1);
    Table expected(1, kAll);
    for (std::uint32_t bits = 0; bits < kAll; ++bits) {
      const int digits = type == ElementType::kF16 ? 10 : 7;
      const int bias = type == ElementType::kF16 ? 15 : 127;
      const auto exponent = static_cast<int>((bits & 0x7fffu) >> digits);
      const auto mantissa = static_cast<float>(bits & ((1u << digits) - 1u));
      const float one = std::ldexp(1.0f, digits);
      float value = exponent == 0 ? std::ldexp(mantissa, 1 - bias - digits)
                                  : std::ldexp(one + mantissa, exponent - bias - digits);
      if (exponent == 2 * bias + 1) {
        value = mantissa == 0.0f ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
      }
      if (bits >> 15 != 0 && value != 0.0f) value = -value;
      weights.set(bits, {value, bits});
      expected.data[bits] = value;
    }
    unify_nans(expected.view());
    const Table x(1, 1, 1.0f);
    for (const LinearPath& path : linear_paths()) {
      const auto linear = path.linear(weights.view());
      if (!linear) continue;
      INFO(linear->path());
      Table y(1, kAll);
      Scratch scratch(path.backend, linear->scratch_bytes(1));
      REQUIRE(linear->apply(x.view(), y.view(), scratch.workspace()).ok());
      unify_nans(y.view());
      CHECK(bit_difference(ConstRows(y.view()), ConstRows(expected.view())) == "");
    }
  }
}

TEST_CASE("tiny, huge, infinite and undefined inputs stay in their row") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  enum : std::size_t { kPlain, kDenormal, kHuge, kOverflow, kZero, kNan, kInf, kPlainToo, kRows };
  constexpr std::size_t kIn = 65, kOut = 97;
  for (const ElementType type : kFloatTypes) {
    StoredWeights weights(type, kOut, kIn);
    const Philox draw(11);
    for (std::size_t i = 0; i < kOut * kIn; ++i) weights.set(i, element(type, draw.block(i)[0] & 0x7fffffffu));
    const Table calm = Table::random(kRows, kIn, 3);
    Table wild = calm;
    for (std::size_t k = 0; k < kIn; ++k) {
      // One denormal in three: the sums reach normal numbers and fall short of them.
      wild.view().row(kDenormal)[k] = calm.view().row(kDenormal)[k] * 1e-40f;
      wild.view().row(kHuge)[k] = calm.view().row(kHuge)[k] * 1e30f;
      wild.view().row(kOverflow)[k] = 3e38f;  // all weights are positive here: infinity, not NaN
      wild.view().row(kZero)[k] = 0.0f;
    }
    wild.view().row(kNan)[kIn / 2] = std::numeric_limits<float>::quiet_NaN();
    wild.view().row(kInf)[kIn - 1] = -kInfinity;
    Table chain = chain_linear(wild.view(), weights.values(), {});
    unify_nans(chain.view());

    for (const LinearPath& path : linear_paths()) {
      const auto linear = path.linear(weights.view());
      if (!linear) continue;
      INFO(linear->path());
      Table quiet(kRows, kOut), y(kRows, kOut);
      Scratch scratch(path.backend, linear->scratch_bytes(kRows));
      REQUIRE(linear->apply(calm.view(), quiet.view(), scratch.workspace()).ok());
      REQUIRE(linear->apply(wild.view(), y.view(), scratch.workspace()).ok());
      for (const std::size_t row : {kPlain, kPlainToo}) {
        CHECK(bit_difference(ConstRows(y.view().slice(row, 1)), ConstRows(quiet.view().slice(row, 1))) == "");
      }
      for (const std::size_t row : {kDenormal, kHuge}) {
        const Reference exact = exact_linear(std::as_const(wild).view().slice(row, 1), weights.values(), {});
        CHECK(difference(y.view().slice(row, 1), exact, linear_roundings(kIn)) == "");
      }
      for (std::size_t n = 0; n < kOut; ++n) {
        CHECK(y.view().row(kOverflow)[n] == kInfinity);
        CHECK(std::bit_cast<std::uint32_t>(y.view().row(kZero)[n]) == 0);
        CHECK(std::isnan(y.view().row(kNan)[n]));
        CHECK(y.view().row(kInf)[n] == -kInfinity);
      }
      unify_nans(y.view());
      if (!path.is_onednn()) CHECK(bit_difference(ConstRows(y.view()), ConstRows(chain.view())) == "");
    }
  }
}

TEST_CASE("an infinite or undefined weight stays in its column") {
  constexpr std::size_t kIn = 33, kOut = 70;
  for (const ElementType type : kFloatTypes) {
    StoredWeights weights = StoredWeights::random(type, kOut, kIn, 9);
    const auto plain = weights;
    const std::uint32_t infinity = type == ElementType::kF32   ? 0x7f800000u
                                   : type == ElementType::kF16 ? 0x7c00u
                                                               : 0x7f80u;
    weights.set(17 * kIn + 4, {std::numeric_limits<float>::infinity(), infinity});
    weights.set(69 * kIn,
                {std::numeric_limits<float>::quiet_NaN(), infinity | 1u << (type == ElementType::kF32 ? 22 : 6)});
    const Table x(5, kIn, 0.25f);
    for (const LinearPath& path : linear_paths()) {
      const auto linear = path.linear(weights.view());
      const auto without = path.linear(plain.view());
      if (!linear || !without) continue;
      INFO(linear->path());
      Table y(5, kOut), quiet(5, kOut);
      Scratch scratch(path.backend, linear->scratch_bytes(5));
      REQUIRE(linear->apply(x.view(), y.view(), scratch.workspace()).ok());
      REQUIRE(without->apply(x.view(), quiet.view(), scratch.workspace()).ok());
      for (std::size_t t = 0; t < 5; ++t) {
        CHECK(y.view().row(t)[17] == std::numeric_limits<float>::infinity());
        CHECK(std::isnan(y.view().row(t)[69]));
        y.view().row(t)[17] = quiet.view().row(t)[17];
        y.view().row(t)[69] = quiet.view().row(t)[69];
      }
      CHECK(bit_difference(ConstRows(y.view()), ConstRows(quiet.view())) == "");
    }
  }
}
