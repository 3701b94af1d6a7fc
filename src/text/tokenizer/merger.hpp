// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <moxie/core/views.hpp>

#include "text/tokenizer/merge_table.hpp"

namespace moxie::inline abi1::text {

/// Merges neighbouring tokens, always the pair of the lowest rank and of those the leftmost, until no pair is left
/// that has a merge. `find(left, right)` gives the Merge of two tokens.
///
/// Short words are done by looking over all pairs again and again. Long ones keep their pairs in queues: one for each
/// rank, and a heap of the ranks that have any. Within a rank positions mostly come in order, so a queue is a list
/// read from its front; only one that came out of order becomes a heap. Time n log n, and close to n for long runs of
/// one character. Very long ones are done in windows (run_windows), so that this takes little memory and stays in
/// the cache.
class Merger {
 public:
  static constexpr std::size_t kWindow = 16384;  ///< symbols

  /// Merges ids in place; the result is shorter or as long.
  template <class Find>
  void run(std::vector<TokenId>& ids, const Find& find) {
    if (ids.size() < 2) return;
    if (ids.size() <= kShort) {
      ids.resize(run_short(ids.data(), ids.size(), find));
      return;
    }
    run_long(ids.data(), ids.size(), find);
    ids.erase(std::remove(ids.begin(), ids.end(), kGone), ids.end());
  }

  /// The same for a word that is read bit by bit: `fill(ids, n)` appends symbols until there are n, or no more. Tokens
  /// go to `emit(span)`. False: what was emitted is of no use, and a wider window may do.
  ///
  /// Tokens t1 ... tn are what merging makes of their symbols if, and only if, merging makes of the symbols of each two
  /// neighbours just these two. For until the first merge across a border between tokens, what happens to the
  /// two at its sides is what happens to them alone; so where the one has such a merge, the other has it too. So a
  /// window's tokens are right up to a border behind which the next window's first token stays apart from the last.
  ///
  /// Tokens near a window's end may be wrong: the border is sought from a few of them backwards, further each time.
  /// A window without a border, which takes a token as long as the window or merges that undo one another from its end
  /// to its beginning, may make the one before it wrong: false.
  template <class Fill, class Find, class Emit>
  [[nodiscard]] bool run_windows(std::size_t window, const Fill& fill, const Find& find, const Emit& emit) {
    symbols_left_.clear();
    fill(symbols_left_, 2 * window);
    merge_window(0, std::min(window, symbols_left_.size()), current_, find);
    while (current_.size() < symbols_left_.size()) {
      const std::size_t border = border_before_end(window, find);
      if (border == 0) return false;
      emit_tokens(border, emit);
      symbols_left_.erase(symbols_left_.begin(), symbols_left_.begin() + static_cast<std::ptrdiff_t>(border));
      current_.swap(next_);
      fill(symbols_left_, 2 * window);
    }
    emit_tokens(current_.size(), emit);
    return true;
  }

 private:
  // 24: from there on the queues win (bench/tokenizer.cpp).
  static constexpr std::size_t kShort = 24;
  static constexpr TokenId kGone = -1;
  static constexpr std::uint32_t kNone = 0xffffffff;

  template <class Find>
  static std::size_t run_short(TokenId* ids, std::size_t n, const Find& find) {
    Merge pairs[kShort];
    for (std::size_t i = 0; i + 1 < n; ++i) pairs[i] = find(ids[i], ids[i + 1]);
    while (n > 1) {
      std::size_t best = 0;
      for (std::size_t i = 1; i + 1 < n; ++i) {
        if (pairs[i].rank < pairs[best].rank) best = i;
      }
      if (pairs[best].rank == Merge::kNever) break;
      ids[best] = pairs[best].id;
      for (std::size_t i = best + 1; i + 1 < n; ++i) {
        ids[i] = ids[i + 1];
        pairs[i] = pairs[i + 1];
      }
      --n;
      if (best > 0) pairs[best - 1] = find(ids[best - 1], ids[best]);
      if (best + 1 < n) pairs[best] = find(ids[best], ids[best + 1]);
    }
    return n;
  }

