// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace moxie::inline abi1::kernel {

/// Finds the end of an answer in its text while it streams. What may become a stop string is held back, so no byte of
/// one comes out, however the text is cut into pieces. The one that is complete first counts; of those that end at the
/// same byte, the longest.
class StopStrings {
 public:
  StopStrings() noexcept = default;
  explicit StopStrings(std::vector<std::string> strings) noexcept : strings_(std::move(strings)) {}

  /// Appends to `out` what is certainly before a stop string; says whether one was found. Then nothing follows.
  bool feed(std::string_view text, std::string& out) {
    if (strings_.empty()) {
      out += text;
      return false;
    }
    held_ += text;
    std::size_t end = std::string::npos;
    std::size_t begin = 0;
    for (const std::string& stop : strings_) {
      const std::size_t at = held_.find(stop);
      if (at == std::string::npos) continue;
      if (at + stop.size() < end || (at + stop.size() == end && at < begin)) {
        end = at + stop.size();
        begin = at;
      }
    }
    if (end != std::string::npos) {
      out.append(held_, 0, begin);
      held_.clear();
      return true;
    }
    const std::size_t keep = suffix_that_may_go_on();
    out.append(held_, 0, held_.size() - keep);
    held_.erase(0, held_.size() - keep);
    return false;
  }
  /// There is no more text: what was held back was none.
  void flush(std::string& out) {
    out += held_;
    held_.clear();
  }

 private:
  [[nodiscard]] std::size_t suffix_that_may_go_on() const noexcept {
    std::size_t longest = 0;
    for (const std::string& stop : strings_) {
      for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > longest; --n) {
        if (held_.compare(held_.size() - n, n, stop, 0, n) == 0) longest = n;
      }
    }
    return longest;
  }

  std::vector<std::string> strings_;
  std::string held_;
};

}  // namespace moxie::kernel
