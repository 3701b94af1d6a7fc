// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>

#include "text/template/parser.hpp"

namespace moxie::inline abi1::text {

NodeId Parser::expression(bool with_conditional) {
  const Nesting nesting(*this);
  NodeId value = or_expression();
  if (!with_conditional) return value;
  while (token_.is_name("if")) {
    const std::uint32_t line = token_.line;
    advance();
    const NodeId condition = or_expression();
    const NodeId other = skip_name("else") ? expression() : 0;
    value = add(NodeKind::kConditional, line, {condition, value, other});
  }
  return value;
}

NodeId Parser::or_expression() {
  const std::uint32_t line = token_.line;
  std::vector<Operand> operands{{and_expression()}};
  while (skip_name("or")) operands.push_back({and_expression()});
  return add_chain(NodeKind::kOr, line, operands);
}

NodeId Parser::and_expression() {
  const std::uint32_t line = token_.line;
  std::vector<Operand> operands{{not_expression()}};
  while (skip_name("and")) operands.push_back({not_expression()});
  return add_chain(NodeKind::kAnd, line, operands);
}

NodeId Parser::not_expression() {
  const std::uint32_t line = token_.line;
  bool negated = false;
  bool any = false;
  while (skip_name("not")) {
    negated = !negated;
    any = true;
  }
  NodeId value = comparison();
  if (any) value = add(NodeKind::kNot, line, {value});
  return any && !negated ? add(NodeKind::kNot, line, {value}) : value;
}

NodeId Parser::comparison() {
  static constexpr struct {
    std::string_view text;
    Operator op;
  } kOperators[] = {{"==", Operator::kEqual}, {"!=", Operator::kNotEqual},     {"<=", Operator::kLessEqual},
                    {"<", Operator::kLess},   {">=", Operator::kGreaterEqual}, {">", Operator::kGreater}};
  const std::uint32_t line = token_.line;
  std::vector<Operand> operands{{sum()}};
  while (true) {
    Operator op = Operator::kNone;
    for (const auto& entry : kOperators) {
      if (token_.is_operator(entry.text)) op = entry.op;
    }
    if (token_.is_name("in")) {
      op = Operator::kIn;
    } else if (token_.is_name("not") && look().is_name("in")) {
      op = Operator::kNotIn;
      advance();
    }
    if (op == Operator::kNone) break;
    advance();
    operands.push_back({sum(), op});
  }
  return add_chain(NodeKind::kCompare, line, operands);
}

NodeId Parser::sum() {
  const std::uint32_t line = token_.line;
  std::vector<Operand> operands{{concatenation()}};
  while (token_.is_operator("+") || token_.is_operator("-")) {
    const Operator op = token_.text == "+" ? Operator::kAdd : Operator::kSubtract;
    advance();
    operands.push_back({concatenation(), op});
  }
  return add_chain(NodeKind::kArithmetic, line, operands);
}

NodeId Parser::concatenation() {
  const std::uint32_t line = token_.line;
  std::vector<Operand> operands{{product()}};
  while (skip_operator("~")) operands.push_back({product()});
  return add_chain(NodeKind::kConcat, line, operands);
}

NodeId Parser::product() {
  const std::uint32_t line = token_.line;
  std::vector<Operand> operands{{power()}};
  while (true) {
    Operator op = Operator::kNone;
    if (token_.is_operator("*")) op = Operator::kMultiply;
    if (token_.is_operator("/")) op = Operator::kDivide;
    if (token_.is_operator("//")) op = Operator::kFloorDivide;
    if (token_.is_operator("%")) op = Operator::kModulo;
    if (op == Operator::kNone) break;
    advance();
    operands.push_back({power(), op});
  }
  return add_chain(NodeKind::kArithmetic, line, operands);
}

NodeId Parser::power() {
  const std::uint32_t line = token_.line;
  std::vector<Operand> operands{{unary(true)}};
  while (skip_operator("**")) operands.push_back({unary(true), Operator::kPower});
  // From left to right, unlike Python's.
  return add_chain(NodeKind::kArithmetic, line, operands);
}

NodeId Parser::unary(bool with_filter) {
  const std::uint32_t line = token_.line;
  NodeId value = 0;
  if (token_.is_operator("-") || token_.is_operator("+")) {
    const Nesting nesting(*this);
    const NodeKind kind = token_.text == "-" ? NodeKind::kNegative : NodeKind::kPositive;
    advance();
    const NodeId operand = unary(false);
    value = add(kind, line, {operand});
  } else {
    value = primary();
  }
  value = postfix(value);
  return with_filter ? filters_and_tests(value) : value;
}

NodeId Parser::primary() {
  const std::uint32_t line = token_.line;
  switch (token_.kind) {
    case TokenKind::kString: return string();
    case TokenKind::kInteger:
    case TokenKind::kReal: return number();
    case TokenKind::kName: {
      const std::string_view name = expect_name();
      if (name == "true" || name == "True") return constant(NodeKind::kConstant, line, Value(true, Origin::kTemplate));
      if (name == "false" || name == "False") {
        return constant(NodeKind::kConstant, line, Value(false, Origin::kTemplate));
      }
      if (name == "none" || name == "None") {
        return constant(NodeKind::kConstant, line, Value::null(Origin::kTemplate));
      }
      reads_varargs_ = reads_varargs_ || name == "varargs";
      reads_kwargs_ = reads_kwargs_ || name == "kwargs";
      const NodeId node = add(NodeKind::kName, line, {}, intern(name));
      ast_.nodes_[node].uses_loop = name == "loop";
      ast_.nodes_[node].uses_caller = name == "caller";
      return node;
    }
    default: break;
  }
  if (skip_operator("(")) {
    const NodeId inner = tuple(true, true);
    expect_operator(")");
    return inner;
  }
  if (token_.is_operator("[")) return list();
  if (token_.is_operator("{")) return map();
  unexpected("an expression");
}

NodeId Parser::number() {
  const std::uint32_t line = token_.line;
  std::string digits;
  for (const char c : token_.text) {
    if (c != '_') digits.push_back(c);
  }
  const char* end = digits.data() + digits.size();
  Value value;
  if (token_.is(TokenKind::kReal)) {
    double real = 0;
    const auto [stop, error] = std::from_chars(digits.data(), end, real);
    if (error == std::errc::result_out_of_range) {
      // Beyond a double: infinity, or zero where the exponent is negative.
      const std::size_t exponent = digits.find_first_of("eE");
      real = exponent != std::string::npos && digits[exponent + 1] == '-' ? 0.0 : HUGE_VAL;
    } else if (error != std::errc() || stop != end) {
      unexpected("a number");
    }
    value = Value(real, Origin::kTemplate);
  } else {
    int base = 10;
    const char* begin = digits.data();
    if (digits.size() > 2 && digits[0] == '0') {
      const char mark = static_cast<char>(digits[1] | 0x20);
      base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
      if (base != 10) begin += 2;
    }
    std::int64_t whole = 0;
    const auto [stop, error] = std::from_chars(begin, end, whole, base);
    if (error == std::errc::result_out_of_range) fail(Code::kUnsupported, "whole numbers of 64 bits", token_.text);
    if (error != std::errc() || stop != end) unexpected("a number");
    value = Value(whole, Origin::kTemplate);
  }
  advance();
  return constant(NodeKind::kConstant, line, std::move(value));
}

NodeId Parser::string() {
  const std::uint32_t line = token_.line;
  std::string joined;
  while (token_.is(TokenKind::kString)) {
    joined += unescape(token_.text);
    advance();
  }
  return text(line, joined, NodeKind::kConstant);
}

NodeId Parser::tuple(bool with_conditional, bool parenthesized) {
  const std::uint32_t line = token_.line;
  std::vector<NodeId> items;
  bool several = false;
  while (true) {
    if (token_.is(TokenKind::kVariableEnd) || token_.is(TokenKind::kBlockEnd) || token_.is_operator(")")) break;
    items.push_back(expression(with_conditional));
    if (!skip_operator(",")) break;
    several = true;
  }
  if (several) return add(NodeKind::kTuple, line, items);
  if (!items.empty()) return items[0];
  if (!parenthesized) unexpected("an expression");
  return add(NodeKind::kTuple, line, items);
}

NodeId Parser::list() {
  const std::uint32_t line = token_.line;
  expect_operator("[");
  std::vector<NodeId> items;
  while (!token_.is_operator("]")) {
    items.push_back(expression());
    if (!skip_operator(",")) break;
  }
  expect_operator("]");
  return add(NodeKind::kList, line, items);
}

NodeId Parser::map() {
  const std::uint32_t line = token_.line;
  expect_operator("{");
  std::vector<NodeId> items;
  while (!token_.is_operator("}")) {
    items.push_back(expression());
    expect_operator(":");
    items.push_back(expression());
    if (!skip_operator(",")) break;
  }
  expect_operator("}");
  return add(NodeKind::kMap, line, items);
}

NodeId Parser::postfix(NodeId node) {
  while (true) {
    if (token_.is_operator(".") || token_.is_operator("[")) {
      node = subscript(node);
    } else if (token_.is_operator("(")) {
      node = call(node);
    } else {
      return node;
    }
  }
}

NodeId Parser::filters_and_tests(NodeId node) {
  while (true) {
    if (skip_operator("|")) {
      node = filter(node);
    } else if (token_.is_name("is")) {
      node = test(node);
    } else if (token_.is_operator("(")) {
      node = call(node);
    } else {
      return node;
    }
  }
}

NodeId Parser::subscript(NodeId node) {
  const std::uint32_t line = token_.line;
  if (skip_operator(".")) {
    if (token_.is(TokenKind::kInteger)) {
      const NodeId index = number();
      return add(NodeKind::kItem, line, {node, index});
    }
    const NameId name = intern(expect_name());
    return add(NodeKind::kAttribute, line, {node}, name);
  }
  expect_operator("[");
  const NodeId index = subscribed();
  if (token_.is_operator(",")) fail(Code::kUnsupported, "one index in brackets", "several");
  expect_operator("]");
  return add(NodeKind::kItem, line, {node, index});
}

NodeId Parser::subscribed() {
  const std::uint32_t line = token_.line;
  NodeId from = 0;
  if (!token_.is_operator(":")) {
    from = expression();
    if (!token_.is_operator(":")) return from;
  }
  advance();
  const auto bound = [this]() -> NodeId {
    return token_.is_operator(":") || token_.is_operator("]") || token_.is_operator(",") ? 0 : expression();
  };
  const NodeId to = bound();
  const NodeId step = skip_operator(":") ? bound() : 0;
  return add(NodeKind::kSlice, line, {from, to, step});
}

void Parser::arguments(std::vector<NodeId>& into) {
  bool keywords = false;
  bool spread = false;
  bool spread_map = false;
  expect_operator("(");
  while (!token_.is_operator(")")) {
    const std::uint32_t line = token_.line;
    if (spread_map) fail(Code::kFormat, "no argument behind '**'", "one");
    if (!spread && skip_operator("*")) {
      spread = true;
      into.push_back(add(NodeKind::kSpread, line, {expression()}));
      if (!skip_operator(",")) break;
      continue;
    }
    if (skip_operator("**")) {
      spread_map = true;
      into.push_back(add(NodeKind::kSpreadMap, line, {expression()}));
      if (!skip_operator(",")) break;
      continue;
    }
    if (token_.is(TokenKind::kName) && look().is_operator("=")) {
      const NameId name = intern(token_.text);
      advance();
      advance();
      const NodeId value = expression();
      into.push_back(add(NodeKind::kKeyword, line, {value}, name));
      keywords = true;
    } else {
      if (keywords || spread) fail(Code::kFormat, "arguments without a name before all others", "one behind");
      into.push_back(expression());
    }
    if (!skip_operator(",")) break;
  }
  expect_operator(")");
}

NodeId Parser::call(NodeId callee) {
  const std::uint32_t line = token_.line;
  std::vector<NodeId> kids{callee};
  arguments(kids);
  return add(NodeKind::kCall, line, kids);
}

std::string_view Parser::dotted_name(std::string& holder) {
  holder = expect_name();
  while (skip_operator(".")) {
    holder += '.';
    holder += expect_name();
  }
  return holder;
}

// The name of a filter is the current token; `input` may be kCaptured.
NodeId Parser::filter(NodeId input) {
  const std::uint32_t line = token_.line;
  std::string holder;
  const NameId name = intern(dotted_name(holder));
  std::vector<NodeId> kids{input};
  if (token_.is_operator("(")) arguments(kids);
  return add(NodeKind::kFilter, line, kids, name);
}

NodeId Parser::test(NodeId input) {
  const std::uint32_t line = token_.line;
  advance();  // is
  const bool negated = skip_name("not");
  std::string holder;
  const NameId name = intern(dotted_name(holder));
  std::vector<NodeId> kids{input};
  const bool argument_follows = token_.is(TokenKind::kName) || token_.is(TokenKind::kString) ||
                                token_.is(TokenKind::kInteger) || token_.is(TokenKind::kReal) ||
                                token_.is_operator("[") || token_.is_operator("{");
  if (token_.is_operator("(")) {
    arguments(kids);
  } else if (argument_follows && !at_name({"else", "or", "and"})) {
    if (token_.is_name("is")) fail(Code::kFormat, "one test behind another with 'and' between", "'is' behind a test");
    const Nesting nesting(*this);
    kids.push_back(postfix(primary()));
  }
  const NodeId node = add(NodeKind::kTest, line, kids, name);
  return negated ? add(NodeKind::kNot, line, {node}) : node;
}

}  // namespace moxie::text
