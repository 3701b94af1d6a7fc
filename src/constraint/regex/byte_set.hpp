// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace moxie::inline abi1::constraint {

/// A set of bytes.
struct ByteSet {
  std::uint64_t words[4] = {};

  static constexpr ByteSet range(unsigned first, unsigned last) noexcept {
    ByteSet set;
    for (unsigned byte = first; byte <= last; ++byte) set.add(byte);
    return set;
  }
  constexpr void add(unsigned byte) noexcept { words[byte / 64] |= std::uint64_t{1} << byte % 64; }
  constexpr void remove(unsigned byte) noexcept { words[byte / 64] &= ~(std::uint64_t{1} << byte % 64); }
  [[nodiscard]] constexpr bool has(unsigned byte) const noexcept { return (words[byte / 64] >> byte % 64 & 1U) != 0; }
  [[nodiscard]] constexpr bool empty() const noexcept { return (words[0] | words[1] | words[2] | words[3]) == 0; }
  friend constexpr ByteSet operator|(ByteSet a, const ByteSet& b) noexcept {
    for (std::size_t i = 0; i < 4; ++i) a.words[i] |= b.words[i];
    return a;
  }
  friend constexpr ByteSet operator&(ByteSet a, const ByteSet& b) noexcept {
    for (std::size_t i = 0; i < 4; ++i) a.words[i] &= b.words[i];
    return a;
  }
  friend constexpr bool operator==(const ByteSet&, const ByteSet&) noexcept = default;
};

}  // namespace moxie::constraint