  // Positions of one rank that wait. Those before `front` are done, unless it is a heap.
  struct Queue {
    std::uint32_t rank = kNone;
    bool is_heap = false;
    std::size_t front = 0;
    std::vector<std::uint32_t> positions;

    [[nodiscard]] bool empty() const noexcept { return front == positions.size(); }
    void push(std::uint32_t position) {
      if (is_heap) {
        positions.push_back(position);
        std::push_heap(positions.begin(), positions.end(), std::greater<>());
        return;
      }
      const bool in_order = empty() || positions.back() < position;
      positions.push_back(position);
      if (in_order) return;
      positions.erase(positions.begin(), positions.begin() + static_cast<std::ptrdiff_t>(front));
      front = 0;
      is_heap = true;
      std::make_heap(positions.begin(), positions.end(), std::greater<>());
    }
    std::uint32_t pop() noexcept {
      if (!is_heap) return positions[front++];
      std::pop_heap(positions.begin(), positions.end(), std::greater<>());
      const std::uint32_t position = positions.back();
      positions.pop_back();
      return position;
    }
  };

  struct Symbol {
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
    Merge pair;  // with the next one
  };

  // What was merged into its left neighbour is kGone.
  template <class Find>
  void run_long(TokenId* ids, std::size_t size, const Find& find) {
    const auto n = static_cast<std::uint32_t>(size);
    symbols_.resize(n);
    clear_queues();
    for (std::uint32_t i = 0; i < n; ++i) {
      symbols_[i] = {.previous = i == 0 ? kNone : i - 1, .next = i + 1 == n ? kNone : i + 1, .pair = {}};
      if (i + 1 < n) symbols_[i].pair = find(ids[i], ids[i + 1]);
      offer(i);
    }
    while (!ranks_.empty()) {
      Queue& queue = queues_[ranks_.front().queue];
      if (queue.empty()) {
        std::pop_heap(ranks_.begin(), ranks_.end(), std::greater<>());
        ranks_.pop_back();
        queue.is_heap = false;
        queue.front = 0;
        queue.positions.clear();
        continue;
      }
      const std::uint32_t at = queue.pop();
      Symbol& symbol = symbols_[at];
      // Its pair may have changed since, or it may be part of another token by now.
      if (ids[at] < 0 || symbol.pair.rank != queue.rank) continue;
      const std::uint32_t gone = symbol.next;
      ids[at] = symbol.pair.id;
      ids[gone] = kGone;
      symbol.next = symbols_[gone].next;
      symbol.pair = {};
      if (symbol.next != kNone) {
        symbols_[symbol.next].previous = at;
        symbol.pair = find(ids[at], ids[symbol.next]);
        offer(at);
      }
      if (symbol.previous != kNone) {
        symbols_[symbol.previous].pair = find(ids[symbol.previous], ids[at]);
        offer(symbol.previous);
      }
    }
  }

  template <class Emit>
  void emit_tokens(std::size_t border, const Emit& emit) {
    const auto end = std::remove(current_.begin(), current_.begin() + static_cast<std::ptrdiff_t>(border), kGone);
    emit(std::span<const TokenId>(current_.begin(), end));
  }

  // A place in the current window where its tokens end and those of next_ begin; 0 where there is none.
  template <class Find>
  std::size_t border_before_end(std::size_t window, const Find& find) {
    const std::size_t n = symbols_left_.size();
    std::size_t at = current_.size();
    for (std::size_t tokens = 8;; tokens *= 2) {
      for (std::size_t passed = 0; passed < tokens && at > 0;) passed += current_[--at] != kGone ? 1U : 0U;
      if (at == 0) return 0;
      std::size_t last = at - 1;
      while (current_[last] == kGone) --last;
      merge_window(at, std::min(window, n - at), next_, find);
      std::size_t end = at + 1;
      while (end - at < next_.size() && next_[end - at] == kGone) ++end;
      merge_window(last, end - last, pair_, find);
      if (std::count_if(pair_.begin(), pair_.end(), [](TokenId id) { return id != kGone; }) == 2 &&
          pair_[at - last] != kGone) {
        return at;
      }
    }
  }

