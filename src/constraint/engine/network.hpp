// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>

#include "constraint/regex/regexes.hpp"

namespace moxie::inline abi1::constraint {

using NodeId = std::uint32_t;

/// A step from a node of a network.
struct Edge {
  RegexId lexeme = Regexes::kNever;  ///< where `call` is kNoNode: what is read
  NodeId call = UINT32_MAX;          ///< a rule, by its first node: what is read is one of its texts
  NodeId target = 0;
  bool captures = false;   ///< which text was read says where the edge leads: Network::captured(target, text)
  bool uncertain = false;  ///< behind a text that nobody said: whether it may be read has to be looked at again
};

inline constexpr NodeId kNoNode = UINT32_MAX;

struct NetworkNode {
  NodeId rule = 0;     ///< the first node of the rule that it belongs to
  bool final = false;  ///< the rule may end here
  std::vector<Edge> edges{};
};

/// A grammar as all front ends make it: rules, each an automaton whose edges read a lexeme or another rule. Nodes are
/// made when somebody first asks for them.
///
/// Every node that can be reached leads to an end of its rule, so no beginning of a text is a dead end.
///
/// Threads  one at a time.
class Network {
 public:
  virtual ~Network() = default;
  [[nodiscard]] virtual NodeId start() const = 0;
  /// Good until the next call.
  virtual Result<const NetworkNode*> node(NodeId id) = 0;
  /// Whether the rule has the empty text.
  virtual bool nullable(NodeId rule) = 0;
  /// Where an edge that captures leads. Null: the text is not known; see Edge::uncertain.
  virtual Result<NodeId> captured(NodeId target, const std::string_view* text) = 0;
  virtual Regexes& regexes() = 0;
};

}  // namespace moxie::constraint
