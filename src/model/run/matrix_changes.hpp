// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include <moxie/core/workers.hpp>

#include "model/run/batch.hpp"
#include "model/run/matrix.hpp"

namespace moxie::inline abi1::model {

/// y += what the adapters of the rows' pathways make of x, in a layer's matrix. Row i of x and y is the batch's
/// rows[i], or row i where `rows` is empty. A batch without adapters costs a look at its segments.
///
/// Errors   kNoSpace: less than EditNeeds::change_rank floats on a worker.
Status add_changes(const Batch& batch, std::span<const std::size_t> rows, std::size_t layer, Matrix matrix, ConstRows x,
                   Rows y, Workers& workers) noexcept;

}  // namespace moxie::model
