// SPDX-License-Identifier: Apache-2.0
#include "constraint/grammar/rule_network.hpp"

#include <algorithm>

#include <moxie/core/text.hpp>

namespace moxie::inline abi1::constraint {

using Kind = Expression::Kind;

namespace {

template <class F>
void each_rule(const Expression& one, F&& f) {
  if (one.kind == Kind::kRule) f(one.rule);
  for (const Expression& part : one.parts) each_rule(part, f);
}

}  // namespace

Status RuleNetwork::build(const std::vector<Rule>& rules, std::uint32_t start) {
  start_ = start;
  find_recursion(rules);
  languages_.resize(rules.size());
  // A rule comes behind those that it names, so this goes no deeper than one right side.
  for (const std::uint32_t rule : order_) languages_[rule] = regular(rules[rule].is);
  MOXIE_TRY(regexes_->check("grammar"));
  starts_.assign(rules.size(), kNoNode);
  ends_.assign(rules.size(), kNoNode);
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    if (!recursive_[i] && i != start) continue;
    starts_[i] = fresh();
  }
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    if (starts_[i] == kNoNode) continue;
    const std::size_t first = raw_.size();
    ends_[i] = add(rules[i].is, starts_[i]);
    rule_of_.resize(raw_.size());
    rule_of_[starts_[i]] = starts_[i];
    for (std::size_t node = first; node < raw_.size(); ++node) rule_of_[node] = starts_[i];
    MOXIE_TRY(regexes_->check(rules[i].name));
    if (raw_.size() > kMaxNodes) {
      return Status(Code::kBudget, rules[i].name, Text("at most ", kMaxNodes, " nodes of all rules"), "more");
    }
  }
  MOXIE_TRY(find_nullable());
  MOXIE_TRY(settle());
  MOXIE_TRY(prune());
  const NetworkNode& first = nodes_[starts_[start]];
  if (first.edges.empty() && !first.final) {
    return Status(Code::kInvalidArgument, rules[start].name, "a rule that has a text", "one that has none");
  }
  return {};
}

// Rules that reach themselves, and those that reach one of them. Colours: 1 on the way, 2 done.
void RuleNetwork::find_recursion(const std::vector<Rule>& rules) {
  recursive_.assign(rules.size(), false);
  std::vector<std::vector<std::uint32_t>> calls(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    each_rule(rules[i].is, [&](std::uint32_t rule) { calls[i].push_back(rule); });
  }
  // What is left once rules that call only finished rules are finished is recursive.
  std::vector<std::vector<std::uint32_t>> callers(rules.size());
  std::vector<std::size_t> open(rules.size());
  std::vector<std::uint32_t> ready;
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    for (const std::uint32_t rule : calls[i]) callers[rule].push_back(i);
    open[i] = calls[i].size();
    if (open[i] == 0) ready.push_back(i);
  }
  recursive_.assign(rules.size(), true);
  while (!ready.empty()) {
    const std::uint32_t rule = ready.back();
    ready.pop_back();
    recursive_[rule] = false;
    order_.push_back(rule);
    for (const std::uint32_t caller : callers[rule]) {
      if (--open[caller] == 0) ready.push_back(caller);
    }
  }
}

bool RuleNetwork::is_regular(const Expression& one) const {
  bool regular = true;
  each_rule(one, [&](std::uint32_t rule) { regular = regular && !recursive_[rule]; });
  return regular;
}

RegexId RuleNetwork::regular(const Expression& one) {
  switch (one.kind) {
    case Kind::kLexeme: return one.lexeme;
    case Kind::kRule: return languages_[one.rule];
    case Kind::kSequence: {
      RegexId all = Regexes::kEmpty;
      for (std::size_t i = one.parts.size(); i-- > 0;) all = regexes_->cat(regular(one.parts[i]), all);
      return all;
    }
    case Kind::kChoice: {
      std::vector<RegexId> choices;
      for (const Expression& part : one.parts) choices.push_back(regular(part));
      return regexes_->alt(choices);
    }
    case Kind::kRepeat: return regexes_->repeat(regular(one.parts.front()), one.least, one.most);
  }
  return Regexes::kNever;
}

NodeId RuleNetwork::fresh() {
  raw_.emplace_back();
  rule_of_.push_back(kNoNode);
  return static_cast<NodeId>(raw_.size() - 1);
}

