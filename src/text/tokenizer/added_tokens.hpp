// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>

#include "text/tokenizer/marked_text.hpp"

namespace moxie::inline abi1::text {

/// A token that is looked for in text as it stands, before the model sees what is left.
struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false;  ///< only where no word character is next to it
  bool lstrip = false;       ///< takes the white space before it too
  bool rstrip = false;       ///< and behind it
  bool normalized = false;   ///< looked for in normalized text
  bool special = false;
};

/// No tokenizer has as many; each takes more memory than its place in a file.
inline constexpr std::size_t kMaxAddedTokens = 1U << 16;

/// A stretch of text between added tokens, or one of them.
struct Segment {
  std::size_t begin = 0;
  std::size_t end = 0;
  TokenId id = -1;  ///< -1: text
};

/// Finds added tokens: always the leftmost, and of those at one place the longest.
///
/// Threads  immutable once finish() is done.
class AddedMatcher {
 public:
  /// Longer ones are refused by the reader: a text of almost-matches costs its size times this.
  static constexpr std::size_t kMaxBytes = 256;

  /// A token as it is to be found, `content` normalized where that applies. `harmless`: it may come from marked bytes.
  void add(const AddedToken& token, std::string_view content, bool harmless);
  void finish();

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

  /// Gives the segments of a text in order, without empty ones. The text and the matcher must outlive it.
  class Scan {
   public:
    Scan(const AddedMatcher& matcher, const MarkedView& in) noexcept : matcher_(matcher), in_(in) {}
    /// False: there are no more.
    bool next(Segment& segment);

   private:
    const AddedMatcher& matcher_;
    MarkedView in_;
    std::size_t at_ = 0;    // where the search goes on
    std::size_t done_ = 0;  // where the last segment ended
    std::optional<Segment> token_;
  };

 private:
  struct Entry {
    std::string content;
    TokenId id = 0;
    bool single_word = false;
    bool lstrip = false;
    bool rstrip = false;
    bool harmless = false;
  };

  [[nodiscard]] const Entry* longest_at(const MarkedView& in, std::size_t at) const noexcept;

  std::vector<Entry> entries_;              // by content
  std::array<std::uint32_t, 257> first_{};  // where those begin whose first byte is not below
};

}  // namespace moxie::text
