// SPDX-License-Identifier: Apache-2.0
#include "backend/quant/kernels/int_portable.hpp"  // first: what tile_kernels.hpp is written over

#include "backend/quant/kernels/dot_group.hpp"

#include "backend/quant/kernels/tile_kernels.hpp"

namespace moxie::inline abi1::backend::quant {
const QuantOps kPortableQuantOps = make_quant_ops("portable");
}  // namespace moxie::backend::quant
