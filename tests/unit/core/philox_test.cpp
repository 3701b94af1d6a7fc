// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/philox.hpp>

#include "support/catch.hpp"

using namespace moxie;

TEST_CASE("philox gives the known answers of Random123") {
  using Block = Philox::Block;
  CHECK(Philox::generate({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(Philox::generate({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(Philox::generate({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("philox puts index and stream in the counter and the seed in the key") {
  const Philox random(0x299f31d0a4093822, 0x0370734413198a2e);
  CHECK(random.block(0x85a308d3243f6a88) == Philox::Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a block is known at compile time") { static_assert(Philox(0).block(0)[0] == 0x6627e8d5); }

TEST_CASE("uniform covers [0, 1) and never reaches 1") {
  CHECK(Philox::uniform(0) == 0.0f);
  CHECK(Philox::uniform(0xff) == 0.0f);
  CHECK(Philox::uniform(0x100) == 0x1p-24f);
  CHECK(Philox::uniform(0x80000000) == 0.5f);
  CHECK(Philox::uniform(0xffffffff) == 1.0f - 0x1p-24f);
}
