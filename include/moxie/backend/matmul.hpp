// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/backend/backend.hpp>
#include <moxie/core/views.hpp>
#include <moxie/core/workspace.hpp>

namespace moxie::inline abi1 {

/// y = x w^T for weights that are used as they lie: the product for experts of one's own. A library's
/// product may take another path at one row than at many; this one gives a row the same bits
/// whatever stands beside it, the same as Linear on the native path. Weights that are used again and
/// again belong in a Linear, which packs them once.
///
/// Shapes   x: [T, K], w: [N, K], y: [T, N]; any of them may be 0; y overlaps neither x nor w.
/// Units    matmul_scratch_bytes(K) in bytes.
/// Errors   kShape; kNoSpace.
/// Threads  many at once, each with its own y and workspace.
MOXIE_API Status matmul(ConstRows x, ConstRows w, Rows y, Workspace& workspace) noexcept;
[[nodiscard]] MOXIE_API std::size_t matmul_scratch_bytes(std::size_t in_width) noexcept;

}  // namespace moxie
