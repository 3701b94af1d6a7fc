// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "text/messages/json_scan.hpp"

namespace moxie::inline abi1::text {

/// JsonScan for what is written less strictly: brackets of all kinds, and texts in quotes as Python has them or
/// between two of a mark. What stands inside has still to be read.
class LiteralScan {
 public:
  using State = JsonScan::State;

  /// An empty mark: quotes.
  explicit LiteralScan(std::string_view mark = {}) noexcept : mark_(mark) {}

  /// Nothing may follow what is whole or broken.
  State take(char c);
  [[nodiscard]] bool in_string() const noexcept { return quote_ != '\0'; }

 private:
  void take_bracket(char c);
  [[nodiscard]] bool completes_mark(char c) noexcept;

  std::string_view mark_;
  State state_ = State::kOpen;
  std::string open_;  // the brackets that are due to close
  char quote_ = '\0';
  bool escaped_ = false;
  std::size_t matched_ = 0;  // of the mark
};

}  // namespace moxie::text
