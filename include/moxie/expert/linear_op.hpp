// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>

#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>
#include <moxie/core/workspace.hpp>

namespace moxie::inline abi1 {

/// A matrix that multiplies rows: y = x W^T, with or without a bias. What experts are made of.
///
///     struct Halve {                                             // y = x / 2
///       std::size_t in_width() const noexcept { return 8; }
///       std::size_t out_width() const noexcept { return 8; }
///       std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
///       moxie::Status apply(moxie::ConstRows x, moxie::Rows y, moxie::Workspace&) const;
///     };
///
/// Row t of y depends on row t of x alone, as with Expert: each sum runs in an order that is fixed by
/// the matrix and not by T.
///
/// Shapes   x: [T, in_width()], y: [T, out_width()] f32, row-major with a stride, not overlapping;
///          T may be 0.
/// Units    scratch_bytes(T) is in bytes and never falls as T grows.
/// Errors   kShape, kNoSpace. After an error y is unspecified. ws is given back as it came, always.
/// Threads  apply() may be called at once from many threads, each with its own y and ws.
///
/// See GatedMlp, which is made of three.
template <class L>
concept LinearOp = std::destructible<L> &&
    requires(const L& linear, ConstRows x, Rows y, Workspace& ws, std::size_t T) {
  { linear.in_width() }
  noexcept->std::same_as<std::size_t>;
  { linear.out_width() }
  noexcept->std::same_as<std::size_t>;
  { linear.scratch_bytes(T) }
  noexcept->std::same_as<std::size_t>;
  { linear.apply(x, y, ws) } -> std::same_as<Status>;
};

}  // namespace moxie
