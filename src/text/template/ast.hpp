// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <moxie/text/value.hpp>

namespace moxie::inline abi1::text {

/// A node of a template, as an index into Ast; 0 is no node.
using NodeId = std::uint32_t;
using NameId = std::uint32_t;

/// What a node is, with what its `kids` are and what `name` means.
enum class NodeKind : std::uint8_t {
  kNone,
  // Statements.
  kBlock,        // statements
  kText,         // constant: template text
  kOutput,       // expression
  kIf,           // condition, block, condition, block, ... and the block of else where the count is odd
  kFor,          // target, sequence, filter or 0, body, else or 0
  kSet,          // target, expression
  kSetBlock,     // target, body, filters around kCaptured or 0
  kFilterBlock,  // filters around kCaptured, body
  kMacro,        // name; kParams, body
  kCallBlock,    // kParams, kCall, body
  kWith,         // target, expression, ..., body
  kGeneration,   // body
  kBreak,
  kContinue,
  // Expressions.
  kConstant,     // constant
  kName,         // name
  kMember,       // name: of a namespace, as a target; kid: the kName
  kTuple,        // items
  kList,         // items
  kMap,          // key, value, key, value, ...
  kConditional,  // condition, value, other or 0
  kOr,           // operands
  kAnd,          // operands
  kNot,          // operand
  kNegative,     // operand
  kPositive,     // operand
  kArithmetic,   // first, then operands each with its operator, from left to right
  kConcat,       // operands
  kCompare,      // first, then operands each with its operator
  kAttribute,    // name; object
  kItem,         // object, index or kSlice
  kSlice,        // from or 0, to or 0, step or 0
  kCall,         // callee, arguments; keyword arguments are kKeyword
  kFilter,       // name; input, arguments
  kTest,         // name; input, arguments
  kKeyword,      // name; value
  kSpread,       // sequence of arguments
  kSpreadMap,    // mapping of arguments with names
  kParams,       // kParam
  kParam,        // name; default or 0
  kCaptured,     // the text of the block around
};

enum class Operator : std::uint8_t {
  kNone,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

struct Node {
  NodeKind kind = NodeKind::kNone;
  std::uint8_t height = 0;   ///< 1 + that of the highest kid
  bool uses_loop = false;    ///< it or something below it reads `loop`
  bool uses_caller = false;  ///< or `caller`
  bool takes_rest = false;   ///< kMacro: its body reads `varargs`
  bool takes_named = false;  ///< or `kwargs`
  std::uint32_t line = 0;
  std::uint32_t name = 0;  ///< or the index of a constant
  std::uint32_t first_kid = 0;
  std::uint32_t kid_count = 0;
};

/// A parsed template: nodes, their kids, names and constants, each in one block.
class Ast {
 public:
  [[nodiscard]] const Node& node(NodeId id) const noexcept { return nodes_[id]; }
  [[nodiscard]] std::span<const NodeId> kids(NodeId id) const noexcept {
    const Node& of = nodes_[id];
    return {kids_.data() + of.first_kid, of.kid_count};
  }
  [[nodiscard]] NodeId kid(NodeId id, std::size_t i) const noexcept { return kids_[nodes_[id].first_kid + i]; }
  /// The operator in front of kid i.
  [[nodiscard]] Operator kid_operator(NodeId id, std::size_t i) const noexcept {
    return operators_[nodes_[id].first_kid + i];
  }
  [[nodiscard]] const Value& constant(NodeId id) const noexcept { return constants_[nodes_[id].name]; }
  [[nodiscard]] const std::string& name(NameId id) const noexcept { return names_[id]; }
  [[nodiscard]] std::span<const std::string> names() const noexcept { return names_; }
  [[nodiscard]] NodeId root() const noexcept { return root_; }
  [[nodiscard]] std::size_t source_bytes() const noexcept { return source_bytes_; }

 private:
  friend class Parser;
  std::vector<Node> nodes_{1};
  std::vector<NodeId> kids_;
  std::vector<Operator> operators_;  // beside kids_
  std::vector<std::string> names_;
  std::vector<Value> constants_;
  NodeId root_ = 0;
  std::size_t source_bytes_ = 0;
};

}  // namespace moxie::text
