// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <moxie/backend/kv_view.hpp>
#include <moxie/core/views.hpp>

#include "core/phase_clock.hpp"

namespace moxie::inline abi1::model {

struct Edits;

/// Rows [begin, begin + rows) of a batch: consecutive positions of one context, from `position`.
struct Segment {
  std::size_t begin = 0;
  std::size_t rows = 0;
  std::size_t position = 0;
  KvView kv;                     ///< pages for all positions up to the last row's
  const Edits* edits = nullptr;  ///< of the context's pathway; null: the model as it is

  /// Of a row of the batch that is one of these.
  [[nodiscard]] std::size_t position_of(std::size_t row) const noexcept { return position + (row - begin); }
  /// How many of `chosen`, which are rows of the batch and begin with one of these, follow each other within these.
  [[nodiscard]] std::size_t run_of(std::span<const std::size_t> chosen) const noexcept {
    std::size_t count = 1;
    while (count < chosen.size() && chosen[count] == chosen[0] + count && chosen[count] < begin + rows) ++count;
    return count;
  }
};

/// Where logits go: row `row` of the batch to `logits`, V floats.
struct Output {
  std::size_t row = 0;
  float* logits = nullptr;
};

/// Asked between layers: whether nobody wants the result any more.
struct StopQuery {
  const void* object = nullptr;
  bool (*ask)(const void*) noexcept = nullptr;
  [[nodiscard]] bool operator()() const noexcept { return ask != nullptr && ask(object); }
};

/// What a model computes at once: rows of any number of contexts.
struct Batch {
  std::span<const TokenId> tokens;      ///< [T], each below V
  std::span<const Position> positions;  ///< [T]
  std::span<const Segment> segments;    ///< by ascending begin, covering [0, T)
  std::span<const Output> outputs;      ///< by ascending row
  StopQuery stop;
  PhaseClock* phases = nullptr;  ///< is told what the forward pass does; null: nobody is

  /// `work()` is asked where somebody listens.
  template <class Work>
  void enter(Phase phase, std::size_t rows, Work&& work) const noexcept {
    if (phases != nullptr && phases->runs()) phases->enter(phase, rows, work());
  }
  void enter(Phase phase, std::size_t rows) const noexcept {
    if (phases != nullptr) phases->enter(phase, rows);
  }

  [[nodiscard]] const Segment& segment_of(std::size_t row) const noexcept {
    return *(std::ranges::upper_bound(segments, row, {}, &Segment::begin) - 1);
  }
};

/// Workspace that a batch needs on the host: on the calling thread, and on each worker besides.
struct DecoderScratch {
  std::size_t own = 0;
  std::size_t worker = 0;
};

}  // namespace moxie::model
