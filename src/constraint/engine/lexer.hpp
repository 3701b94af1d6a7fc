// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "constraint/regex/regexes.hpp"

namespace moxie::inline abi1::constraint {

using LexStateId = std::uint32_t;

/// Reads several regular languages at once. A lexeme is named by the expression it begins as.
///
/// Threads  one at a time.
class Lexer {
 public:
  static constexpr LexStateId kDead = 0;

  /// A lexeme that is being read, and what may follow in it.
  struct Part {
    RegexId lexeme = 0;
    RegexId rest = 0;
    friend auto operator<=>(const Part&, const Part&) = default;
  };

  explicit Lexer(Regexes& regexes);

  /// In front of the first byte of any of these; sorted, each once.
  LexStateId start(std::span<const RegexId> lexemes);
  LexStateId step(LexStateId state, unsigned byte) {
    const LexStateId next = (*states_[state].next)[byte];
    return next != kUnknown ? next : make_step(state, byte);
  }
  /// The lexemes that end here.
  [[nodiscard]] std::span<const RegexId> ended(LexStateId state) const noexcept { return states_[state].ended; }
  /// Those that may go on; none: nothing follows.
  [[nodiscard]] std::span<const Part> parts(LexStateId state) const noexcept { return states_[state].parts; }
  /// The same place, forgetting which lexemes ended there.
  LexStateId going_on(LexStateId state) {
    return states_[state].ended.empty() ? state : intern(states_[state].parts, {});
  }
  /// One that texts of at most `length` bytes do not tell from it.
  LexStateId clamped(LexStateId state, std::uint32_t length);
  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }

 private:
  static constexpr LexStateId kUnknown = UINT32_MAX;
  struct State {
    std::vector<Part> parts;
    std::vector<RegexId> ended;
    std::unique_ptr<std::array<LexStateId, 256>> next;
    LexStateId clamped = kUnknown;
  };

  LexStateId make_step(LexStateId state, unsigned byte);
  LexStateId intern(std::vector<Part> parts, std::vector<RegexId> ended);
  bool goes_on(RegexId what);

  Regexes& regexes_;
  std::vector<State> states_;
  std::map<std::pair<std::vector<Part>, std::vector<RegexId>>, LexStateId> index_;
  std::vector<std::int8_t> goes_on_;
};

}  // namespace moxie::constraint
