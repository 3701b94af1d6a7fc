// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <moxie/core/element_type.hpp>

namespace moxie::inline abi1::backend::quant {

/// Row `row` of 16 of a tile, in blocks as a file has them: what pack_tile() was given, but for the sign of zeros in
/// MXFP4, which tiles do not keep; those come out as code 0.
void unpack_tile_row(ElementType type, const std::byte* tile, std::size_t row, std::size_t in_width,
                     std::byte* blocks) noexcept;

/// Blocks as unpack_tile_row() would give them after packing: of MXFP4, zeros without a sign; else as they are.
void forget_signs_of_zeros(ElementType type, std::byte* blocks, std::size_t count) noexcept;

}  // namespace moxie::backend::quant
