// SPDX-License-Identifier: Apache-2.0
#include "constraint/engine/states.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <moxie/core/text.hpp>

namespace moxie::inline abi1::constraint {
namespace {

constexpr std::string_view kWhere = "constraint";
// Items of one row: an honest grammar has some hundreds.
constexpr std::size_t kMaxRowItems = std::size_t{1} << 16U;

}  // namespace

States::States(Network& network, std::size_t limit)
    : network_(network), limit_(limit), lexer_(network.regexes()), rows_(1), states_(1), texts_(1) {
  state_index_.emplace(State(), kDead);
}

Result<StateId> States::start() { return finish({}, {{network_.start(), kRoot}}, false); }

Result<RowId> States::row_of(std::vector<Item> kernel) {
  std::ranges::sort(kernel);
  kernel.erase(std::unique(kernel.begin(), kernel.end()), kernel.end());
  if (const auto known = row_index_.find(kernel); known != row_index_.end()) return known->second;
  const auto id = static_cast<RowId>(rows_.size());
  rows_.emplace_back();
  const Status closed = close(id, kernel);
  if (!closed.ok()) {
    rows_.pop_back();
    return closed;
  }
  row_index_.emplace(std::move(kernel), id);
  return id;
}

Status States::close(RowId id, std::vector<Item> items) {
  std::set<Item> seen(items.begin(), items.end());
  const auto add = [&](Item item) {
    if (seen.insert(item).second) items.push_back(item);
  };
  Row row;
  std::vector<RegexId> lexemes;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items.size() > kMaxRowItems) {
      return Status(Code::kBudget, kWhere, Text("at most ", kMaxRowItems, " rules at work in one place"), "more");
    }
    MOXIE_TRY(network_.regexes().check(kWhere));
    const Item item = items[i];
    MOXIE_TRY_LET(const NetworkNode* node, network_.node(item.node));
    const NodeId rule = node->rule;
    const bool final = node->final;
    const std::vector<Edge> edges = node->edges;  // asking for another node may move this one
    network_.regexes().spend(8 + 8 * edges.size());
    for (const Edge& edge : edges) {
      const Item then{edge.target, item.origin};
      if (edge.call == kNoNode) {
        row.readings.push_back({.lexeme = edge.lexeme, .then = then, .captures = edge.captures});
        row.captures = row.captures || edge.captures;
        row.uncertain = row.uncertain || edge.uncertain;
        lexemes.push_back(edge.lexeme);
      } else {
        row.waiting.push_back({edge.call, then});
        add({edge.call, id});
        if (network_.nullable(edge.call)) add(then);
      }
    }
    if (!final || item.origin == id) continue;  // one that is empty was stepped over above
    if (item.origin == kRoot) {
      row.may_end = true;
      continue;
    }
    network_.regexes().spend(rows_[item.origin].waiting.size());
    for (const Waiting& waiting : rows_[item.origin].waiting) {
      if (waiting.rule == rule) add(waiting.then);
    }
  }
  std::ranges::sort(lexemes);
  lexemes.erase(std::unique(lexemes.begin(), lexemes.end()), lexemes.end());
  row.lex = lexer_.start(lexemes);
  weight_ += items.size();
  rows_[id] = std::move(row);
  return {};
}

Status States::scan(RowId row, std::span<const RegexId> lexemes, const std::string_view* text,
                    std::vector<Item>& kernel) {
  network_.regexes().spend(rows_[row].readings.size() * (1 + lexemes.size() / 8));
  for (const Reading& reading : rows_[row].readings) {
    if (std::ranges::find(lexemes, reading.lexeme) == lexemes.end()) continue;
    Item item = reading.then;
    if (reading.captures) {
      MOXIE_TRY_LET(item.node, network_.captured(item.node, text));
    }
    kernel.push_back(item);
  }
  return {};
}

