// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>

#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>
#include <moxie/core/workspace.hpp>

namespace moxie::inline abi1 {

/// Maps T rows of width D to T rows of width D.
///
///     struct Doubler {
///       std::size_t width() const noexcept { return 2048; }
///       std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
///       moxie::Status run(moxie::ConstRows x, moxie::Rows y, moxie::Workspace&) const {
///         MOXIE_TRY(moxie::check_expert_shapes("Doubler::run", width(), x, y));
///         as_eigen(y) = 2 * as_eigen(x);
///         return {};
///       }
///     };
///
/// Row t of y depends on row t of x and on nothing else, bit for bit: not on T, not on the other rows,
/// not on where the memory lies (DESIGN law 1). moxie::matmul, exp and softmax keep that; products of
/// other libraries often take another path at one row than at many.
///
/// Shapes   x, y: [T, D] f32, row-major with a stride, not overlapping; D = width(), fixed for the
///          expert's life; T may be 0. Between the rows of y nothing is written.
/// Units    scratch_bytes(T) is in bytes and never falls as T grows.
/// Errors   kShape: x or y is not [T, D].  kNoSpace: ws has too few bytes free; scratch_bytes(T) are enough.
///          After an error y is unspecified and everything else is as before. ws is given back as it
///          came, always.
/// Threads  run() may be called at once from many threads, each with its own y and ws.
///
/// See GatedMlp for the stock expert, AnyExpert for a run-time choice, testing/expert_laws.hpp for a
/// check of the meaning, Bank for many of them.
template <class E>
concept Expert = std::destructible<E> && requires(const E& expert, ConstRows x, Rows y, Workspace& ws, std::size_t T) {
  { expert.width() }
  noexcept->std::same_as<std::size_t>;
  { expert.scratch_bytes(T) }
  noexcept->std::same_as<std::size_t>;
  { expert.run(x, y, ws) } -> std::same_as<Status>;
};

/// What every expert checks first.
///
/// Errors   kShape: x and y are not both [T, width].
inline Status check_expert_shapes(std::string_view where, std::size_t width, ConstRows x, Rows y) noexcept {
  if (x.width != width) {
    return Status(Code::kShape, where, Text("x of [", x.rows, ", ", width, "]"), Text("[", x.rows, ", ", x.width, "]"));
  }
  if (y.rows != x.rows || y.width != width) {
    return Status(Code::kShape, where, Text("y of [", x.rows, ", ", width, "]"), Text("[", y.rows, ", ", y.width, "]"));
  }
  return {};
}

}  // namespace moxie
