// SPDX-License-Identifier: Apache-2.0
#include "backend/tile_rows.hpp"

#include <cstring>

#include "backend/linear_body.hpp"
#include "backend/quant/kernels/tile_packer.hpp"
#include "backend/quant/kernels/tile_unpacker.hpp"

namespace moxie::inline abi1::backend {

void unpack_tiled_row(const Weights& weights, std::size_t row, std::byte* out) noexcept {
  if (is_quantized(weights.type)) {
    const std::byte* tile = weights.data + row / quant::kTileRows * quant::tile_bytes(weights.type, weights.in_width);
    quant::unpack_tile_row(weights.type, tile, row % quant::kTileRows, weights.in_width, out);
    return;
  }
  // A panel is [in][columns], and a row is one of its columns.
  const std::size_t size = size_of(weights.type);
  const std::size_t first = row / kPanelWidth * kPanelWidth;
  const std::size_t stride = stored_width(panel_columns(weights.out_width, first)) * size;
  const std::byte* at = weights.data + first * weights.in_width * size + (row - first) * size;
  for (std::size_t i = 0; i < weights.in_width; ++i) std::memcpy(out + i * size, at + i * stride, size);
}

}  // namespace moxie::backend
