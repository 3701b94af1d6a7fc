// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/core/utf8.hpp>

#include "text/tokenizer/marked_text.hpp"

namespace moxie::inline abi1::text {

/// One of Unicode's normalization forms, by utf8proc, in time n log n: most text is found to be in the form already,
/// by one bit for each character; the rest is brought into it in stretches between characters that never change and
/// never join what comes before them.
///
/// Threads  immutable.
class UnicodeForm {
 public:
  enum class Kind : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };

  static UnicodeForm make(Kind kind);

  /// About as many bytes as the form of `bytes` has: parts of characters take up to three times their room.
  [[nodiscard]] std::size_t room(std::size_t bytes) const noexcept {
    constexpr std::size_t kMax = std::size_t{4} << 20;
    return bytes + 64 + (composes() ? 0 : std::min(2 * bytes, kMax));
  }

  /// Writes the form of `in`, or writes nothing and says false where `in` has it already. Bytes that are no UTF-8 stay.
  Result<bool> apply(const MarkedView& in, Rewriter& out) const;

 private:
  // Beyond the third plane there are few characters; they take the slow way.
  static constexpr char32_t kTableEnd = 0x30000;

  [[nodiscard]] bool stable(char32_t c) const noexcept {
    return c < kTableEnd ? (stable_[c / 64] >> (c % 64) & 1) != 0 : c == utf8::kNoCharacter;
  }
  [[nodiscard]] bool composes() const noexcept { return kind_ == Kind::kNfc || kind_ == Kind::kNfkc; }
  /// Whether nothing before the character matters to it, nor it to that.
  [[nodiscard]] bool begins_anew(char32_t c) const noexcept {
    return c < kTableEnd ? (anew_[c / 64] >> (c % 64) & 1) != 0 : find_whether_anew(c);
  }
  [[nodiscard]] bool find_whether_anew(char32_t c) const noexcept;
  class Alone;
  Status stretch(std::string_view in, std::vector<std::int32_t>& codes) const;
  static Status compose(std::vector<std::int32_t>& codes);

  Kind kind_ = Kind::kNfc;
  std::vector<std::uint64_t> stable_;
  std::vector<std::uint64_t> anew_;
  std::vector<std::uint64_t> joins_;  // what may join a character before it
};

}  // namespace moxie::text