NodeId RuleNetwork::add(const Expression& one, NodeId from) {
  if (raw_.size() > kMaxNodes || regexes_->exhausted()) return from;
  if (is_regular(one)) {
    const RegexId lexeme = regular(one);
    const NodeId to = fresh();
    if (lexeme != Regexes::kEmpty) raw_[from].edges.push_back({.lexeme = lexeme, .target = to});
    if (regexes_->nullable(lexeme)) raw_[from].empty.push_back(to);
    return to;
  }
  switch (one.kind) {
    case Kind::kLexeme: return from;
    case Kind::kRule: {
      const NodeId to = fresh();
      raw_[from].edges.push_back({.call = starts_[one.rule], .target = to});
      return to;
    }
    case Kind::kSequence: {
      // Neighbours that are regular are one lexeme.
      for (std::size_t i = 0; i < one.parts.size();) {
        Expression run{.kind = Kind::kSequence};
        for (; i < one.parts.size() && is_regular(one.parts[i]); ++i) run.parts.push_back(one.parts[i]);
        if (!run.parts.empty()) from = add(run, from);
        if (i < one.parts.size()) from = add(one.parts[i++], from);
      }
      return from;
    }
    case Kind::kChoice: {
      const NodeId to = fresh();
      for (const Expression& part : one.parts) {
        const NodeId end = add(part, from);
        raw_[end].empty.push_back(to);
      }
      return to;
    }
    case Kind::kRepeat: {
      // Each pass has nodes of its own, so that no way leads back into one that was left.
      NodeId at = from;
      for (std::uint32_t i = 0; i < one.least && raw_.size() <= kMaxNodes; ++i) at = add(one.parts.front(), at);
      if (one.most == kNoLimit) {
        const NodeId loop = fresh();
        raw_[at].empty.push_back(loop);
        const NodeId end = add(one.parts.front(), loop);
        raw_[end].empty.push_back(loop);
        return loop;
      }
      const NodeId to = fresh();
      raw_[at].empty.push_back(to);
      for (std::uint32_t i = one.least; i < one.most && raw_.size() <= kMaxNodes; ++i) {
        at = add(one.parts.front(), at);
        raw_[at].empty.push_back(to);
      }
      return to;
    }
  }
  return from;
}

Status RuleNetwork::find_nullable() {
  nullable_.assign(raw_.size(), false);
  std::vector<std::uint32_t> seen(raw_.size());
  std::uint32_t look = 0;
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t rule = 0; rule < starts_.size(); ++rule) {
      if (starts_[rule] == kNoNode || nullable_[starts_[rule]]) continue;
      MOXIE_TRY(regexes_->check("grammar"));
      ++look;
      std::vector<NodeId> stack{starts_[rule]};
      while (!stack.empty() && seen[ends_[rule]] != look) {
        const NodeId at = stack.back();
        stack.pop_back();
        if (seen[at] == look) continue;
        seen[at] = look;
        regexes_->spend(1 + raw_[at].empty.size() + raw_[at].edges.size());
        stack.insert(stack.end(), raw_[at].empty.begin(), raw_[at].empty.end());
        for (const Edge& edge : raw_[at].edges) {
          if (edge.call != kNoNode && nullable_[edge.call]) stack.push_back(edge.target);
        }
      }
      if (seen[ends_[rule]] == look) nullable_[starts_[rule]] = changed = true;
    }
  }
  return {};
}

// Steps without reading are gone: a node has the edges of all that it reaches so.
Status RuleNetwork::settle() {
  std::size_t edges = 0;
  nodes_.resize(raw_.size());
  std::vector<NodeId> end_of(raw_.size(), kNoNode);  // by first nodes of rules
  for (std::size_t rule = 0; rule < starts_.size(); ++rule) {
    if (starts_[rule] != kNoNode) end_of[starts_[rule]] = ends_[rule];
  }
  std::vector<std::uint32_t> seen(raw_.size(), UINT32_MAX);
  for (NodeId id = 0; id < raw_.size(); ++id) {
    nodes_[id].rule = rule_of_[id];
    std::vector<NodeId> stack{id};
    while (!stack.empty()) {
      const NodeId at = stack.back();
      stack.pop_back();
      if (seen[at] == id) continue;
      seen[at] = id;
      if (at == end_of[rule_of_[id]]) nodes_[id].final = true;
      nodes_[id].edges.insert(nodes_[id].edges.end(), raw_[at].edges.begin(), raw_[at].edges.end());
      stack.insert(stack.end(), raw_[at].empty.begin(), raw_[at].empty.end());
      regexes_->spend(1 + raw_[at].empty.size() + raw_[at].edges.size());
    }
    edges += nodes_[id].edges.size();
    if (edges > kMaxEdges) {
      return Status(Code::kBudget, "grammar", Text("at most ", kMaxEdges, " steps between places of its rules"),
                    "more");
    }
    MOXIE_TRY(regexes_->check("grammar"));
  }
  return {};
}

// Edges from which no end of the rule is reached are dropped, so that nothing is a dead end.
Status RuleNetwork::prune() {
  std::vector<bool> ends(nodes_.size());  // an end can be reached from there
  const auto passes = [&](const Edge& edge) {
    return ends[edge.target] && (edge.call == kNoNode ? regexes_->possible(edge.lexeme) : bool{ends[edge.call]});
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t id = nodes_.size(); id-- > 0;) {
      regexes_->spend(1 + (ends[id] ? 0 : nodes_[id].edges.size()));
      if (!ends[id] && (nodes_[id].final || std::ranges::any_of(nodes_[id].edges, passes))) ends[id] = changed = true;
    }
    MOXIE_TRY(regexes_->check("grammar"));
  }
  for (NetworkNode& node : nodes_) {
    std::erase_if(node.edges, [&](const Edge& edge) { return !passes(edge); });
  }
  return regexes_->check("grammar");
}

}  // namespace moxie::constraint
