// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <moxie/core/result.hpp>

#include "constraint/engine/lexer.hpp"
#include "constraint/engine/network.hpp"

namespace moxie::inline abi1::constraint {

using RowId = std::uint32_t;
using StateId = std::uint32_t;

/// Where texts of a network stand, after each byte. A state is a set of threads; a thread is a row, which knows what
/// was read up to the end of a lexeme, and the lexeme that is being read since.
///
/// Rows are those of an Earley parser, made at the ends of lexemes alone. A row refers to the rows where its rules
/// began, never to places in the text, and equal rows are one object; so where a text comes back to what it was before
/// (the next element of a list) it comes back to the same state. States and rows never change, so going back is free.
///
/// Errors   kBudget: more states than `limit`, or more steps than regexes() was allowed.  kInternal.  std::bad_alloc is
///          let through.
/// Threads  one at a time.
/// Source   J. Earley, An efficient context-free parsing algorithm, 1970; J. Aycock and R. Horspool, Practical Earley
///          parsing, 2002 (rules with the empty text).
class States {
 public:
  static constexpr StateId kDead = 0;

  States(Network& network, std::size_t limit);

  Result<StateId> start();
  Result<StateId> step(StateId state, unsigned byte);
  /// The state in which `row` has read one of these lexemes whose text is not known.
  Result<StateId> step_over(RowId row, std::span<const RegexId> lexemes);
  /// Whether the text may end here.
  [[nodiscard]] bool may_end(StateId state) const noexcept { return states_[state].may_end; }
  /// Whether an edge was begun that is uncertain.
  [[nodiscard]] bool uncertain(StateId state) const noexcept { return states_[state].uncertain; }
  [[nodiscard]] bool goes_on(StateId state) const noexcept { return !states_[state].threads.empty(); }

  struct Thread {
    RowId row = 0;
    LexStateId lex = 0;
    std::uint32_t text = 0;  // what a lexeme that captures has so far, in texts_
    friend auto operator<=>(const Thread&, const Thread&) = default;
  };
  [[nodiscard]] const std::vector<Thread>& threads(StateId state) const noexcept { return states_[state].threads; }
  [[nodiscard]] Lexer& lexer() noexcept { return lexer_; }
  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }
  /// Where work is counted.
  [[nodiscard]] Regexes& regexes() noexcept { return network_.regexes(); }

 private:
  static constexpr RowId kRoot = UINT32_MAX;  // the origin of the first rule

  struct Item {
    NodeId node = 0;
    RowId origin = 0;
    friend auto operator<=>(const Item&, const Item&) = default;
  };
  struct Reading {
    RegexId lexeme = 0;
    Item then{};
    bool captures = false;
  };
  struct Waiting {
    NodeId rule = 0;
    Item then{};
  };
  struct Row {
    std::vector<Reading> readings;
    std::vector<Waiting> waiting;
    LexStateId lex = Lexer::kDead;
    bool may_end = false;
    bool captures = false;
    bool uncertain = false;
  };
  struct State {
    std::vector<Thread> threads;
    bool may_end = false;
    bool uncertain = false;
    friend auto operator<=>(const State&, const State&) = default;
  };

  Result<RowId> row_of(std::vector<Item> kernel);
  Status close(RowId id, std::vector<Item> items);
  // Adds what `row` gives once it has read the lexemes; the text is null where nobody knows it.
  Status scan(RowId row, std::span<const RegexId> lexemes, const std::string_view* text, std::vector<Item>& kernel);
  Result<StateId> finish(std::vector<Thread> threads, std::vector<Item> kernel, bool uncertain);
  std::uint32_t text_of(std::uint32_t begun, unsigned byte);

  Network& network_;
  std::size_t limit_;
  Lexer lexer_;
  std::vector<Row> rows_;
  std::map<std::vector<Item>, RowId> row_index_;
  std::vector<State> states_;
  std::map<State, StateId> state_index_;
  std::unordered_map<std::uint64_t, StateId> steps_;
  std::map<std::pair<RowId, std::vector<RegexId>>, StateId> over_;
  std::vector<std::string> texts_;
  std::map<std::string, std::uint32_t> text_index_;
  std::size_t weight_ = 0;  // items and threads that are kept
};

}  // namespace moxie::constraint
