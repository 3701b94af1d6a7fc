// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/engine/network.hpp"
#include "constraint/regex/regexes.hpp"

namespace moxie::inline abi1::constraint {

/// What the right side of a rule says.
struct Expression {
  enum class Kind : std::uint8_t { kLexeme, kRule, kSequence, kChoice, kRepeat };

  Kind kind = Kind::kSequence;
  RegexId lexeme = Regexes::kEmpty;
  std::uint32_t rule = 0;
  std::uint32_t least = 0;
  std::uint32_t most = kNoLimit;
  std::vector<Expression> parts{};
};

struct Rule {
  std::string name;
  bool defined = false;
  Expression is{};
};

/// A grammar of rules that somebody wrote. Rules from which no recursion can be reached are regular languages; they,
/// and what stands between recursions, become lexemes.
///
/// Threads  one at a time.
class RuleNetwork final : public Network {
 public:
  /// Nodes that all rules have together at most: what repetitions of recursive parts are written out to.
  static constexpr std::size_t kMaxNodes = 20000;
  static constexpr std::size_t kMaxEdges = 500000;

  explicit RuleNetwork(std::unique_ptr<Regexes> regexes) : regexes_(std::move(regexes)) {}

  /// Errors   kInvalidArgument: the start has no text.  kBudget.
  Status build(const std::vector<Rule>& rules, std::uint32_t start);

  [[nodiscard]] NodeId start() const override { return starts_[start_]; }
  Result<const NetworkNode*> node(NodeId id) override { return &nodes_[id]; }
  bool nullable(NodeId rule) override { return nullable_[rule]; }
  Result<NodeId> captured(NodeId target, const std::string_view*) override { return target; }
  Regexes& regexes() override { return *regexes_; }

 private:
  struct Raw {
    std::vector<NodeId> empty;  // reached without reading
    std::vector<Edge> edges;
  };

  void find_recursion(const std::vector<Rule>& rules);
  [[nodiscard]] bool is_regular(const Expression& one) const;
  RegexId regular(const Expression& one);
  NodeId fresh();
  NodeId add(const Expression& one, NodeId from);
  Status find_nullable();
  Status settle();
  Status prune();

  std::unique_ptr<Regexes> regexes_;
  std::uint32_t start_ = 0;
  std::vector<bool> recursive_;       // rules from which a recursion can be reached
  std::vector<std::uint32_t> order_;  // the others, each behind those that it names
  std::vector<RegexId> languages_;
  std::vector<NodeId> starts_;  // of rules; kNoNode: a lexeme stands for it
  std::vector<NodeId> ends_;
  std::vector<Raw> raw_;
  std::vector<NodeId> rule_of_;  // the first node of a node's rule
  std::vector<bool> nullable_;   // by first nodes
  std::vector<NetworkNode> nodes_;
};

}  // namespace moxie::constraint