Result<StateId> States::finish(std::vector<Thread> threads, std::vector<Item> kernel, bool uncertain) {
  State state{.threads = std::move(threads), .uncertain = uncertain};
  if (!kernel.empty()) {
    MOXIE_TRY_LET(const RowId row, row_of(std::move(kernel)));
    state.may_end = rows_[row].may_end;
    if (!lexer_.parts(rows_[row].lex).empty()) state.threads.push_back({row, rows_[row].lex, 0});
  }
  network_.regexes().spend(8 + 4 * state.threads.size());
  MOXIE_TRY(network_.regexes().check(kWhere));
  std::ranges::sort(state.threads);
  if (const auto known = state_index_.find(state); known != state_index_.end()) return known->second;
  weight_ += state.threads.size();
  if (states_.size() >= limit_ || weight_ / 8 >= limit_) {
    return Status(Code::kBudget, kWhere, Text("at most ", limit_, " states"), "more");
  }
  const auto id = static_cast<StateId>(states_.size());
  states_.push_back(state);
  state_index_.emplace(std::move(state), id);
  return id;
}

Result<StateId> States::step(StateId from, unsigned byte) {
  const std::uint64_t key = std::uint64_t{from} << 8U | byte;
  if (const auto known = steps_.find(key); known != steps_.end()) return known->second;
  std::vector<Thread> threads;
  std::vector<Item> kernel;
  bool uncertain = states_[from].uncertain;
  const std::vector<Thread> before = states_[from].threads;
  network_.regexes().spend(8 + before.size());
  for (const Thread& thread : before) {
    const LexStateId lex = lexer_.step(thread.lex, byte);
    if (lex == Lexer::kDead) continue;
    uncertain = uncertain || rows_[thread.row].uncertain;
    const std::uint32_t text = rows_[thread.row].captures ? text_of(thread.text, byte) : 0;
    const std::string_view view = texts_[text];
    const std::vector<RegexId> ended(lexer_.ended(lex).begin(), lexer_.ended(lex).end());
    if (!ended.empty()) MOXIE_TRY(scan(thread.row, ended, &view, kernel));
    if (lexer_.parts(lex).empty()) continue;
    // The lexer forgets which lexemes ended here, or the same place would be two states.
    bool captures = false;
    if (text != 0) {
      for (const Lexer::Part& part : lexer_.parts(lex)) {
        for (const Reading& reading : rows_[thread.row].readings) {
          captures = captures || (reading.captures && reading.lexeme == part.lexeme);
        }
      }
    }
    threads.push_back({thread.row, lexer_.going_on(lex), captures ? text : 0});
  }
  // An exhausted lexer says of every text that it is dead.
  MOXIE_TRY(network_.regexes().check(kWhere));
  StateId next = kDead;
  if (!threads.empty() || !kernel.empty()) {
    MOXIE_TRY_LET(next, finish(std::move(threads), std::move(kernel), uncertain));
  }
  steps_.emplace(key, next);
  return next;
}

Result<StateId> States::step_over(RowId row, std::span<const RegexId> lexemes) {
  const auto key = std::pair(row, std::vector<RegexId>(lexemes.begin(), lexemes.end()));
  if (const auto known = over_.find(key); known != over_.end()) return known->second;
  std::vector<Item> kernel;
  MOXIE_TRY(scan(row, key.second, nullptr, kernel));
  MOXIE_TRY_LET(const StateId state, finish({}, std::move(kernel), false));
  over_.emplace(key, state);
  return state;
}

std::uint32_t States::text_of(std::uint32_t begun, unsigned byte) {
  network_.regexes().spend(4 + texts_[begun].size() / 8);
  std::string text = texts_[begun];
  text.push_back(static_cast<char>(byte));
  const auto [known, fresh] = text_index_.emplace(text, static_cast<std::uint32_t>(texts_.size()));
  if (fresh) texts_.push_back(std::move(text));
  return known->second;
}

}  // namespace moxie::constraint
