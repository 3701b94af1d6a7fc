// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace moxie::inline abi1::text {

/// Follows a JSON object or array byte by byte, to know at once where it ends or where it cannot go on. What is whole
/// still has to be parsed: numbers and the words true, false and null are taken on trust.
class JsonScan {
 public:
  enum class State : std::uint8_t { kOpen, kWhole, kBroken };
  static constexpr std::size_t kMaxDepth = 64;

  /// Nothing may follow what is whole or broken.
  State take(char c);
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] bool in_string() const noexcept { return in_string_; }

 private:
  enum class Expect : std::uint8_t { kStart, kValue, kFirstValue, kFirstKey, kKey, kColon, kNext };

  void take_in_string(char c);
  void take_outside(char c);
  void open(char c);
  void close(char c);
  void begin_string(bool key);
  void value_done();
  void broken() noexcept { state_ = State::kBroken; }

  State state_ = State::kOpen;
  Expect expect_ = Expect::kStart;
  std::string open_;  // brackets
  bool in_string_ = false;
  bool key_ = false;         // the string is one
  bool word_ = false;        // in a number, true, false or null
  std::uint8_t escape_ = 0;  // 5: behind a backslash; 4 to 1: so many hexadecimal digits are due
};

}  // namespace moxie::text
