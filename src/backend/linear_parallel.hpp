// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <moxie/core/workers.hpp>

#include "backend/linear_body.hpp"

namespace moxie::inline abi1::backend {

/// kShape where x or y does not fit the body.
Status check_shapes(const LinearBody& body, ConstRows x, Rows y) noexcept;

/// Bytes of rows quantized for that body; 0 where it takes them as they are.
[[nodiscard]] std::size_t operand_bytes(const LinearBody& body, std::size_t rows) noexcept;
/// Room for them; an empty table where the body takes rows as they are.
Result<BlockTable> take_table(const LinearBody& body, std::size_t rows, Workspace& workspace) noexcept;

/// Quantizes rows for each of the bodies, into the table beside it.
Status quantize_rows(ConstRows x, std::span<const LinearBody* const> bodies, std::span<const BlockTable> tables,
                     Workers& workers) noexcept;

/// One matrix that the same rows are multiplied with.
struct Product {
  const LinearBody* body = nullptr;
  Rows y;
};
inline constexpr std::size_t kMaxProducts = 4;

[[nodiscard]] PhaseWork work_of(std::span<const Product> products, std::size_t rows) noexcept;

/// All of the products (at most kMaxProducts) by the workers, in one go: rows are quantized once for each rule, and
/// the tiles of all matrices are shared out together, so that threads meet once and not once for each matrix.
///
/// Errors   kShape; kNoSpace: the calling thread's workspace holds less than operand_bytes() of each
///          product, or a worker's less than its scratch_bytes().
Status run_products(ConstRows x, std::span<const Product> products, Workers& workers) noexcept;

}  // namespace moxie::backend
