// SPDX-License-Identifier: Apache-2.0
#include "backend/quant/kernels/tile_packer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "backend/quant/formats/formats.hpp"
#include "backend/quant/kernels/tile_format.hpp"
#include "backend/quant/kernels/tile_of.hpp"

namespace moxie::inline abi1::backend::quant {

namespace {

/// One row's 64 elements of a chunk: codes as they are stored, and scales for each group.
struct ChunkCodes {
  std::array<std::uint8_t, kChunk> code{};
  std::array<std::int8_t, 4> s{};
  std::array<std::int8_t, 4> n{};
  std::array<std::uint16_t, 2> d{};  // flat formats: for each 32
  std::array<std::uint16_t, 2> m{};
};

template <class T>
std::uint8_t stored_code(std::int8_t value) noexcept {
  if constexpr (T::kCode == CodeForm::kTable) return kIq4Codes[static_cast<std::uint8_t>(value)];
  if constexpr (T::kCode == CodeForm::kFp4) return kFp4Codes[static_cast<std::uint8_t>(value)];
  return static_cast<std::uint8_t>(value + T::kBias);
}

/// Puts row `row`'s codes into the planes of a chunk, four codes at a time.
template <class T>
void put_codes(const ChunkCodes& from, std::size_t row, std::byte* planes) noexcept {
  std::array<std::uint32_t, 16> words;  // word t holds the codes of code vector t
  std::memcpy(words.data(), from.code.data(), sizeof(words));
  const auto put = [row](std::byte* plane, std::size_t vector, std::uint32_t word) {
    std::memcpy(plane + vector * 64 + row * 4, &word, sizeof(word));
  };
  if constexpr (T::kLowBits == 8) {
    for (std::size_t t = 0; t < 16; ++t) put(planes, t, words[t]);
  } else if constexpr (T::kLowBits == 4) {
    constexpr std::uint32_t kMask = 0x0f0f0f0f;
    for (std::size_t t = 0; t < 8; ++t) put(planes, t, (words[t] & kMask) | ((words[t + 8] & kMask) << 4));
  } else {
    constexpr std::uint32_t kMask = 0x03030303;
    for (std::size_t p = 0; p < 4; ++p) {
      std::uint32_t word = 0;
      for (std::size_t i = 0; i < 4; ++i) word |= (words[4 * p + i] & kMask) << (2 * i);
      put(planes, p, word);
    }
  }
  std::byte* high = planes + T::kLowBytes;
  if constexpr (T::kHighBits == 2) {
    constexpr std::uint32_t kMask = 0x03030303;
    for (std::size_t p = 0; p < 4; ++p) {
      std::uint32_t word = 0;
      for (std::size_t i = 0; i < 4; ++i) word |= ((words[4 * p + i] >> T::kLowBits) & kMask) << (2 * i);
      put(high, p, word);
    }
  } else if constexpr (T::kHighBits == 1) {
    constexpr std::uint32_t kMask = 0x01010101;
    for (std::size_t p = 0; p < 2; ++p) {
      std::uint32_t word = 0;
      for (std::size_t i = 0; i < 8; ++i) word |= ((words[8 * p + i] >> T::kLowBits) & kMask) << i;
      put(high, p, word);
    }
  }
}

/// Four numbers of six bits in three planes of one byte for each row.
void put_six_bits(std::array<int, 4> n, std::size_t row, std::uint8_t* planes) noexcept {
  planes[row] = static_cast<std::uint8_t>(n[0] | ((n[1] & 3) << 6));
  planes[16 + row] = static_cast<std::uint8_t>((n[1] >> 2) | ((n[2] & 15) << 4));
  planes[32 + row] = static_cast<std::uint8_t>((n[2] >> 4) | (n[3] << 2));
}

template <class T>
void put_scales(const ChunkCodes& c, std::size_t row, std::byte* at) noexcept {
  auto* bytes = reinterpret_cast<std::uint8_t*>(at);
  const auto half = [&](std::size_t plane, std::uint16_t value) {
    std::memcpy(bytes + plane * 32 + row * 2, &value, 2);
  };
  if constexpr (T::kScales == ScaleForm::kExponent) {
    for (std::size_t g = 0; g < 2; ++g) bytes[g * 16 + row] = static_cast<std::uint8_t>(c.d[g]);
  } else if constexpr (T::kFlat) {
    for (std::size_t g = 0; g < 2; ++g) {
      half(g, c.d[g]);
      if constexpr (T::kOffsets) half(2 + g, c.m[g]);
    }
  } else if constexpr (T::kScales == ScaleForm::kSixBitPairs) {
    put_six_bits({c.s[0], c.s[1], c.n[0], c.n[1]}, row, bytes);
  } else if constexpr (T::kScales == ScaleForm::kSixBit16) {
    put_six_bits({c.s[0] + 32, c.s[1] + 32, c.s[2] + 32, c.s[3] + 32}, row, bytes);
  } else if constexpr (T::kScales == ScaleForm::kFourBitPairs) {
    for (std::size_t g = 0; g < 4; ++g) bytes[g * 16 + row] = static_cast<std::uint8_t>(c.s[g] | (c.n[g] << 4));
  } else if constexpr (T::kScales == ScaleForm::kEightBit16) {
    for (std::size_t g = 0; g < 4; ++g) bytes[g * 16 + row] = static_cast<std::uint8_t>(c.s[g]);
  }
}

template <class T, class BlockCodes>
void put_header(const BlockCodes& codes, std::size_t row, std::byte* header) noexcept {
  auto* bytes = reinterpret_cast<std::uint8_t*>(header);
  std::memcpy(bytes + row * 2, &codes.d, 2);
  if constexpr (T::kOffsets) std::memcpy(bytes + 32 + row * 2, &codes.m, 2);
  if constexpr (T::kScales == ScaleForm::kSixBit32) {
    std::uint8_t* planes = bytes + 32;
    for (std::size_t g = 0; g < 8; ++g) {
      const int s = codes.s[g] + 32;
      planes[16 * (g / 2) + row] |= static_cast<std::uint8_t>((s & 15) << (4 * (g % 2)));
      planes[64 + 16 * (g / 4) + row] |= static_cast<std::uint8_t>((s >> 4) << (2 * (g % 4)));
    }
  }
}

/// A format of 32 elements: two blocks make a chunk; the second may be missing at the end of a row.
template <class F, class T>
void pack_flat_row(const std::byte* blocks, std::size_t in_width, std::size_t row, std::byte* tile) noexcept {
  const std::size_t n_blocks = in_width / 32;
  for (std::size_t chunk = 0; chunk < chunks_of(in_width); ++chunk) {
    ChunkCodes c;
    for (std::size_t g = 0; g < 2 && chunk * 2 + g < n_blocks; ++g) {
      typename F::Codes codes;
      F::unpack(reinterpret_cast<const std::uint8_t*>(blocks) + (chunk * 2 + g) * F::kBytes, codes);
      c.d[g] = codes.d;
      c.m[g] = codes.m;
      for (std::size_t i = 0; i < 32; ++i) c.code[g * 32 + i] = stored_code<T>(codes.q[i]);
    }
    std::byte* at = tile + chunk * T::kChunkBytes;
    put_scales<T>(c, row, at);
    put_codes<T>(c, row, at + T::kScaleBytes);
  }
}

template <class F, class T>
void pack_super_row(const std::byte* blocks, std::size_t in_width, std::size_t row, std::byte* tile) noexcept {
  for (std::size_t super = 0; super < in_width / kSuper; ++super) {
    typename F::Codes codes;
    F::unpack(reinterpret_cast<const std::uint8_t*>(blocks) + super * F::kBytes, codes);
    std::byte* header = tile + super * T::kSuperBytes;
    std::byte* scales = header + T::kHeaderBytes;
    put_header<T>(codes, row, header);
    for (std::size_t chunk = 0; chunk < kChunks; ++chunk) {
      ChunkCodes c;
      for (std::size_t i = 0; i < kChunk; ++i) c.code[i] = stored_code<T>(codes.q[chunk * kChunk + i]);
      for (std::size_t g = 0; g < T::kGroups; ++g) {
        c.s[g] = codes.s[chunk * T::kGroups + g];
        c.n[g] = codes.n[chunk * T::kGroups + g];
      }
      put_scales<T>(c, row, scales + chunk * T::kScaleBytes);
      put_codes<T>(c, row, scales + kChunks * T::kScaleBytes + chunk * T::kCodeBytes);
    }
  }
}

}  // namespace

std::size_t tile_bytes(ElementType type, std::size_t in_width) noexcept {
  std::size_t bytes = 0;
  visit_format(type, [&]<class F>(F) { bytes = bytes_of<typename TileOf<F>::Type>(in_width); });
  return bytes;
}

void pack_tile(ElementType type, const std::byte* blocks, std::size_t row_bytes, std::size_t rows, std::size_t in_width,
               std::byte* tile) noexcept {
  visit_format(type, [&]<class F>(F) {
    using T = typename TileOf<F>::Type;
    // Otherwise every byte is written.
    if (rows < kTileRows || T::kScales == ScaleForm::kSixBit32) std::memset(tile, 0, bytes_of<T>(in_width));
    for (std::size_t row = 0; row < rows; ++row) {
      if constexpr (T::kFlat) {
        pack_flat_row<F, T>(blocks + row * row_bytes, in_width, row, tile);
      } else {
        pack_super_row<F, T>(blocks + row * row_bytes, in_width, row, tile);
      }
    }
  });
}

ActivationRule activation_rule(ElementType type, std::int32_t signed_bias) noexcept {
  ActivationRule rule{};
  visit_format(type, [&]<class F>(F) {
    using T = typename TileOf<F>::Type;
    rule = {.block = T::kActivationBlock,
            .group = T::kGroup,
            .bias = T::kCode == CodeForm::kUnsigned ? T::kBias : signed_bias};
  });
  return rule;
}

}  // namespace moxie::backend::quant
