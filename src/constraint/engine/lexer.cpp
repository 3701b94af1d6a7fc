// SPDX-License-Identifier: Apache-2.0
#include "constraint/engine/lexer.hpp"

#include <algorithm>

namespace moxie::inline abi1::constraint {

Lexer::Lexer(Regexes& regexes) : regexes_(regexes) { intern({}, {}); }

LexStateId Lexer::intern(std::vector<Part> parts, std::vector<RegexId> ended) {
  regexes_.spend(8 + parts.size() + ended.size());
  auto key = std::pair(std::move(parts), std::move(ended));
  const auto known = index_.find(key);
  if (known != index_.end()) return known->second;
  const auto id = static_cast<LexStateId>(states_.size());
  State& state = states_.emplace_back();
  state.parts = key.first;
  state.ended = key.second;
  state.next = std::make_unique<std::array<LexStateId, 256>>();
  state.next->fill(state.parts.empty() ? kDead : kUnknown);
  index_.emplace(std::move(key), id);
  return id;
}

LexStateId Lexer::start(std::span<const RegexId> lexemes) {
  std::vector<Part> parts;
  for (const RegexId lexeme : lexemes) {
    if (regexes_.possible(lexeme)) parts.push_back({lexeme, lexeme});
  }
  return intern(std::move(parts), {});
}

bool Lexer::goes_on(RegexId what) {
  if (what >= goes_on_.size()) goes_on_.resize(what + std::size_t{1}, -1);
  if (goes_on_[what] < 0) {
    regexes_.spend(32);
    bool any = false;
    RegexId last = Regexes::kNever;
    for (unsigned byte = 0; byte < 256 && !any; ++byte) {
      const RegexId next = regexes_.after(what, byte);
      any = next != last && regexes_.possible(next);
      last = next;
    }
    goes_on_[what] = any ? 1 : 0;
  }
  return goes_on_[what] != 0;
}

LexStateId Lexer::make_step(LexStateId state, unsigned byte) {
  std::vector<Part> parts;
  std::vector<RegexId> ended;
  regexes_.spend(states_[state].parts.size());
  for (const Part& part : states_[state].parts) {
    const RegexId rest = regexes_.after(part.rest, byte);
    if (rest == Regexes::kNever) continue;
    if (regexes_.nullable(rest)) ended.push_back(part.lexeme);
    if (rest != Regexes::kEmpty && regexes_.possible(rest) && goes_on(rest)) parts.push_back({part.lexeme, rest});
  }
  const LexStateId next = intern(std::move(parts), std::move(ended));
  (*states_[state].next)[byte] = next;
  return next;
}

LexStateId Lexer::clamped(LexStateId state, std::uint32_t length) {
  if (states_[state].clamped == kUnknown) {
    std::vector<Part> parts = states_[state].parts;
    for (Part& part : parts) part.rest = regexes_.clamped(part.rest, length);
    std::vector<RegexId> ended = states_[state].ended;
    const LexStateId clamped = intern(std::move(parts), std::move(ended));
    states_[state].clamped = clamped;
  }
  return states_[state].clamped;
}

}  // namespace moxie::constraint
