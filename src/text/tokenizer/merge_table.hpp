// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <moxie/core/views.hpp>

#include "text/tokenizer/hash.hpp"

namespace moxie::inline abi1::text {

/// What two neighbouring tokens become, and how early: the lowest rank goes first.
struct Merge {
  static constexpr std::uint32_t kNever = 0xffffffff;

  std::uint32_t rank = kNever;
  TokenId id = -1;
};

/// Merges by their two tokens: 16 bytes each, a third of the places free.
class MergeTable {
 public:
  static constexpr std::size_t kBytesPerMerge = 24;

  MergeTable() noexcept = default;
  explicit MergeTable(std::uint64_t seed) noexcept : seed_(seed) {}

  /// How many merges may come: an upper bound. Room is made as they come.
  void expect(std::size_t merges) noexcept { expected_ = merges; }

  /// The last of two merges of the same tokens counts.
  void add(TokenId left, TokenId right, std::uint32_t rank, TokenId id) {
    if (3 * (count_ + 1) > 2 * slots_.size()) grow();
    Slot& slot = slots_[slot_of(slots_, left, right)];
    count_ += slot.left < 0 ? 1U : 0U;
    slot = {.left = left, .right = right, .merge = {.rank = rank, .id = id}};
  }

  [[nodiscard]] Merge find(TokenId left, TokenId right) const noexcept {
    if (slots_.empty()) return {};
    return slots_[slot_of(slots_, left, right)].merge;
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  struct Slot {
    TokenId left = -1;
    TokenId right = -1;
    Merge merge;
  };

  [[nodiscard]] std::size_t slot_of(const std::vector<Slot>& slots, TokenId left, TokenId right) const noexcept {
    const std::uint64_t key =
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
    std::size_t at = place(mix(key ^ seed_), slots.size());
    while (slots[at].left >= 0 && (slots[at].left != left || slots[at].right != right)) {
      if (++at == slots.size()) at = 0;
    }
    return at;
  }

  void grow() {
    // Doubled, but not beyond what was announced: 64 more keep that from being asked too often.
    const std::size_t wanted = std::max<std::size_t>(3 * count_, 64);
    const std::size_t most = std::max(expected_ + expected_ / 2 + 64, count_ + count_ / 2 + 64);
    std::vector<Slot> bigger(std::min(wanted, most));
    for (const Slot& slot : slots_) {
      if (slot.left >= 0) bigger[slot_of(bigger, slot.left, slot.right)] = slot;
    }
    slots_.swap(bigger);
  }

  std::vector<Slot> slots_;
  std::uint64_t seed_ = 0;
  std::size_t count_ = 0;
  std::size_t expected_ = 0;
};

}  // namespace moxie::text
