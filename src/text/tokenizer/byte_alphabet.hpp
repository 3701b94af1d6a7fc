// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace moxie::inline abi1::text {

/// The alphabet in which vocabularies of byte-level BPE are written: a printable character for each byte. Bytes that
/// print in Latin-1 stand for themselves, the 68 others for U+0100 and up, in order.
///
/// Source   the code of GPT-2 (bytes_to_unicode).
struct ByteAlphabet {
  static constexpr char32_t kEnd = 0x144;  ///< above its last character

  std::array<char32_t, 256> characters{};
  std::array<std::int16_t, kEnd> bytes{};  ///< -1: not of the alphabet

  constexpr ByteAlphabet() noexcept {
    for (auto& byte : bytes) byte = -1;
    char32_t next = 0x100;
    for (char32_t byte = 0; byte < 256; ++byte) {
      const bool prints = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
      characters[byte] = prints ? byte : next++;
      bytes[characters[byte]] = static_cast<std::int16_t>(byte);
    }
  }

  [[nodiscard]] constexpr std::optional<char> byte_of(char32_t character) const noexcept {
    if (character >= kEnd || bytes[character] < 0) return std::nullopt;
    return static_cast<char>(bytes[character]);
  }
};

inline constexpr ByteAlphabet kByteAlphabet;
static_assert(kByteAlphabet.characters[0xff] == 0xff && kByteAlphabet.characters[0xad] == 0x143);

}  // namespace moxie::text
