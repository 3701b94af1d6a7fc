// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "backend/quant/formats/formats.hpp"
#include "support/catch.hpp"
#include "vectors.hpp"

using namespace moxie;
using namespace moxie::backend::quant;
using namespace moxie::test;

namespace {

/// MXFP4 has two codes for zero, and numbers keep one of them: such codes become another.
std::vector<std::byte> without_zeros(ElementType type, std::vector<std::byte> bytes) {
  if (type != ElementType::kMXFP4) return bytes;
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    for (const unsigned half : {0x0fu, 0xf0u}) {
      const auto mask = static_cast<std::byte>(half & 0x77u);
      if ((bytes[i] & mask) == std::byte{0}) bytes[i] |= static_cast<std::byte>(half & 0x11u);
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("every format packs what it unpacked to the same bytes") {
  for (const ElementType type : quantized_types()) {
    INFO(name(type));
    const bool known = visit_format(type, [&]<class F>(F) {
      CHECK(F::kType == type);
      for (std::uint32_t seed = 0; seed < 100; ++seed) {
        const auto bytes = without_zeros(type, random_bytes(F::kBytes, seed));
        const auto* block = reinterpret_cast<const std::uint8_t*>(bytes.data());
        typename F::Codes codes;
        F::unpack(block, codes);
        std::array<std::uint8_t, F::kBytes> packed;
        packed.fill(static_cast<std::uint8_t>(seed));  // what was there must not show
        F::pack(codes, packed.data());
        REQUIRE(std::equal(packed.begin(), packed.end(), block));
      }
    });
    CHECK(known);
  }
}

TEST_CASE("every bit of a block belongs to one number of its codes") {
  for (const ElementType type : quantized_types()) {
    INFO(name(type));
    visit_format(type, [&]<class F>(F) {
      const auto changed = [](const typename F::Codes& a, const typename F::Codes& b) {
        std::size_t count = (a.d != b.d ? 1u : 0u) + (a.m != b.m ? 1u : 0u);
        for (std::size_t i = 0; i < F::kElements; ++i) count += a.q[i] != b.q[i] ? 1u : 0u;
        for (std::size_t g = 0; g < F::kGroups; ++g) {
          count += (a.s[g] != b.s[g] ? 1u : 0u) + (a.n[g] != b.n[g] ? 1u : 0u);
        }
        return count;
      };
      auto bytes = without_zeros(type, random_bytes(F::kBytes, 7));
      auto* block = reinterpret_cast<std::uint8_t*>(bytes.data());
      typename F::Codes before;
      typename F::Codes after;
      F::unpack(block, before);
      for (std::size_t bit = 0; bit < 8 * F::kBytes; ++bit) {
        const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
        block[bit / 8] ^= mask;
        F::unpack(block, after);
        block[bit / 8] ^= mask;
        REQUIRE(changed(before, after) == 1);
      }
    });
  }
}

TEST_CASE("plain types have no format") {
  for (int i = 0; i < static_cast<int>(ElementType::kQ4_0); ++i) {
    CHECK_FALSE(visit_format(static_cast<ElementType>(i), [](auto) { FAIL("visited"); }));
  }
}
