// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <moxie/core/views.hpp>

namespace moxie::inline abi1 {

/// A view of one bit for each token of a vocabulary: whether it may be chosen.
///
/// Shapes   size() bits in words_for(size()) words; token t is bit t % 64 of word t / 64. Bits behind the last token
///          count nowhere. A mask of size 0 is no mask: all tokens may be chosen.
/// Errors   none: tokens are in [0, size()), and there are enough words.
/// Threads  a plain value; it owns nothing and outlives nothing.
template <class Word>
class TokenMaskOf {
 public:
  static constexpr std::size_t kWordBits = 64;
  /// How many words hold the bits of so many tokens.
  [[nodiscard]] static constexpr std::size_t words_for(std::size_t vocab_size) noexcept {
    return vocab_size / kWordBits + (vocab_size % kWordBits != 0 ? 1 : 0);
  }

  constexpr TokenMaskOf() noexcept = default;
  constexpr TokenMaskOf(std::span<Word> words, std::size_t vocab_size) noexcept
      : words_(words.first(words_for(vocab_size))), size_(vocab_size) {}
  /// A mask that may be written serves where one is only read.
  template <class Other>
  requires(std::is_same_v<const Other, Word> && !std::is_same_v<Other, Word>) constexpr TokenMaskOf(
      TokenMaskOf<Other> other) noexcept  // NOLINT(google-explicit-constructor)
      : TokenMaskOf(other.words(), other.size()) {}

  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr std::span<Word> words() const noexcept { return words_; }

  [[nodiscard]] constexpr bool test(TokenId token) const noexcept { return (word_of(token) & bit_of(token)) != 0; }
  /// Whether any token may be chosen.
  [[nodiscard]] constexpr bool any() const noexcept {
    if (size_ == 0) return true;
    const std::size_t last = words_.size() - 1;
    const std::uint64_t behind = size_ % kWordBits == 0 ? 0 : ~std::uint64_t{0} << size_ % kWordBits;
    return std::any_of(words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(last),
                       [](std::uint64_t word) { return word != 0; }) ||
           (words_[last] & ~behind) != 0;
  }

  constexpr void set(TokenId token) const noexcept { word_of(token) |= bit_of(token); }
  constexpr void clear(TokenId token) const noexcept { word_of(token) &= ~bit_of(token); }
  /// All tokens at once.
  constexpr void fill(bool may_be_chosen) const noexcept {
    std::fill(words_.begin(), words_.end(), may_be_chosen ? ~std::uint64_t{0} : 0);
  }

 private:
  static constexpr std::uint64_t bit_of(TokenId token) noexcept {
    return std::uint64_t{1} << static_cast<std::size_t>(token) % kWordBits;
  }
  [[nodiscard]] constexpr Word& word_of(TokenId token) const noexcept {
    return words_[static_cast<std::size_t>(token) / kWordBits];
  }

  std::span<Word> words_;
  std::size_t size_ = 0;
};

using TokenMask = TokenMaskOf<std::uint64_t>;
using ConstTokenMask = TokenMaskOf<const std::uint64_t>;

}  // namespace moxie
