// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "constraint/engine/states.hpp"
#include "constraint/engine/token_trie.hpp"

namespace moxie::inline abi1::constraint {

/// Which tokens may come in each state.
///
/// Most of the work depends on the lexeme that is being read and not on the rest of the state: which tokens stay inside
/// it, and which end it and go on behind. That is found by one walk over all tokens for each state of the lexer, and
/// kept (a class of tokens). For a state, what stands behind the ends of lexemes is then looked at, each different
/// ending once. Masks of states are kept too, the last used ones.
///
/// Errors   those of States.
/// Threads  one at a time.
class Masks {
 public:
  using Words = std::vector<std::uint64_t>;

  Masks(States& states, const TokenTrie& trie, std::size_t max_bytes);

  /// Good until the next call.
  Result<const Words*> of(StateId state);

 private:
  // What follows the end of a lexeme in a token, and the tokens in which it does: one list for each set of lexemes.
  struct Ending {
    std::string_view rest;
    std::uint32_t first = 0;  // in Class::tokens
    std::uint32_t last = 0;
    std::uint32_t shared = 0;  // bytes that `rest` shares with the one before it
  };
  struct Group {
    std::vector<RegexId> lexemes;
    std::vector<Ending> endings;
  };
  struct Class {
    Words inside;  // empty: `few` holds them
    std::vector<TokenId> few;
    std::vector<Group> groups;
    std::vector<TokenId> tokens;
  };

  Result<const Class*> class_of(LexStateId lex);
  Status add_endings(const Group& group, const Class& tokens, StateId state);
  Status settle(StateId state);

  States& states_;
  const TokenTrie& trie_;
  std::size_t max_kept_;
  std::unordered_map<LexStateId, std::unique_ptr<Class>> classes_;
  std::list<std::pair<StateId, Words>> kept_;  // last used first
  std::unordered_map<StateId, std::list<std::pair<StateId, Words>>::iterator> index_;
  Words words_;
  std::vector<TokenId> doubtful_;
};

}  // namespace moxie::constraint
