// SPDX-License-Identifier: Apache-2.0
#include "constraint/engine/masks.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace moxie::inline abi1::constraint {
namespace {

constexpr std::size_t kFew = 512;

void set_bit(Masks::Words& words, TokenId token) {
  words[static_cast<std::size_t>(token) / 64] |= std::uint64_t{1} << static_cast<std::size_t>(token) % 64;
}

}  // namespace

Masks::Masks(States& states, const TokenTrie& trie, std::size_t max_bytes)
    : states_(states),
      trie_(trie),
      max_kept_(std::max<std::size_t>(max_bytes / (trie.vocab_size() / 8 + 64), 16)),
      words_((trie.vocab_size() + 63) / 64) {}

Result<const Masks::Words*> Masks::of(StateId state) {
  if (const auto known = index_.find(state); known != index_.end()) {
    kept_.splice(kept_.begin(), kept_, known->second);
    return &known->second->second;
  }
  std::ranges::fill(words_, 0);
  doubtful_.clear();
  const std::vector<States::Thread> threads = states_.threads(state);
  for (const States::Thread& thread : threads) {
    states_.regexes().spend(words_.size() / 8 + 1);
    MOXIE_TRY_LET(const Class* tokens, class_of(states_.lexer().clamped(thread.lex, trie_.longest())));
    if (tokens->inside.empty()) {
      for (const TokenId token : tokens->few) set_bit(words_, token);
    } else {
      for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= tokens->inside[i];
    }
    for (const Group& group : tokens->groups) {
      MOXIE_TRY_LET(const StateId behind, states_.step_over(thread.row, group.lexemes));
      MOXIE_TRY(add_endings(group, *tokens, behind));
    }
  }
  MOXIE_TRY(settle(state));
  if (kept_.size() >= max_kept_) {
    index_.erase(kept_.back().first);
    kept_.pop_back();
  }
  kept_.emplace_front(state, words_);
  index_.emplace(state, kept_.begin());
  return &kept_.front().second;
}

// The endings are sorted, so those that begin alike are walked together.
Status Masks::add_endings(const Group& group, const Class& tokens, StateId state) {
  std::vector<StateId> stack{state};  // the state behind each byte; short where the text broke off
  std::uint32_t length = 0;           // of the ending that stands on the stack
  states_.regexes().spend(group.endings.size());
  for (const Ending& ending : group.endings) {
    const std::uint32_t held = std::min(ending.shared, length);
    if (stack.size() > std::size_t{held} + 1) stack.resize(std::size_t{held} + 1);
    length = static_cast<std::uint32_t>(ending.rest.size());
    // Where the beginning that it shares is dead already, it is dead.
    while (stack.back() != States::kDead && stack.size() <= ending.rest.size()) {
      MOXIE_TRY_LET(const StateId next,
                    states_.step(stack.back(), static_cast<unsigned char>(ending.rest[stack.size() - 1])));
      stack.push_back(next);
    }
    if (stack.back() == States::kDead) {
      // The byte that broke it off stays on the stack, so `length` ends there: what shares it is dead too.
      length = static_cast<std::uint32_t>(stack.size() - 1);
      continue;
    }
    for (std::uint32_t i = ending.first; i < ending.last; ++i) {
      if (states_.uncertain(stack.back())) {
        doubtful_.push_back(tokens.tokens[i]);
      } else {
        set_bit(words_, tokens.tokens[i]);
      }
    }
  }
  return {};
}

// Tokens in which a lexeme matters that another one in the same token shall not repeat: byte by byte.
Status Masks::settle(StateId state) {
  for (const TokenId token : doubtful_) {
    states_.regexes().spend(1);
    StateId at = state;
    for (const char c : trie_.bytes(token)) {
      MOXIE_TRY_LET(at, states_.step(at, static_cast<unsigned char>(c)));
      if (at == States::kDead) break;
    }
    if (at != States::kDead) set_bit(words_, token);
  }
  return {};
}

Result<const Masks::Class*> Masks::class_of(LexStateId lex) {
  if (const auto known = classes_.find(lex); known != classes_.end()) return known->second.get();
  if (classes_.size() >= max_kept_) classes_.clear();
  auto made = std::make_unique<Class>();
  Lexer& lexer = states_.lexer();
  std::map<std::vector<RegexId>, std::vector<std::pair<std::string_view, TokenId>>> endings;
  const auto nodes = trie_.nodes();
  std::vector<LexStateId> stack(trie_.longest() + std::size_t{1}, lex);
  for (std::uint32_t i = 0; i < nodes.size();) {
    const TokenTrie::Node& node = nodes[i];
    states_.regexes().spend(1);
    const LexStateId next = lexer.step(stack[node.depth - std::size_t{1}], node.byte);
    if (next == Lexer::kDead) {
      i = node.end;
      continue;
    }
    if (const auto ended = lexer.ended(next); !ended.empty()) {
      auto& list = endings[std::vector<RegexId>(ended.begin(), ended.end())];
      states_.regexes().spend(8 + trie_.below(i).size());
      for (const TokenId token : trie_.below(i)) list.emplace_back(trie_.bytes(token).substr(node.depth), token);
    }
    if (lexer.parts(next).empty()) {
      i = node.end;
      continue;
    }
    stack[node.depth] = next;
    for (const TokenId token : trie_.own(i)) made->few.push_back(token);
    ++i;
  }
  // An exhausted lexer says of every text that it is dead.
  MOXIE_TRY(states_.regexes().check("constraint"));
  for (auto& [lexemes, list] : endings) {
    std::ranges::sort(list);
    Group group{.lexemes = lexemes, .endings = {}};
    for (std::size_t i = 0; i < list.size();) {
      Ending ending{.rest = list[i].first, .first = static_cast<std::uint32_t>(made->tokens.size())};
      for (; i < list.size() && list[i].first == ending.rest; ++i) made->tokens.push_back(list[i].second);
      ending.last = static_cast<std::uint32_t>(made->tokens.size());
      if (!group.endings.empty()) {
        const std::string_view before = group.endings.back().rest;
        ending.shared = static_cast<std::uint32_t>(std::ranges::mismatch(before, ending.rest).in1 - before.begin());
      }
      group.endings.push_back(ending);
    }
    made->groups.push_back(std::move(group));
  }
  if (made->few.size() > kFew) {
    made->inside.assign(words_.size(), 0);
    for (const TokenId token : made->few) set_bit(made->inside, token);
    made->few.clear();
    made->few.shrink_to_fit();
  }
  return classes_.emplace(lex, std::move(made)).first->second.get();
}

}  // namespace moxie::constraint
