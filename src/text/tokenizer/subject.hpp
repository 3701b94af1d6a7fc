// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <moxie/core/utf8.hpp>

#include "core/huge_pages.hpp"

namespace moxie::inline abi1::text {

/// Bytes, and what patterns and classes of characters see of them. That is the bytes themselves, but for two cases:
/// where some of them are no UTF-8, and behind a byte-level step, where a byte is a character of the byte alphabet.
struct Aligned {
  enum class Kind : std::uint8_t {
    kSame,
    kCharacters,  ///< a character of the subject for each one of the bytes', and for each byte that is no UTF-8
    kBytes,       ///< a character for each byte
  };

  Aligned() noexcept = default;
  explicit Aligned(std::string_view text) noexcept : bytes(text), subject(text) {}
  Aligned(std::string_view text, std::string_view seen, Kind how) noexcept : bytes(text), subject(seen), kind(how) {}

  std::string_view bytes;
  std::string_view subject;
  Kind kind = Kind::kSame;

  /// Goes along both.
  class Cursor {
   public:
    explicit Cursor(const Aligned& text) noexcept : text_(text) {}
    /// Where in the bytes the subject's `at` is, at which a character begins; no call may go back.
    std::size_t bytes_at(std::size_t at) noexcept {
      if (text_.kind == Kind::kSame) return at;
      for (; subject_ < at; subject_ += utf8::character_size(text_.subject[subject_])) {
        bytes_ += text_.kind == Kind::kBytes ? 1 : utf8::decode_at(text_.bytes, bytes_).size;
      }
      return bytes_;
    }

   private:
    const Aligned& text_;
    std::size_t subject_ = 0;
    std::size_t bytes_ = 0;
  };
};

/// A subject for bytes that may be no UTF-8, of at most twice their size.
class Subject {
 public:
  /// Stands for such a byte: U+0378, which is no character, so it has no property that a pattern could ask for.
  static constexpr std::string_view kBadByte = "\xcd\xb8";

  /// Valid until the next call.
  Aligned of(std::string_view bytes) {
    const std::size_t valid = utf8::valid_size(bytes);
    if (valid == bytes.size()) return Aligned(bytes);
    std::size_t size = bytes.size();
    for (std::size_t i = valid; i < bytes.size();) {
      const utf8::Character c = utf8::decode_at(bytes, i);
      size += c.code == utf8::kNoCharacter ? kBadByte.size() - 1 : 0;
      i += c.size;
    }
    text_.clear();
    text_.reserve(size);
    std::size_t at = valid;
    text_.append(bytes.substr(0, valid));
    while (at < bytes.size()) {
      for (; at < bytes.size() && utf8::decode_at(bytes, at).code == utf8::kNoCharacter; ++at) {
        for (const char byte : kBadByte) text_.push_back(byte);
      }
      const std::size_t next = at + utf8::valid_size(bytes.substr(at));
      text_.append(bytes.substr(at, next - at));
      at = next;
    }
    return Aligned(bytes, text_, Aligned::Kind::kCharacters);
  }

 private:
  LargeString text_;
};

}  // namespace moxie::text
