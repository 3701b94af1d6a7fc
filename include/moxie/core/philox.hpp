// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace moxie::inline abi1 {

/// Philox4x32-10, a counter-based random generator: the same key and counter always give the same
/// four words, so a draw depends on nothing that happened beside it.
///
///     Philox random(seed, stream);
///     std::array<std::uint32_t, 4> words = random.block(token_index);
///     float u = Philox::uniform(words[0]);      // [0, 1)
///
/// Threads  immutable; may be used from any thread.
/// Source   Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
class Philox {
 public:
  using Block = std::array<std::uint32_t, 4>;

  constexpr explicit Philox(std::uint64_t seed, std::uint64_t stream = 0) noexcept : seed_(seed), stream_(stream) {}

  /// The four words at `index` of this seed and stream.
  [[nodiscard]] constexpr Block block(std::uint64_t index) const noexcept {
    return generate({low(index), high(index), low(stream_), high(stream_)}, {low(seed_), high(seed_)});
  }

  /// The function itself: ten rounds over a counter under a key.
  static constexpr Block generate(Block counter, std::array<std::uint32_t, 2> key) noexcept {
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t product0 = 0xD2511F53ull * counter[0];
      const std::uint64_t product1 = 0xCD9E8D57ull * counter[2];
      counter = {high(product1) ^ counter[1] ^ key[0], low(product1), high(product0) ^ counter[3] ^ key[1],
                 low(product0)};
      key[0] += 0x9E3779B9u;
      key[1] += 0xBB67AE85u;
    }
    return counter;
  }

  /// 24 bits of a word as a float in [0, 1), evenly spaced.
  static constexpr float uniform(std::uint32_t word) noexcept { return static_cast<float>(word >> 8) * 0x1p-24f; }

 private:
  static constexpr std::uint32_t low(std::uint64_t x) noexcept { return static_cast<std::uint32_t>(x); }
  static constexpr std::uint32_t high(std::uint64_t x) noexcept { return static_cast<std::uint32_t>(x >> 32); }

  std::uint64_t seed_;
  std::uint64_t stream_;
};

}  // namespace moxie
