// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backend/quant/kernels/chunk_kernels.hpp"

namespace {

/// In the place of wide_kernels.hpp, for a path whose registers are too few for it.
template <class F>
inline std::size_t wide_tiles(const QuantGemmArgs&) {
  return 0;
}

}  // namespace
