// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/vec_portable.hpp"  // first: the Vec that kernels.hpp is written over

#include "backend/cpu/kernels.hpp"

namespace moxie::inline abi1::backend {
const Ops kPortableOps = make_ops("portable");
}  // namespace moxie::backend
