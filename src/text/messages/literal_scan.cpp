// SPDX-License-Identifier: Apache-2.0
#include "text/messages/literal_scan.hpp"

namespace moxie::inline abi1::text {

LiteralScan::State LiteralScan::take(char c) {
  if (state_ != State::kOpen) return state_;
  if (!mark_.empty()) {
    if (completes_mark(c)) {
      if (open_.empty()) state_ = State::kBroken;
      quote_ = in_string() ? '\0' : '"';
    } else if (!in_string()) {
      take_bracket(c);
    }
  } else if (in_string()) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == quote_) {
      quote_ = '\0';
    }
  } else if ((c == '"' || c == '\'') && !open_.empty()) {
    quote_ = c;
  } else {
    take_bracket(c);
  }
  return state_;
}

void LiteralScan::take_bracket(char c) {
  constexpr std::string_view kOpening = "([{";
  constexpr std::string_view kClosing = ")]}";
  constexpr std::string_view kSpace = " \t\r\n";
  if (const std::size_t kind = kOpening.find(c); kind != std::string_view::npos) {
    if (open_.size() == JsonScan::kMaxDepth) {
      state_ = State::kBroken;
    } else {
      open_.push_back(kClosing[kind]);
    }
  } else if (kClosing.find(c) != std::string_view::npos) {
    if (open_.empty() || open_.back() != c) {
      state_ = State::kBroken;
      return;
    }
    open_.pop_back();
    if (open_.empty()) state_ = State::kWhole;
  } else if (open_.empty() && kSpace.find(c) == std::string_view::npos) {
    state_ = State::kBroken;
  }
}

/// No mark has its first character twice.
bool LiteralScan::completes_mark(char c) noexcept {
  matched_ = c == mark_[matched_] ? matched_ + 1 : c == mark_[0] ? 1 : 0;
  if (matched_ < mark_.size()) return false;
  matched_ = 0;
  return true;
}

}  // namespace moxie::text
