// SPDX-License-Identifier: Apache-2.0
// Products with block-quantised weights: against a double reference that quantises activations by the documented rule,
// and bit for bit against each other.

#include <algorithm>
#include <cmath>
#include <vector>

#include <moxie/backend/executors.hpp>
#include <moxie/backend/linear.hpp>
#include <moxie/backend/quant.hpp>
#include <moxie/core/philox.hpp>

#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace moxie;
using moxie::test::same_bits;

namespace {

constexpr ElementType kTypes[] = {ElementType::kQ4_0, ElementType::kQ4_1, ElementType::kQ5_0,   ElementType::kQ5_1,
                                  ElementType::kQ8_0, ElementType::kQ2_K, ElementType::kQ3_K,   ElementType::kQ4_K,
                                  ElementType::kQ5_K, ElementType::kQ6_K, ElementType::kIQ4_NL, ElementType::kIQ4_XS};

/// Elements that share a scale of the activations: 32 for the types of 32, as llama.cpp pairs them.
std::size_t activation_block(ElementType type) { return traits(type).block_elements; }

std::vector<float> noise(std::size_t count, std::uint64_t stream) {
  const Philox random(99, stream);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto words = random.block(i);
    // Heavy tails now and then, as activations have.
    const float scale = words[1] % 97 == 0 ? 20.0f : 1.0f;
    values[i] = scale * (Philox::uniform(words[0]) * 2.0f - 1.0f);
  }
  return values;
}

struct Problem {
  ElementType type;
  std::size_t in, out;
  std::vector<std::byte> blocks;
  std::vector<float> weights;  ///< what the blocks stand for

  Problem(ElementType type_in, std::size_t in_width, std::size_t out_width)
      : type(type_in), in(in_width), out(out_width) {
    weights = noise(in * out, 7);
    blocks.resize(in * out / traits(type).block_elements * traits(type).block_bytes);
    REQUIRE(quantize(type, weights, blocks).ok());
    REQUIRE(dequantize(type, blocks, weights).ok());
  }
  Weights view() const { return {.data = blocks.data(), .type = type, .out_width = out, .in_width = in}; }
};

Backend backend_for(Isa isa) { return Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).value(); }

std::vector<Isa> isas() {
  std::vector<Isa> found;
  for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).ok()) found.push_back(isa);
  }
  return found;
}

std::vector<float> apply(const Linear& linear, std::span<const float> x, std::size_t rows) {
  std::vector<float> y(rows * linear.out_width(), NAN);
  auto scratch = AlignedBuffer::create(linear.scratch_bytes(rows)).value();
  Workspace workspace(scratch.bytes());
  const Status status =
      linear.apply(ConstRows(x.data(), rows, linear.in_width()), Rows(y.data(), rows, linear.out_width()), workspace);
  REQUIRE(status.ok());
  return y;
}

