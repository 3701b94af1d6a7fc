// SPDX-License-Identifier: Apache-2.0
// Weights that lie in tiles already.

#include <vector>

#include "quant_problem.hpp"

using namespace moxie;
using namespace moxie::test;

TEST_CASE("tiles are used as they lie, and give the bits of the rows that they were packed from") {
  for (const ElementType type : kQuantTypes) {
    for (const std::size_t in :
         std::vector<std::size_t>{traits(type).block_elements, traits(type).block_elements * 3}) {
      const QuantProblem p(type, in, 37);
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
      const Linear linear = Linear::create(quant_backend(quant_isas().back()), tiled).value();
      CHECK(same_bits(apply(linear, x, 20),
                      apply(Linear::create(quant_backend(quant_isas().back()), p.view()).value(), x, 20)));
    }
  }
}

TEST_CASE("tiles of half floats give the bits of their rows; floats have none") {
  for (const ElementType type : {ElementType::kBF16, ElementType::kF16}) {
    for (const std::size_t out : {5u, 16u, 64u, 100u, 130u}) {
      const QuantProblem p(type, 33, out);
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
