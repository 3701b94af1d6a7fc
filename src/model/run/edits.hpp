// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <moxie/expert/any_expert.hpp>
#include <moxie/expert/low_rank.hpp>
#include <moxie/model/route_sink.hpp>
#include <moxie/router/any_router.hpp>

#include "model/run/batch.hpp"
#include "model/run/matrix.hpp"

namespace moxie::inline abi1::model {

/// A host's expert that stands in for one of a checkpoint's.
struct HostExpert {
  std::size_t expert = 0;
  AnyExpert by;
  /// Of gate, up and down, where it is the checkpoint's own under adapters; all null otherwise.
  std::array<std::shared_ptr<const LowRank>, 3> changes{};

  [[nodiscard]] bool is_adapted() const noexcept {
    return std::ranges::any_of(changes, [](const auto& change) { return change != nullptr; });
  }
};

/// What adapters add to a matrix that all rows pass.
struct MatrixChange {
  std::size_t layer = 0;
  Matrix matrix = Matrix::kQuery;
  std::shared_ptr<const LowRank> by;
};

/// A host's router that stands in for a checkpoint's. Its sizes are asked once, since memory is made for them.
struct HostRouter {
  AnyRouter by;
  std::size_t slots = 0;   ///< K
  std::size_t logits = 0;  ///< that it reads
  bool row_local = false;
};

/// The router rows of experts beyond the checkpoint's: row i makes the logit of expert N + i.
struct AddedRows {
  std::size_t width = 0;       ///< D
  std::vector<float> weights;  ///< [added, D]
  std::vector<float> biases;   ///< [added]

  [[nodiscard]] std::size_t size() const noexcept { return biases.size(); }
  [[nodiscard]] ConstRows rows() const noexcept { return {weights.data(), size(), width}; }
};

/// The edits of one mixture block: a router and its experts. A layer may have several blocks, and an expert's width is
/// the block's.
struct BlockEdits {
  std::shared_ptr<const HostRouter> router;  ///< null: the checkpoint's own. Equal pointers are one router.
  std::optional<AnyRouter> base;             ///< what a host put in its place, before wraps
  std::vector<std::function<Result<AnyRouter>(AnyRouter)>> wraps;  ///< around the base, in order: they make `router`
  std::vector<std::size_t> dropped;                                ///< experts that wraps bar for good
  std::vector<HostExpert> experts;         ///< by ascending expert, each once; all that are added are among them
  std::shared_ptr<const AddedRows> added;  ///< null: none
  std::shared_ptr<RouteSink> sink;         ///< null: nobody is told

  [[nodiscard]] bool empty() const noexcept { return router == nullptr && experts.empty() && sink == nullptr; }
  [[nodiscard]] std::size_t num_added() const noexcept { return added == nullptr ? 0 : added->size(); }
  /// Null where the checkpoint's own expert stays.
  [[nodiscard]] const AnyExpert* replacement_of(std::size_t expert) const noexcept {
    const auto found = std::ranges::lower_bound(experts, expert, {}, &HostExpert::expert);
    return found != experts.end() && found->expert == expert ? &found->by : nullptr;
  }
};

/// What a pathway lays over a model. Immutable once it is shared: contexts and steps point to it.
struct Edits {
  std::vector<BlockEdits> blocks;       ///< of each mixture block of the model, in its order
  std::vector<MatrixChange> changes;    ///< each matrix once; few
  std::uint64_t hash = 0;               ///< of the model and every edit that can change a bit
  std::shared_ptr<const Edits> origin;  ///< those that the hash was made for, where it is theirs
  bool host_dependent = false;          ///< a router is not row-local

  /// Null: the matrix is the checkpoint's.
  [[nodiscard]] const LowRank* change_of(std::size_t layer, Matrix matrix) const noexcept {
    for (const MatrixChange& change : changes) {
      if (change.layer == layer && change.matrix == matrix) return change.by.get();
    }
    return nullptr;
  }
};

/// The edits of a segment's pathway in a mixture block; null: none.
[[nodiscard]] inline const BlockEdits* edits_of(const Segment& segment, std::size_t block) noexcept {
  if (segment.edits == nullptr || segment.edits->blocks[block].empty()) return nullptr;
  return &segment.edits->blocks[block];
}
/// All that a block without edits has to do with them (bench/edits.cpp).
[[nodiscard]] inline bool any_edited(std::span<const Segment> segments, std::size_t block) noexcept {
  return std::ranges::any_of(segments, [=](const Segment& s) { return edits_of(s, block) != nullptr; });
}

/// Room that a step needs for edits: the most of all edits that it may hold together.
struct EditNeeds {
  std::size_t slots = 0;        ///< K of routers
  std::size_t added = 0;        ///< experts beyond a block's own
  std::size_t router = 0;       ///< bytes that one takes on a worker
  bool gathers = false;         ///< for a router that sees all rows of its contexts
  bool host_experts = false;    ///< rows are computed by a host's experts
  std::size_t expert = 0;       ///< bytes that one takes on a worker
  std::size_t change_rank = 0;  ///< floats that an adapter takes on a worker

  void add(const Edits& edits, std::size_t rows) noexcept;
};

}  // namespace moxie
