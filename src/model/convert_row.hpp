// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include <moxie/backend/quant.hpp>
#include <moxie/core/element_type.hpp>
#include <moxie/core/status.hpp>

namespace moxie::model {

/// One row of a tensor as elements of another type: by way of f32 in `values`, which has room for its elements; as it
/// is where both types are one.
///
/// Errors   those of quantize() and dequantize(), which know nothing of the tensor.
inline Status convert_row(ElementType from_type, std::span<const std::byte> from, ElementType to_type,
                          std::span<std::byte> to, std::span<float> values) noexcept {
  if (from_type == to_type) {
    std::copy(from.begin(), from.end(), to.begin());
    return {};
  }
  MOXIE_TRY(dequantize(from_type, from, values));
  return quantize(to_type, values, to);
}

}  // namespace moxie::model
