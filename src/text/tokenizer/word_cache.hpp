// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include <moxie/core/views.hpp>

#include "text/tokenizer/hash.hpp"

namespace moxie::inline abi1::text {

/// The tokens of words met before in the same call. Each word has one place, which a newcomer takes over, so the cache
/// never grows; it is as large as the text deserves, 1 MiB at most.
class WordCache {
 public:
  static constexpr std::size_t kMaxBytes = 27;
  static constexpr std::size_t kMaxTokens = 8;

  /// For a text of that size.
  void start(std::size_t text_bytes) {
    // About a word in 8 bytes; below 256 words, making the cache costs more than it saves.
    words_.clear();
    const std::size_t words = std::bit_floor(std::min<std::size_t>(text_bytes / 8, 16384));
    if (words >= 256) words_.resize(words);
  }

  static constexpr bool fits(std::string_view word) noexcept { return word.size() <= kMaxBytes; }

  struct Tokens {
    std::uint8_t size = 0;
    std::array<TokenId, kMaxTokens> ids{};

    [[nodiscard]] std::span<const TokenId> span() const noexcept { return {ids.data(), size}; }
  };

  /// The tokens of the word; null for an unknown one. No word is empty.
  [[nodiscard]] const Tokens* find(std::string_view word) noexcept {
    if (words_.empty()) return nullptr;
    current_ = &words_[place(hash_bytes(word, 0), words_.size())];
    if (current_->size != word.size() || std::memcmp(current_->text.data(), word.data(), word.size()) != 0) {
      return nullptr;
    }
    return &current_->tokens;
  }

  /// Remembers the tokens of the word that find() was asked for last.
  void keep(std::string_view word, std::span<const TokenId> ids) noexcept {
    if (words_.empty() || ids.size() > kMaxTokens || ids.empty()) return;
    current_->size = static_cast<std::uint8_t>(word.size());
    current_->tokens.size = static_cast<std::uint8_t>(ids.size());
    std::memcpy(current_->text.data(), word.data(), word.size());
    std::copy(ids.begin(), ids.end(), current_->tokens.ids.begin());
  }

 private:
  struct alignas(64) Word {
    Tokens tokens;
    std::uint8_t size = 0;
    std::array<char, kMaxBytes> text{};
  };
  static_assert(sizeof(Word) == 64);

  std::vector<Word> words_;
  Word* current_ = nullptr;
};

}  // namespace moxie::text
