// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace moxie::text {

/// Text with a mark for each byte that comes from an untrusted span.
struct MarkedView {
  std::string_view text;
  const char* marks = nullptr;  ///< one for each byte, 0 or 1; null: none is marked

  [[nodiscard]] bool marked(std::size_t begin, std::size_t end) const noexcept {
    return marks != nullptr && std::find(marks + begin, marks + end, '\1') != marks + end;
  }
  [[nodiscard]] MarkedView part(std::size_t begin, std::size_t end) const noexcept {
    return {text.substr(begin, end - begin), marks == nullptr ? nullptr : marks + begin};
  }
};

/// The same, being written. Marks cost nothing where the source has none.
class MarkedText {
 public:
  /// Empties it; `marks`: whether marks are kept from now on.
  void start(bool marks, std::size_t bytes) {
    text_.clear();
    marks_.clear();
    has_marks_ = marks;
    text_.reserve(bytes);
    if (marks) marks_.reserve(bytes);
  }
  /// New bytes, all marked or none.
  void append(std::string_view bytes, bool marked) {
    text_.append(bytes);
    if (has_marks_) marks_.append(bytes.size(), marked ? '\1' : '\0');
  }
  /// Bytes of the source, with their marks.
  void copy(const MarkedView& source, std::size_t begin, std::size_t end) {
    text_.append(source.text.substr(begin, end - begin));
    if (!has_marks_) return;
    if (source.marks == nullptr) {
      marks_.append(end - begin, '\0');
    } else {
      marks_.append(source.marks + begin, end - begin);
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return text_.size(); }
  [[nodiscard]] MarkedView view() const noexcept { return {text_, has_marks_ ? marks_.data() : nullptr}; }

 private:
  std::string text_;
  std::string marks_;
  bool has_marks_ = false;
};

}  // namespace moxie::text
