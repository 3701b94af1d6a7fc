// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace moxie::inline abi1::text {

// Hashes of the tables that a file fills. Their seed is made of the whole file, so that nobody can write a file whose
// entries all fall into one place: changing an entry changes the places of all.

constexpr std::uint64_t mix(std::uint64_t h) noexcept {
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93U;
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93U;
  return h ^ h >> 32;
}

inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) noexcept {
  std::uint64_t h = seed ^ (bytes.size() * 0x9e3779b97f4a7c15U);
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    h = (h ^ word) * 0xa0761d6478bd642fU;
    h ^= h >> 29;
  }
  std::uint64_t rest = 0;
  for (std::size_t i = 0; i < left; ++i) rest = rest << 8 | static_cast<unsigned char>(at[i]);
  return mix(h ^ rest);
}

/// A place in [0, size) for a hash whose bits are all good.
constexpr std::size_t place(std::uint64_t hash, std::size_t size) noexcept {
  return static_cast<std::size_t>((hash >> 32) * static_cast<std::uint64_t>(size) >> 32);
}

}  // namespace moxie::text