/// One output in double, from activations quantised by the rule, and the sum of magnitudes for the bound.
struct Exact {
  double value = 0;
  double magnitude = 0;
};
Exact exact(const Problem& p, std::span<const float> x, std::size_t column) {
  const std::size_t block = activation_block(p.type);
  Exact sum;
  for (std::size_t begin = 0; begin < p.in; begin += block) {
    float largest = 0;
    for (std::size_t i = begin; i < begin + block; ++i) largest = std::max(largest, std::fabs(x[i]));
    const float scale = largest / 127.0f;
    const float factor = largest == 0 ? 0 : 127.0f / largest;
    for (std::size_t i = begin; i < begin + block; ++i) {
      const auto q = static_cast<double>(std::nearbyint(x[i] * factor));
      const double term = q * static_cast<double>(scale) * static_cast<double>(p.weights[column * p.in + i]);
      sum.value += term;
      // Codes and offsets may cancel within a weight: its parts are at most a few times the block's largest.
      sum.magnitude += std::fabs(q * static_cast<double>(scale)) * 64.0;
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("quantised products lie within the rounding of their chain of the documented rule") {
  for (const ElementType type : kTypes) {
    for (const std::size_t in : std::vector<std::size_t>{traits(type).block_elements, 256, 768}) {
      const Problem p(type, in, 37);
      const std::size_t rows = 5;
      const std::vector<float> x = noise(rows * in, 3);
      for (const Isa isa : isas()) {
        CAPTURE(moxie::name(type), in, moxie::name(isa));
        const Linear linear = Linear::create(backend_for(isa), p.view()).value();
        CHECK(linear.path().find(moxie::name(type)) != std::string_view::npos);
        const std::vector<float> y = apply(linear, x, rows);
        // Each group costs two roundings, each block one more; groups hold at least 16 elements.
        const double steps = static_cast<double>(in) / 16 * 3 + 2;
        bool good = true;
        for (std::size_t r = 0; r < rows; ++r) {
          for (std::size_t n = 0; n < p.out; ++n) {
            const Exact e = exact(p, std::span(x).subspan(r * in, in), n);
            const double bound = steps * 0x1p-24 * e.magnitude;
            good = good && std::fabs(static_cast<double>(y[r * p.out + n]) - e.value) <= bound && e.magnitude > 0;
          }
        }
        CHECK(good);
      }
    }
  }
}

TEST_CASE("quantised products have the same bits on every ISA path, for any number of rows") {
  for (const ElementType type : kTypes) {
    for (const std::size_t in : std::vector<std::size_t>{traits(type).block_elements * 3, 512}) {
      const Problem p(type, in, 70);
      const std::size_t rows = 130;
      const std::vector<float> x = noise(rows * in, 5);
      const Linear plain = Linear::create(backend_for(Isa::kPortable), p.view()).value();
      const std::vector<float> expected = apply(plain, x, rows);
      for (const Isa isa : isas()) {
        CAPTURE(moxie::name(type), in, moxie::name(isa));
        const Linear linear = Linear::create(backend_for(isa), p.view()).value();
        for (const std::size_t count : std::vector<std::size_t>{0, 1, 2, 3, 17, 63, 64, 65, 130}) {
          CHECK(same_bits(apply(linear, x, count), std::span(expected).first(count * p.out)));
          const std::size_t at = (rows - count) / 2;  // elsewhere in the batch
          CHECK(same_bits(apply(linear, std::span(x).subspan(at * in), count),
                          std::span(expected).subspan(at * p.out, count * p.out)));
        }
      }
    }
  }
}

TEST_CASE("any bytes are weights: extreme and denormal scales agree on every ISA path") {
  const Philox random(11);
  for (const ElementType type : kTypes) {
    const std::size_t in = 256;
    Problem p(type, in, 33);
    for (std::size_t i = 0; i < p.blocks.size(); ++i) p.blocks[i] = static_cast<std::byte>(random.block(i)[2]);
    const std::vector<float> x = noise(3 * in, 8);
    const std::vector<float> expected = apply(Linear::create(backend_for(Isa::kPortable), p.view()).value(), x, 3);
    for (const Isa isa : isas()) {
      CAPTURE(moxie::name(type), moxie::name(isa));
      const std::vector<float> y = apply(Linear::create(backend_for(isa), p.view()).value(), x, 3);
      bool good = true;
      for (std::size_t i = 0; i < y.size(); ++i) {
        const bool both_nan = std::isnan(y[i]) && std::isnan(expected[i]);  // NaN's bits are the machine's
        good = good && (both_nan || std::memcmp(&y[i], &expected[i], sizeof(float)) == 0);
      }
      CHECK(good);
    }
  }
}

TEST_CASE("rows of zeros, of denormals, and with a NaN concern themselves alone") {
  for (const ElementType type : kTypes) {
    const Problem p(type, 256, 20);
    std::vector<float> x = noise(5 * 256, 4);
    std::fill_n(x.begin() + 256, 256, 0.0f);
    std::fill_n(x.begin() + 512, 256, 1e-40f);
    x[3 * 256 + 200] = NAN;
    for (const Isa isa : isas()) {
      CAPTURE(moxie::name(type), moxie::name(isa));
      const Linear linear = Linear::create(backend_for(isa), p.view()).value();
      const std::vector<float> y = apply(linear, x, 5);
      const auto row = [&](std::size_t r) { return std::span(y).subspan(r * 20, 20); };
      CHECK(std::ranges::all_of(row(1), [](float v) { return v == 0.0f; }));
      CHECK(std::ranges::all_of(row(2), [](float v) { return v == 0.0f; }));
      CHECK(std::ranges::all_of(row(3), [](float v) { return std::isnan(v); }));
      CHECK(same_bits(row(0), apply(linear, std::span(x).first(256), 1)));
      CHECK(same_bits(row(4), apply(linear, std::span(x).subspan(4 * 256), 1)));
    }
  }
}

TEST_CASE("teams, biases and strides keep the bits of quantised products") {
  const Problem p(ElementType::kQ4_K, 512, 70);
  const std::vector<float> bias = noise(70, 6);
  const std::vector<float> x = noise(90 * 512, 2);
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
    Team team(*executor, workspaces);
    std::vector<float> y(90 * 73, 42.0f);
    REQUIRE(linear.apply(ConstRows(x.data(), 90, 512), Rows(y.data(), 90, 70, 73), team).ok());
    for (std::size_t r = 0; r < 90; ++r) {
      REQUIRE(same_bits(std::span(y).subspan(r * 73, 70), std::span(expected).subspan(r * 70, 70)));
      REQUIRE(y[r * 73 + 70] == 42.0f);
    }
  }
}

TEST_CASE("packed weights take the file's bytes, and a width that is no number of blocks is refused") {
  for (const ElementType type : kTypes) {
    const Problem p(type, 512, 64);
    const Linear linear = Linear::create(backend_for(Isa::kPortable), p.view()).value();
    CHECK(linear.bytes() <= p.blocks.size() + 64);
    Weights wrong = p.view();
    wrong.in_width = traits(type).block_elements + 1;
    CHECK(Linear::create(backend_for(Isa::kPortable), wrong).status().code() == Code::kShape);
  }
}

TEST_CASE("tiles are used as they lie, and give the bits of the rows that they were packed from") {
  for (const ElementType type : kTypes) {
    for (const std::size_t in :
         std::vector<std::size_t>{traits(type).block_elements, traits(type).block_elements * 3}) {
      const Problem p(type, in, 37);
      CAPTURE(moxie::name(type), in);
      std::vector<std::byte> tiles(3 * tile_bytes(type, in), std::byte{0xff});
      REQUIRE(has_tiles(type));
      // In two pieces, the second first.
      const std::span<std::byte> all(tiles);
      REQUIRE(pack_tiles(p.view(), 1, all.subspan(tile_bytes(type, in))).ok());
      REQUIRE(pack_tiles(p.view(), 0, all.first(tile_bytes(type, in))).ok());
      CHECK(pack_tiles(p.view(), 1, all).code() == Code::kShape);
      CHECK(pack_tiles(p.view(), 0, all.first(all.size() - 1)).code() == Code::kShape);
      Weights tiled = p.view();
      tiled.data = tiles.data();
      tiled.tiled = true;
      CHECK(pack_tiles(tiled, 0, all).code() == Code::kUnsupported);
      const std::vector<float> x = noise(20 * in, 5);
      const Linear linear = Linear::create(backend_for(isas().back()), tiled).value();
      CHECK(
          same_bits(apply(linear, x, 20), apply(Linear::create(backend_for(isas().back()), p.view()).value(), x, 20)));
    }
  }
}

TEST_CASE("tiles of half floats give the bits of their rows; floats have none") {
  for (const ElementType type : {ElementType::kBF16, ElementType::kF16}) {
    for (const std::size_t out : {5u, 16u, 64u, 100u, 130u}) {
      const Problem p(type, 33, out);
      const std::size_t n_tiles = (out + 15) / 16;
      std::vector<std::byte> tiles(n_tiles * tile_bytes(type, 33));
      for (std::size_t t = 0; t < n_tiles; ++t) {
        REQUIRE(pack_tiles(p.view(), t, std::span(tiles).subspan(t * tile_bytes(type, 33), tile_bytes(type, 33))).ok());
      }
      Weights tiled = p.view();
      tiled.data = tiles.data();
      tiled.tiled = true;
      const std::vector<float> x = noise(9 * 33, 5);
      const Linear linear = Linear::create(Backend::create().value(), tiled).value();
      CHECK(same_bits(apply(linear, x, 9), apply(Linear::create(Backend::create().value(), p.view()).value(), x, 9)));
      CHECK(Linear::create(Backend::create({.matmul = MatmulPath::kReference}).value(), tiled).status().code() ==
            Code::kUnsupported);
    }
  }
  CHECK_FALSE(has_tiles(ElementType::kF32));
  Weights floats{.data = nullptr, .type = ElementType::kF32, .out_width = 4, .in_width = 4, .tiled = true};
  CHECK(Linear::create(Backend::create().value(), floats).status().code() == Code::kUnsupported);
}
