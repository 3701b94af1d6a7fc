// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "backend/linear_body.hpp"
#include "backend/onednn/product.hpp"

namespace moxie::inline abi1::backend {

using ProductFor = std::function<Result<std::shared_ptr<const Product>>(std::size_t depth, std::size_t columns)>;

/// Weights of F32 or BF16 in oneDNN's layout, tile by tile.
BodyResult make_onednn_linear(const ProductFor& product_for, const Weights& weights, std::span<const float> bias,
                              const Packing& packing);

}  // namespace moxie::backend
