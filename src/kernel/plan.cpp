// SPDX-License-Identifier: Apache-2.0
#include "kernel/plan.hpp"

#include <algorithm>
#include <limits>

namespace moxie::inline abi1::kernel {
namespace {

constexpr std::uint64_t add(std::uint64_t a, std::uint64_t b) noexcept {
  return checked::add(a, b).value_or(std::numeric_limits<std::uint64_t>::max());
}

/// Says whether somebody waits.
bool share_memory(std::span<const Demand> demands, const Room& room, std::span<Planned> planned) noexcept {
  const auto wants = [&](std::size_t i) { return demands[i].left != 0 && planned[i].turn == Turn::kNone; };
  std::uint64_t all_memory = add(room.bytes, room.idle_bytes);
  for (std::size_t i = 0; i < demands.size(); ++i) {
    if (wants(i) || demands[i].gives_back) all_memory = add(all_memory, demands[i].kv.bytes_of_pages());
  }
  std::uint64_t free = room.bytes;
  std::uint64_t next_pages = 0;  // one of each older request that runs
  bool oldest = true;
  bool blocked = false;
  bool waits = false;
  for (std::size_t i = 0; i < demands.size(); ++i) {
    if (!wants(i)) continue;
    const std::size_t left = demands[i].left;
    const KvRoom& kv = demands[i].kv;
    const std::uint64_t besides = demands[i].besides;
    const std::uint64_t all = add(kv.bytes_for(left), besides);
    const std::uint64_t could_get = all_memory - kv.bytes_of_pages();
    if (all > could_get) {
      planned[i] = {.turn = Turn::kFails, .could_get = could_get};
      continue;
    }
    const std::uint64_t kept = kv.bytes_of_pages() == 0 ? next_pages : 0;
    if (all == 0 || (!blocked && add(all, kept) <= free)) {
      planned[i].granted = left;
    } else {
      const std::uint64_t mine = oldest ? free : 0;
      planned[i].granted = mine < besides ? 0 : kv.rows_within(mine - besides, left);
      blocked = true;
    }
    if (planned[i].granted == 0) {
      planned[i].turn = Turn::kWaits;
      waits = true;
    } else {
      free -= kv.bytes_for(planned[i].granted) + besides;
      next_pages = add(next_pages, kv.page_bytes);
    }
    oldest = false;
  }
  return waits;
}

/// Says how many run.
std::size_t share_rows(std::span<const Demand> demands, const Room& room, std::span<Planned> planned) noexcept {
  std::size_t rows = room.rows;
  for (const bool single : {true, false}) {
    for (std::size_t k = 0; k < demands.size(); ++k) {
      const std::size_t i = (room.first_turn + k) % demands.size();
      if (planned[i].granted == 0 || (demands[i].left == 1) != single) continue;
      planned[i].rows = std::min({planned[i].granted, demands[i].max_rows, rows});
      if (planned[i].rows != 0) planned[i].turn = Turn::kRuns;
      rows -= planned[i].rows;
    }
  }
  return room.rows - rows;
}

/// Nothing can run: chooses who gives its pages back, or who fails.
std::optional<std::size_t> choose_victim(std::span<const Demand> demands, const Room& room,
                                         std::span<Planned> planned) noexcept {
  const auto waits = [&](std::size_t i) { return planned[i].turn == Turn::kWaits; };
  std::size_t oldest = 0;
  while (!waits(oldest)) ++oldest;
  std::optional<std::size_t> victim;
  for (std::size_t i = demands.size(); --i > oldest;) {
    if (demands[i].kv.bytes_of_pages() == 0 || !(demands[i].gives_back || waits(i))) continue;
    if (!victim) victim = i;
    if (demands[i].alone_pages == 0) continue;
    victim = i;
    break;
  }
  if (victim && demands[*victim].gives_back) return victim;
  if (room.idle_bytes != 0) return {};  // there is more to be had first
  planned[victim.value_or(oldest)] = {.turn = Turn::kFails, .could_get = add(room.bytes, room.idle_bytes)};
  return {};
}

}  // namespace

Outcome plan(std::span<const Demand> demands, const Room& room, Clock::time_point now,
             std::span<Planned> planned) noexcept {
  std::ranges::fill(planned, Planned());
  for (std::size_t i = 0; i < demands.size(); ++i) {
    if (demands[i].left != 0 && demands[i].deadline <= now) planned[i].turn = Turn::kLate;
  }
  Outcome outcome;
  outcome.waits = share_memory(demands, room, planned);
  outcome.rows = share_rows(demands, room, planned);
  // Where somebody ends there may be room next time.
  const bool ends =
      std::ranges::any_of(planned, [](const Planned& p) { return p.turn == Turn::kLate || p.turn == Turn::kFails; });
  if (outcome.waits && outcome.rows == 0 && !ends) outcome.victim = choose_victim(demands, room, planned);
  return outcome;
}

}  // namespace moxie
