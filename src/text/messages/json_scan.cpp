// SPDX-License-Identifier: Apache-2.0
#include "text/messages/json_scan.hpp"

#include <string_view>

namespace moxie::inline abi1::text {

namespace {

bool is_one_of(char c, std::string_view set) noexcept { return set.find(c) != std::string_view::npos; }

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kWordBegin = "-0123456789tfn";
constexpr std::string_view kWord = "+-.0123456789Eaeflnrstu";

}  // namespace

JsonScan::State JsonScan::take(char c) {
  if (state_ != State::kOpen) return state_;
  if (in_string_) {
    take_in_string(c);
  } else {
    take_outside(c);
  }
  return state_;
}

void JsonScan::take_in_string(char c) {
  if (escape_ == 5) {
    if (!is_one_of(c, "\"\\/bfnrtu")) return broken();
    escape_ = c == 'u' ? 4 : 0;
  } else if (escape_ > 0) {
    if (!is_one_of(c, "0123456789abcdefABCDEF")) return broken();
    --escape_;
  } else if (static_cast<unsigned char>(c) < 0x20) {
    broken();
  } else if (c == '\\') {
    escape_ = 5;
  } else if (c == '"') {
    in_string_ = false;
    if (key_) {
      expect_ = Expect::kColon;
    } else {
      value_done();
    }
  }
}

void JsonScan::take_outside(char c) {
  if (word_) {
    if (is_one_of(c, kWord)) return;
    word_ = false;
    value_done();
  }
  if (is_one_of(c, kSpace)) return;
  switch (expect_) {
    case Expect::kStart:
      if (c != '{' && c != '[') return broken();
      return open(c);
    case Expect::kFirstValue:
      if (c == ']') return close(c);
      [[fallthrough]];
    case Expect::kValue:
      if (c == '{' || c == '[') return open(c);
      if (c == '"') return begin_string(false);
      if (!is_one_of(c, kWordBegin)) return broken();
      word_ = true;
      return;
    case Expect::kFirstKey:
      if (c == '}') return close(c);
      [[fallthrough]];
    case Expect::kKey: return c == '"' ? begin_string(true) : broken();
    case Expect::kColon:
      if (c != ':') return broken();
      expect_ = Expect::kValue;
      return;
    case Expect::kNext:
      if (c != ',') return close(c);
      expect_ = open_.back() == '{' ? Expect::kKey : Expect::kValue;
  }
}

void JsonScan::open(char c) {
  if (open_.size() == kMaxDepth) return broken();
  open_.push_back(c);
  expect_ = c == '{' ? Expect::kFirstKey : Expect::kFirstValue;
}

void JsonScan::close(char c) {
  if (c != (open_.back() == '{' ? '}' : ']')) return broken();
  open_.pop_back();
  value_done();
}

void JsonScan::begin_string(bool key) {
  in_string_ = true;
  key_ = key;
}

void JsonScan::value_done() {
  expect_ = Expect::kNext;
  if (open_.empty()) state_ = State::kWhole;
}

}  // namespace moxie::text
