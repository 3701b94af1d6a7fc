// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include <moxie/core/views.hpp>

#include "core/huge_pages.hpp"

namespace moxie::inline abi1::text {

/// Ids in the order in which they come, in blocks: a list that grows is never there twice. It keeps as many as it was
/// told and counts the others, so that whoever asks for more can make room for just as many and ask again.
class TokenList {
 public:
  /// Keeps at least `most`; about `expected` or fewer will come.
  TokenList(std::size_t expected, std::size_t most) : block_(block_for(expected)), most_(most) {}
  /// Writes to `room`, which must be as large as all that will come.
  explicit TokenList(std::span<TokenId> room) noexcept
      : block_(room.size()), most_(room.size()), room_(room.data()), at_(room_), end_(room_ + block_) {}
  TokenList(const TokenList&) = delete;
  TokenList& operator=(const TokenList&) = delete;

  void push_back(TokenId id) {
    if (at_ == end_) next_block();
    *at_++ = id;
  }
  void append(std::span<const TokenId> ids) {
    if (ids.size() == 1) return push_back(ids[0]);
    while (!ids.empty()) {
      if (at_ == end_) next_block();
      const std::size_t n = std::min(ids.size(), static_cast<std::size_t>(end_ - at_));
      at_ = std::copy_n(ids.begin(), n, at_);
      ids = ids.subspan(n);
    }
  }

  /// The first n of N: copying all of them is one or two instructions.
  template <std::size_t N>
  void append_few(const std::array<TokenId, N>& ids, std::size_t n) {
    if (static_cast<std::size_t>(end_ - at_) < N) return append({ids.data(), n});
    std::memcpy(at_, ids.data(), sizeof(ids));
    at_ += n;
  }

  [[nodiscard]] std::size_t size() const noexcept {
    return before_ + (at_ == nullptr ? 0 : block_ - static_cast<std::size_t>(end_ - at_));
  }
  /// Whether all of them were kept.
  [[nodiscard]] bool complete() const noexcept { return size() <= blocks_.size() * block_; }

  /// Back to the first `size`, which must not be more than there are.
  void truncate(std::size_t size) noexcept {
    if (at_ == nullptr) return;
    std::size_t index = size / block_;
    std::size_t used = size % block_;
    if (used == 0 && index > 0) {
      --index;
      used = block_;
    }
    before_ = index * block_;
    TokenId* const begin = blocks_.empty() ? room_ : blocks_[std::min(index, blocks_.size() - 1)].get();
    at_ = begin + used;
    end_ = begin + block_;
  }

  /// Gives all back.
  void release() noexcept {
    blocks_.clear();
    at_ = end_ = nullptr;
    before_ = 0;
  }

  /// Appends all to `out`; they must have been kept.
  void copy_to(std::vector<TokenId>& out) const {
    std::size_t left = size();
    for (const auto& block : blocks_) {
      const std::size_t n = std::min(left, block_);
      out.insert(out.end(), block.get(), block.get() + n);
      left -= n;
    }
  }

 private:
  // Large ones are worth a huge page each, and the last is not half empty.
  static std::size_t block_for(std::size_t ids) noexcept {
    const std::size_t large = ids / (kHugePage / sizeof(TokenId));
    return large == 0 ? std::clamp<std::size_t>(ids, 1, 16384) : (ids + large - 1) / large;
  }

  struct Free {
    std::size_t ids = 0;
    void operator()(TokenId* block) const noexcept { free_large(block, ids * sizeof(TokenId)); }
  };
  using Block = std::unique_ptr<TokenId[], Free>;

  void next_block() {
    if (at_ != nullptr) before_ += block_;
    const std::size_t index = before_ / block_;
    // Those beyond the most are written over.
    if (index >= blocks_.size() && (before_ < most_ || blocks_.empty())) {
      blocks_.push_back(Block(static_cast<TokenId*>(allocate_large(block_ * sizeof(TokenId))), Free{block_}));
    }
    at_ = blocks_[std::min(index, blocks_.size() - 1)].get();
    end_ = at_ + block_;
  }

  std::size_t block_;
  std::size_t most_;
  std::vector<Block> blocks_;
  TokenId* room_ = nullptr;  // somebody else's; then there are no blocks
  TokenId* at_ = nullptr;
  TokenId* end_ = nullptr;
  std::size_t before_ = 0;  // ids in the blocks before this one
};

}  // namespace moxie::text
