// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include <moxie/core/config.hpp>
#include <moxie/core/status.hpp>
#include <moxie/core/views.hpp>

namespace moxie::inline abi1 {

/// What the router of one layer decided for rows of one context.
///
/// Shapes   T rows. experts, weights: [T, K], as RouteOut has them; logits: [T, num_logits()], what the router read;
///          positions: [T], ascending. All of it is good until take() returns.
struct RouteRecord {
  std::size_t layer = 0;
  bool host_dependent = false;  ///< Pathway::host_dependent(): it may not repeat
  std::span<const Position> positions;
  ConstRows logits;
  ConstIdRows experts;
  ConstRows weights;
};

/// Is told what routers decide: a host derives from it and gives it to Pathway::record().
///
///     struct Counts final : moxie::RouteSink {
///       std::array<std::size_t, 128> rows{};
///       moxie::Status take(const moxie::RouteRecord& record) override {
///         for (std::size_t t = 0; t < record.experts.rows; ++t) {
///           for (const std::int32_t e : record.experts[t]) if (e != moxie::kNoExpert) ++rows[e];
///         }
///         return {};
///       }
///     };
///
/// A record comes for each layer with experts that a context's rows reach, while they are computed. The last layer
/// computes the rows whose logits are wanted; of the others there is none, and none of a row that no step computes,
/// such as one that was computed before. A row comes again where it is computed again: when something in its step
/// failed or was cancelled, when its pages had to go, after Context::truncate(), in a fork. The last record of a
/// position in a layer counts. Contexts that shall be told apart have pathways with a sink each.
///
/// Errors   what take() returns ends the requests whose rows it was told, and no others; a throw is kHostException.
/// Threads  the thread that is in step(). Where kernels on several threads run contexts with one sink, all of those, at
///          once. It may cancel requests; calling step() there is kPrecondition.
class MOXIE_API RouteSink {
 public:
  virtual ~RouteSink();
  /// Allocating here is the host's choice: moxie does not.
  virtual Status take(const RouteRecord& record) = 0;

 protected:
  RouteSink() = default;
  RouteSink(const RouteSink&) = default;
  RouteSink& operator=(const RouteSink&) = default;
};

}  // namespace moxie
