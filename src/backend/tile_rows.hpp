// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <moxie/backend/linear.hpp>

namespace moxie::inline abi1::backend {

/// Writes row `row` of a tiled matrix as it lies in a file of rows, weights.row_bytes() bytes: the inverse of
/// pack_tiles(), where zeros of MXFP4 have no sign. `row` < out_width.
void unpack_tiled_row(const Weights& weights, std::size_t row, std::byte* out) noexcept;

}  // namespace moxie::backend
