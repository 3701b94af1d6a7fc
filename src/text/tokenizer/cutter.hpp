// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include <moxie/core/status.hpp>

#include "text/tokenizer/pre_tokenizer.hpp"

namespace moxie::inline abi1::text {

/// Joins the stretches of a text, matches and what lies between them, into pieces as a Behavior says:
///
///     "a--b" cut at "-":   isolated a|-|-|b   removed a|b   merged with previous a-|-|b
///                          merged with next a|-|-b          contiguous a|--|b
///
/// `emit(begin, end)` takes each piece and returns a Status.
template <class Emit>
class Cutter {
 public:
  Cutter(Behavior behavior, bool invert, Emit& emit) noexcept : behavior_(behavior), invert_(invert), emit_(emit) {}

  /// Stretches come in order and without holes; empty ones do not count.
  Status stretch(std::size_t begin, std::size_t end, bool matched) {
    if (begin == end) return {};
    const bool is_match = matched != invert_;
    switch (behavior_) {
      case Behavior::kIsolated: return emit_(begin, end);
      case Behavior::kRemoved: return is_match ? Status() : emit_(begin, end);
      case Behavior::kMergedWithPrevious:
        if (pending_ && is_match && !last_matched_) return last_matched_ = true, pending_->end = end, Status();
        break;
      case Behavior::kMergedWithNext:
        if (pending_ && last_matched_ && !is_match) return last_matched_ = false, pending_->end = end, Status();
        break;
      case Behavior::kContiguous:
        if (pending_ && last_matched_ == is_match) return pending_->end = end, Status();
        break;
    }
    MOXIE_TRY(finish());
    pending_ = Piece{begin, end};
    last_matched_ = is_match;
    return {};
  }

  Status finish() {
    if (!pending_) return {};
    const Piece piece = *pending_;
    pending_.reset();
    return emit_(piece.begin, piece.end);
  }

 private:
  struct Piece {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  Behavior behavior_;
  bool invert_;
  Emit& emit_;
  std::optional<Piece> pending_;
  bool last_matched_ = false;
};

}  // namespace moxie::text
