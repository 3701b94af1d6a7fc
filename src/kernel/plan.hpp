// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "context/kv_room.hpp"

namespace moxie::inline abi1::kernel {

using Clock = std::chrono::steady_clock;

/// What a request asks of a step, and what its context has.
struct Demand {
  std::size_t left = 0;      ///< rows that are not computed yet; 0: nothing is wanted
  std::size_t max_rows = 0;  ///< of them in one step
  Clock::time_point deadline = Clock::time_point::max();
  KvRoom kv = {};
  std::uint64_t besides = 0;    ///< bytes that it takes with its first rows
  std::size_t alone_pages = 0;  ///< of its pages, those that nobody shares; looked at where nothing can run
  bool gives_back = false;      ///< its pages may be taken, since its rows can be computed again
};

/// What a step has for them.
struct Room {
  std::size_t rows = 0;          ///< in one step; at least 1
  std::uint64_t bytes = 0;       ///< free now
  std::uint64_t idle_bytes = 0;  ///< pages that nobody waits for, and that can be had as well
  std::size_t first_turn = 0;    ///< which demand is the first in the order of rows
};

enum class Turn : std::uint8_t {
  kNone,   ///< nothing is wanted, or no row was left for it
  kRuns,   ///< `rows` of it
  kWaits,  ///< for memory
  kLate,   ///< its deadline has passed
  kFails,  ///< the memory that it waits for cannot come
};

struct Planned {
  Turn turn = Turn::kNone;
  std::size_t granted = 0;      ///< rows that have memory
  std::size_t rows = 0;         ///< those of them that run
  std::uint64_t could_get = 0;  ///< kFails: so many bytes, and no more
};

struct Outcome {
  std::size_t rows = 0;
  bool waits = false;  ///< somebody does
  /// Where nothing can run: whose pages shall be taken before plan() is asked again.
  std::optional<std::size_t> victim = {};
};

/// Which rows run in a step, whatever models they are for: planned[i] for demands[i]. Demands come by age, the oldest
/// first.
///
/// Rows. One row of each request that has one left, since those are answers that are being generated; then pieces of
/// prompts. Both in order, beginning with room.first_turn, until room.rows are full.
///
/// Memory. A request runs where all the rows that it has left have room. Memory goes to the oldest first; behind a
/// request that must wait, others take none, and run as far as they have room already. The oldest takes what there is
/// and runs in pieces. So the oldest always ends, whatever the others do. One that holds nothing yet leaves a page to
/// each older one that runs, which would else take its pages right away.
///
/// Where nothing can run and nobody ends, the youngest gives its pages back, to an older one: of those with pages that
/// nobody shares, if there is one. One that waits and whose pages may not be taken fails instead. Where none is
/// younger, the oldest fails; and so does at once who wants more than all memory together would hold.
Outcome plan(std::span<const Demand> demands, const Room& room, Clock::time_point now,
             std::span<Planned> planned) noexcept;

}  // namespace moxie
