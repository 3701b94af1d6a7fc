// SPDX-License-Identifier: Apache-2.0
#include "backend/quant/kernels/tile_unpacker.hpp"

#include <array>
#include <cstdint>
#include <cstring>

#include "backend/quant/kernels/tile_of.hpp"

// The inverse of tile_packer.cpp, step by step.

namespace moxie::inline abi1::backend::quant {

namespace {

template <class T>
std::int8_t code_value(std::uint8_t code) noexcept {
  if constexpr (T::kCode == CodeForm::kTable) return kIq4Values[code];
  if constexpr (T::kCode == CodeForm::kFp4) return kFp4Values[code];
  return static_cast<std::int8_t>(code - T::kBias);
}

/// Row `row`'s 64 codes from the planes of a chunk, four at a time.
template <class T>
std::array<std::uint8_t, kChunk> take_codes(std::size_t row, const std::byte* planes) noexcept {
  std::array<std::uint32_t, 16> words{};  // word t holds the codes of code vector t
  const auto take = [row](const std::byte* plane, std::size_t vector) {
    std::uint32_t word = 0;
    std::memcpy(&word, plane + vector * 64 + row * 4, sizeof(word));
    return word;
  };
  if constexpr (T::kLowBits == 8) {
    for (std::size_t t = 0; t < 16; ++t) words[t] = take(planes, t);
  } else if constexpr (T::kLowBits == 4) {
    constexpr std::uint32_t kMask = 0x0f0f0f0f;
    for (std::size_t t = 0; t < 8; ++t) {
      const std::uint32_t word = take(planes, t);
      words[t] = word & kMask;
      words[t + 8] = (word >> 4) & kMask;
    }
  } else {
    constexpr std::uint32_t kMask = 0x03030303;
    for (std::size_t t = 0; t < 16; ++t) words[t] = (take(planes, t / 4) >> (2 * (t % 4))) & kMask;
  }
  const std::byte* high = planes + T::kLowBytes;
  if constexpr (T::kHighBits == 2) {
    constexpr std::uint32_t kMask = 0x03030303;
    for (std::size_t t = 0; t < 16; ++t) {
      words[t] |= ((take(high, t / 4) >> (2 * (t % 4))) & kMask) << T::kLowBits;
    }
  } else if constexpr (T::kHighBits == 1) {
    constexpr std::uint32_t kMask = 0x01010101;
    for (std::size_t t = 0; t < 16; ++t) words[t] |= ((take(high, t / 8) >> (t % 8)) & kMask) << T::kLowBits;
  }
  std::array<std::uint8_t, kChunk> codes{};
  std::memcpy(codes.data(), words.data(), sizeof(words));
  return codes;
}

/// Four numbers of six bits from three planes of one byte for each row.
std::array<std::uint8_t, 4> take_six_bits(std::size_t row, const std::uint8_t* planes) noexcept {
  const int a = planes[row], b = planes[16 + row], c = planes[32 + row];
  return {to_u8(a & 63), to_u8((a >> 6) | ((b & 15) << 2)), to_u8((b >> 4) | ((c & 3) << 4)), to_u8(c >> 2)};
}

std::uint16_t take_half(const std::uint8_t* plane, std::size_t row) noexcept {
  std::uint16_t value = 0;
  std::memcpy(&value, plane + row * 2, sizeof(value));
  return value;
}

template <class F, class T>
void unpack_flat_row(const std::byte* tile, std::size_t row, std::size_t in_width, std::byte* blocks) noexcept {
  const std::size_t n_blocks = in_width / 32;
  for (std::size_t block = 0; block < n_blocks; ++block) {
    const std::size_t g = block % 2;
    const std::byte* at = tile + block / 2 * T::kChunkBytes;
    const auto* scales = reinterpret_cast<const std::uint8_t*>(at);
    const std::array<std::uint8_t, kChunk> stored = take_codes<T>(row, at + T::kScaleBytes);
    typename F::Codes codes{};
    if constexpr (T::kScales == ScaleForm::kExponent) {
      codes.d = scales[g * 16 + row];
    } else {
      codes.d = take_half(scales + g * 32, row);
      if constexpr (T::kOffsets) codes.m = take_half(scales + (2 + g) * 32, row);
    }
    for (std::size_t i = 0; i < 32; ++i) codes.q[i] = code_value<T>(stored[g * 32 + i]);
    F::pack(codes, reinterpret_cast<std::uint8_t*>(blocks) + block * F::kBytes);
  }
}

template <class T, class Codes>
void take_scales(const std::uint8_t* bytes, std::size_t row, std::size_t chunk, Codes& codes) noexcept {
  auto* s = &codes.s[chunk * T::kGroups];
  auto* n = &codes.n[chunk * T::kGroups];
  if constexpr (T::kScales == ScaleForm::kSixBitPairs) {
    const auto numbers = take_six_bits(row, bytes);
    for (std::size_t g = 0; g < 2; ++g) {
      s[g] = to_i8(numbers[g]);
      n[g] = to_i8(numbers[2 + g]);
    }
  } else if constexpr (T::kScales == ScaleForm::kSixBit16) {
    const auto numbers = take_six_bits(row, bytes);
    for (std::size_t g = 0; g < 4; ++g) s[g] = to_i8(numbers[g] - 32);
  } else if constexpr (T::kScales == ScaleForm::kFourBitPairs) {
    for (std::size_t g = 0; g < 4; ++g) {
      s[g] = to_i8(bytes[g * 16 + row] & 15);
      n[g] = to_i8(bytes[g * 16 + row] >> 4);
    }
  } else if constexpr (T::kScales == ScaleForm::kEightBit16) {
    for (std::size_t g = 0; g < 4; ++g) s[g] = static_cast<std::int8_t>(bytes[g * 16 + row]);
  }
}

template <class F, class T>
void unpack_super_row(const std::byte* tile, std::size_t row, std::size_t in_width, std::byte* blocks) noexcept {
  for (std::size_t super = 0; super < in_width / kSuper; ++super) {
    const std::byte* start = tile + super * T::kSuperBytes;
    const auto* header = reinterpret_cast<const std::uint8_t*>(start);
    const std::byte* scales = start + T::kHeaderBytes;
    typename F::Codes codes{};
    codes.d = take_half(header, row);
    if constexpr (T::kOffsets) codes.m = take_half(header + 32, row);
    if constexpr (T::kScales == ScaleForm::kSixBit32) {
      const std::uint8_t* planes = header + 32;
      for (std::size_t g = 0; g < 8; ++g) {
        const int low = (planes[16 * (g / 2) + row] >> (4 * (g % 2))) & 15;
        const int high = (planes[64 + 16 * (g / 4) + row] >> (2 * (g % 4))) & 3;
        codes.s[g] = to_i8((low | (high << 4)) - 32);
      }
    }
    for (std::size_t chunk = 0; chunk < kChunks; ++chunk) {
      take_scales<T>(reinterpret_cast<const std::uint8_t*>(scales + chunk * T::kScaleBytes), row, chunk, codes);
      const std::array<std::uint8_t, kChunk> stored =
          take_codes<T>(row, scales + kChunks * T::kScaleBytes + chunk * T::kCodeBytes);
      for (std::size_t i = 0; i < kChunk; ++i) codes.q[chunk * kChunk + i] = code_value<T>(stored[i]);
    }
    F::pack(codes, reinterpret_cast<std::uint8_t*>(blocks) + super * F::kBytes);
  }
}

}  // namespace

void unpack_tile_row(ElementType type, const std::byte* tile, std::size_t row, std::size_t in_width,
                     std::byte* blocks) noexcept {
  visit_format(type, [&]<class F>(F) {
    using T = typename TileOf<F>::Type;
    if constexpr (T::kFlat) {
      unpack_flat_row<F, T>(tile, row, in_width, blocks);
    } else {
      unpack_super_row<F, T>(tile, row, in_width, blocks);
    }
  });
}

void forget_signs_of_zeros(ElementType type, std::byte* blocks, std::size_t count) noexcept {
  if (type != ElementType::kMXFP4) return;
  for (std::size_t i = 0; i < count; ++i) {
    auto* block = reinterpret_cast<std::uint8_t*>(blocks) + i * MXFP4::kBytes;
    MXFP4::Codes codes;
    MXFP4::unpack(block, codes);
    MXFP4::pack(codes, block);
  }
}

}  // namespace moxie::backend::quant
