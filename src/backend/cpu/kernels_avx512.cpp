// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/vec_avx512.hpp"  // first: the Vec that kernels.hpp is written over

#include "backend/cpu/kernels.hpp"

namespace moxie::inline abi1::backend {
const Ops kAvx512Ops = make_ops("avx512");
}  // namespace moxie::backend
