// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include <Eigen/Core>

#include <moxie/core/views.hpp>

namespace moxie::inline abi1 {

/// An Eigen map over rows: as_eigen(y) = 2 * as_eigen(x).
///
/// Elementwise Eigen expressions keep the row law where they need no vector remainder (addition,
/// multiplication, comparison do; exp and products do not: use moxie::exp, moxie::matmul).
template <class T>
auto as_eigen(RowsOf<T> rows) noexcept {
  using Matrix = Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Mapped = std::conditional_t<std::is_const_v<T>, const Matrix, Matrix>;
  return Eigen::Map<Mapped, Eigen::Unaligned, Eigen::OuterStride<>>(
      rows.data, static_cast<Eigen::Index>(rows.rows), static_cast<Eigen::Index>(rows.width),
      Eigen::OuterStride<>(static_cast<Eigen::Index>(rows.stride)));
}

}  // namespace moxie
