// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "backend/access.hpp"
#include "backend/cpu/ops.hpp"
#include "support/catch.hpp"
#include "unit/backend/linear_paths.hpp"

namespace moxie::test {

/// The kernels of each level of this CPU that has some of its own.
inline std::vector<const backend::Ops*> attend_ops() {
  std::vector<const backend::Ops*> all;
  for (const Isa isa : isas_under_test()) {
    if (float_kernels(isa) != name(isa)) continue;  // another level has them
    const Backend backend = Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).value();
    REQUIRE(BackendAccess::ops(backend).isa == float_kernels(isa));
    all.push_back(&BackendAccess::ops(backend));
  }
  return all;
}

}  // namespace moxie::test
