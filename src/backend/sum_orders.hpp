// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace moxie::inline abi1::backend {

// The version of each order of operations on which bits depend. Who changes the bits of a kernel raises its number: it
// is part of the numerics id (docs/design/018), so that what was computed in another order is never taken for equal.

inline constexpr unsigned kFloatProductOrder = 1;      ///< native products of F32, BF16 and F16: docs/design/002
inline constexpr unsigned kQuantizedProductOrder = 2;  ///< quantized rows and integer products: docs/design/009
inline constexpr unsigned kReductionOrder = 1;         ///< norms, softmax and their exponentials: docs/design/002
inline constexpr unsigned kAttentionOrder = 2;         ///< attention, latent attention included: docs/design/002, 014

}  // namespace moxie::backend
