// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <moxie/backend/backend.hpp>

namespace moxie::test {

// Not every level has kernels of its own: those that run at `isa`, as Linear::path() names them.
inline std::string_view float_kernels(Isa isa) { return name(isa == Isa::kAvx512Vnni ? Isa::kAvx512 : isa); }
inline std::string_view quant_kernels(Isa isa) { return name(isa == Isa::kAvx512 ? Isa::kAvx2 : isa); }

}  // namespace moxie::test
