// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/backend/backend.hpp>
#include <moxie/core/text.hpp>

#include "backend/cpu/ops.hpp"

namespace moxie::inline abi1::backend {

/// Whether this CPU has the instructions of a level, and this build the kernels.
[[nodiscard]] bool cpu_has(Isa isa) noexcept;
[[nodiscard]] Isa best_isa() noexcept;
/// The levels that cpu_has(), best first: "avx2, portable".
[[nodiscard]] Text cpu_isas() noexcept;
/// Kernels for floats and attention at a level that cpu_has().
[[nodiscard]] const Ops& ops_for(Isa isa) noexcept;

}  // namespace moxie::backend
