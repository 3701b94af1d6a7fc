// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include <moxie/core/element_type.hpp>

#include "backend/quant/kernels/tile_format.hpp"

namespace moxie::inline abi1::backend::quant {

/// Bytes of one packed tile of 16 rows of that width; of exactly the file's size where the width is a
/// multiple of 64 elements.
[[nodiscard]] std::size_t tile_bytes(ElementType type, std::size_t in_width) noexcept;

/// Packs up to 16 rows of blocks as they lie in a file, `row_bytes` apart; rows beyond `rows` are zero.
void pack_tile(ElementType type, const std::byte* blocks, std::size_t row_bytes, std::size_t rows, std::size_t in_width,
               std::byte* tile) noexcept;

[[nodiscard]] ActivationRule activation_rule(ElementType type, std::int32_t signed_bias) noexcept;

/// Where a type stands in QuantOps::gemm.
[[nodiscard]] constexpr std::size_t format_index(ElementType type) noexcept {
  return static_cast<std::size_t>(type) - static_cast<std::size_t>(ElementType::kQ4_0);
}

}  // namespace moxie::backend::quant