  template <class Find>
  void merge_window(std::size_t begin, std::size_t size, std::vector<TokenId>& out, const Find& find) {
    const auto first = symbols_left_.begin() + static_cast<std::ptrdiff_t>(begin);
    out.assign(first, first + static_cast<std::ptrdiff_t>(size));
    run_long(out.data(), size, find);
  }

  void offer(std::uint32_t at) {
    const std::uint32_t rank = symbols_[at].pair.rank;
    if (rank == Merge::kNever) return;
    const std::uint32_t index = queue_of(rank);
    if (queues_[index].empty()) {
      // A rank whose queue has run dry at the top of the heap is still in it.
      if (ranks_.empty() || ranks_.front().rank != rank) {
        ranks_.push_back({rank, index});
        std::push_heap(ranks_.begin(), ranks_.end(), std::greater<>());
      }
    }
    queues_[index].push(at);
  }

  struct Rank {
    std::uint32_t rank = 0;
    std::uint32_t queue = 0;
    bool operator>(const Rank& other) const noexcept { return rank > other.rank; }
  };

  // The queue of a rank, by an open table of their indexes.
  std::uint32_t queue_of(std::uint32_t rank) {
    if (2 * (n_queues_ + 1) > table_.size()) grow_table();
    std::size_t slot = place(mix(rank), table_.size());
    while (table_[slot] != kNone) {
      if (queues_[table_[slot]].rank == rank) return table_[slot];
      if (++slot == table_.size()) slot = 0;
    }
    table_[slot] = n_queues_;
    if (n_queues_ == queues_.size()) queues_.emplace_back();
    queues_[n_queues_].rank = rank;
    return n_queues_++;
  }

  void grow_table() {
    table_.assign(std::max<std::size_t>(64, 4 * static_cast<std::size_t>(n_queues_)), kNone);
    for (std::uint32_t i = 0; i < n_queues_; ++i) {
      std::size_t slot = place(mix(queues_[i].rank), table_.size());
      while (table_[slot] != kNone) slot = slot + 1 == table_.size() ? 0 : slot + 1;
      table_[slot] = i;
    }
  }

  // Touches what was used and no more: a word after a huge one costs what it costs alone.
  void clear_queues() noexcept {
    // Queues keep their room; in a text that makes them long in turn, all of it would be too much.
    std::size_t room = 0;
    for (std::uint32_t i = 0; i < n_queues_; ++i) room += queues_[i].positions.capacity();
    if (room > 8 * kWindow) std::vector<Queue>().swap(queues_);
    if (queues_.empty()) std::fill(table_.begin(), table_.end(), kNone), n_queues_ = 0;
    for (std::uint32_t i = 0; i < n_queues_; ++i) {
      std::size_t slot = place(mix(queues_[i].rank), table_.size());
      while (table_[slot] != i) slot = slot + 1 == table_.size() ? 0 : slot + 1;
      table_[slot] = kNone;
      queues_[i].is_heap = false;
      queues_[i].front = 0;
      queues_[i].positions.clear();
    }
    n_queues_ = 0;
    ranks_.clear();
  }

  std::vector<TokenId> symbols_left_;  // of a word in windows: from the current one on
  std::vector<TokenId> current_;
  std::vector<TokenId> next_;
  std::vector<TokenId> pair_;
  std::vector<Symbol> symbols_;
  std::vector<Queue> queues_;
  std::vector<std::uint32_t> table_;
  std::vector<Rank> ranks_;
  std::uint32_t n_queues_ = 0;
};

}  // namespace moxie::text
