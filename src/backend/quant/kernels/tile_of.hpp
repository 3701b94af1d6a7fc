// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "backend/quant/formats/formats.hpp"
#include "backend/quant/kernels/tile_format.hpp"

namespace moxie::inline abi1::backend::quant {

/// The tile that a format of files is packed into.
template <class F>
struct TileOf;
template <>
struct TileOf<Q4_0> {
  using Type = TileQ4_0;
};
template <>
struct TileOf<Q4_1> {
  using Type = TileQ4_1;
};
template <>
struct TileOf<Q5_0> {
  using Type = TileQ5_0;
};
template <>
struct TileOf<Q5_1> {
  using Type = TileQ5_1;
};
template <>
struct TileOf<Q8_0> {
  using Type = TileQ8_0;
};
template <>
struct TileOf<Q2_K> {
  using Type = TileQ2_K;
};
template <>
struct TileOf<Q3_K> {
  using Type = TileQ3_K;
};
template <>
struct TileOf<Q4_K> {
  using Type = TileQ4_K;
};
template <>
struct TileOf<Q5_K> {
  using Type = TileQ5_K;
};
template <>
struct TileOf<Q6_K> {
  using Type = TileQ6_K;
};
template <>
struct TileOf<IQ4_NL> {
  using Type = TileIQ4_NL;
};
template <>
struct TileOf<IQ4_XS> {
  using Type = TileIQ4_XS;
};
template <>
struct TileOf<MXFP4> {
  using Type = TileMXFP4;
};

constexpr std::size_t chunks_of(std::size_t in_width) noexcept { return (in_width + kChunk - 1) / kChunk; }

template <class T>
constexpr std::size_t bytes_of(std::size_t in_width) noexcept {
  if constexpr (T::kFlat) return chunks_of(in_width) * T::kChunkBytes;
  return (in_width + kSuper - 1) / kSuper * T::kSuperBytes;
}

}  // namespace moxie::backend::quant
