// SPDX-License-Identifier: Apache-2.0
#include "backend/quant/kernels/int_avx2.hpp"  // first: what tile_kernels.hpp is written over

#include "backend/quant/kernels/dot_group_avx2.hpp"

#include "backend/quant/kernels/tile_kernels.hpp"

namespace moxie::inline abi1::backend::quant {
const QuantOps kAvx2QuantOps = make_quant_ops("avx2");
}  // namespace moxie::backend::quant
