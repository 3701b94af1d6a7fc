// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/core/text.hpp>
#include <moxie/text/tokenizer.hpp>

#include "core/huge_pages.hpp"

namespace moxie::inline abi1::text {

/// Text, and which of its bytes come from untrusted spans.
struct MarkedView {
  std::string_view text;
  std::span<const TextSpan> marks = {};  ///< in order, apart from each other, none empty
  std::size_t offset = 0;                ///< where in the marks' text this one begins

  [[nodiscard]] std::span<const TextSpan> marks_behind(std::size_t begin) const noexcept {
    const auto first = std::upper_bound(marks.begin(), marks.end(), offset + begin,
                                        [](std::size_t at, const TextSpan& mark) { return at < mark.end; });
    return {first, marks.end()};
  }
  [[nodiscard]] bool marked(std::size_t begin, std::size_t end) const noexcept {
    if (marks.empty() || begin == end) return false;
    const auto behind = marks_behind(begin);
    return !behind.empty() && behind.front().begin < offset + end;
  }
  [[nodiscard]] MarkedView part(std::size_t begin, std::size_t end) const noexcept {
    return {text.substr(begin, end - begin), marks, offset + begin};
  }
};

/// The same, being written. There are never more marks than the source has.
class MarkedText {
 public:
  void start(std::size_t bytes) {
    text_.clear();
    marks_.clear();
    text_.reserve(bytes);
  }
  /// New bytes, all marked or none.
  void append(std::string_view bytes, bool marked) {
    if (marked) mark(text_.size(), text_.size() + bytes.size());
    text_.append(bytes);
  }
  /// Bytes of the source, with their marks.
  void copy(const MarkedView& source, std::size_t begin, std::size_t end) {
    if (!source.marks.empty()) {
      for (const TextSpan& one : source.marks_behind(begin)) {
        if (one.begin >= source.offset + end) break;
        const std::size_t first = std::max(one.begin, source.offset + begin) - source.offset - begin;
        const std::size_t last = std::min(one.end, source.offset + end) - source.offset - begin;
        mark(text_.size() + first, text_.size() + last);
      }
    }
    text_.append(source.text.substr(begin, end - begin));
  }
  void release() noexcept {
    LargeString().swap(text_);
    std::vector<TextSpan>().swap(marks_);
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return text_.capacity(); }
  [[nodiscard]] MarkedView view() const noexcept { return {.text = text_, .marks = marks_}; }

 private:
  void mark(std::size_t begin, std::size_t end) {
    if (begin == end) return;
    if (!marks_.empty() && marks_.back().end == begin) {
      marks_.back().end = end;
    } else {
      marks_.push_back({begin, end});
    }
  }

  LargeString text_;
  std::vector<TextSpan> marks_;
};

/// Writes a text that is made of another one, without ever having what is written twice: where the room that was
/// foreseen is too small it goes on counting, and rewrite() begins again with as much as is needed.
class Rewriter {
 public:
  Rewriter(const MarkedView& in, std::size_t room, MarkedText& out) noexcept : in_(in), room_(room), out_(out) {}

  void copy(std::size_t begin, std::size_t end) {
    if (reserve(end - begin)) out_.copy(in_, begin, end);
  }
  void append(std::string_view bytes, bool marked) {
    if (reserve(bytes.size())) out_.append(bytes, marked);
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] bool fits() const noexcept { return size_ <= room_; }

 private:
  bool reserve(std::size_t bytes) {
    if (size_ == 0) out_.start(room_);
    size_ += bytes;
    return fits();
  }

  const MarkedView& in_;
  std::size_t room_;
  MarkedText& out_;
  std::uint64_t size_ = 0;
};

/// `body(rewriter)` writes, or says false and writes nothing. `room`: about as many bytes as there will be.
template <class Body>
Result<bool> rewrite(const MarkedView& in, std::size_t room, std::uint64_t most, MarkedText& out, const Body& body) {
  Rewriter first(in, room, out);
  MOXIE_TRY_LET(const bool changed, body(first));
  if (!changed) return false;
  if (first.size() > most) {
    return Status(Code::kFormat, "normalizer", Text("at most ", most, " bytes of ", in.text.size()),
                  Text(first.size()));
  }
  if (first.size() == 0) out.start(0);
  if (first.fits()) return true;
  out.release();
  Rewriter second(in, static_cast<std::size_t>(first.size()), out);
  return body(second);
}

}  // namespace moxie::text
