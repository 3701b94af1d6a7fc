// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>

namespace moxie::inline abi1::text {

/// The texts of tokens by id, and ids by text: 8 bytes for each id, 4 to 6 for each text that can be found, and the
/// texts in one block.
///
/// Errors   kFormat: an id twice, a text twice, ids far beyond the number of tokens.
/// Threads  immutable once index() is done.
class Vocabulary {
 public:
  /// No vocabulary has as many.
  static constexpr std::uint64_t kMaxTokens = 1U << 24;

  /// Empty; `where` names the file in errors. A literal.
  explicit Vocabulary(std::string_view where) noexcept : where_(where) {}

  Status add(std::uint64_t id, std::string_view text);
  /// Makes find() work for what was added so far.
  Status index(std::uint64_t seed);
  /// Turns every text that is written in the byte alphabet into the bytes that it stands for; those that are not can
  /// no longer be found. To be called once, after which index() is due.
  void to_bytes();

  [[nodiscard]] std::optional<TokenId> find(std::string_view text) const noexcept;
  /// Empty for an id without a token.
  [[nodiscard]] std::string_view text(TokenId id) const noexcept {
    if (!has(id)) return {};
    const Entry& entry = entries_[static_cast<std::size_t>(id)];
    return {texts_.data() + entry.offset, entry.size()};
  }
  [[nodiscard]] bool has(TokenId id) const noexcept {
    return id >= 0 && static_cast<std::size_t>(id) < entries_.size() &&
           entries_[static_cast<std::size_t>(id)].flags_and_size != kAbsent;
  }
  /// Whether find() gives it: every token but those of a byte-level vocabulary that are not of its alphabet.
  [[nodiscard]] bool findable(TokenId id) const noexcept {
    return has(id) && (entries_[static_cast<std::size_t>(id)].flags_and_size & kHidden) == 0;
  }
  /// One more than the greatest id.
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t longest() const noexcept { return longest_; }

 private:
  static constexpr std::uint32_t kAbsent = 0xffffffff;
  static constexpr std::uint32_t kHidden = 0x80000000;
  struct Entry {
    std::uint32_t offset = 0;
    std::uint32_t flags_and_size = kAbsent;

    [[nodiscard]] std::size_t size() const noexcept { return flags_and_size & ~kHidden; }
  };

  std::string_view where_;
  std::vector<Entry> entries_;
  std::vector<char> texts_;
  std::vector<TokenId> slots_;  // -1: free
  std::uint64_t seed_ = 0;
  std::size_t count_ = 0;
  std::size_t longest_ = 0;
};

}  // namespace moxie::text
