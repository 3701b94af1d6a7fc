// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/template/ast.hpp"
#include "text/template/lexer.hpp"

namespace moxie::inline abi1::text {

/// Builds the tree of a template. Recursion is bounded twice: by how deep the text nests, and by the height of
/// the tree, which a chain of filters or attributes raises without nesting.
///
/// Errors   as Failure. kFormat: not a template.  kUnsupported: a construct that is refused by name.
class Parser {
 public:
  static constexpr int kMaxNesting = 40;
  static constexpr std::uint8_t kMaxHeight = 120;

  explicit Parser(std::string_view source) : lexer_(source) {}
  Ast parse();
  [[nodiscard]] std::uint32_t line() const noexcept { return in_lexer_ ? lexer_.line() : token_.line; }

 private:
  using Words = std::initializer_list<std::string_view>;
  class Nesting;
  struct Operand {
    NodeId node;
    Operator op = Operator::kNone;
  };

  // Tokens.
  Token lex();
  void advance();
  const Token& look();
  bool skip_name(std::string_view name);
  bool skip_operator(std::string_view op);
  void expect_operator(std::string_view op);
  std::string_view expect_name();
  void expect(TokenKind kind, std::string_view what);
  [[nodiscard]] bool at_name(Words words) const noexcept;
  [[noreturn]] void unexpected(std::string_view needed);

  // Nodes.
  NodeId add(NodeKind kind, std::uint32_t line, std::initializer_list<NodeId> kids, std::uint32_t name = 0);
  NodeId add(NodeKind kind, std::uint32_t line, const std::vector<NodeId>& kids, std::uint32_t name = 0);
  NodeId add_chain(NodeKind kind, std::uint32_t line, const std::vector<Operand>& operands);
  NodeId finish(Node node, std::size_t first);
  NodeId constant(NodeKind kind, std::uint32_t line, Value value);
  NodeId text(std::uint32_t line, std::string_view data, NodeKind kind);
  NameId intern(std::string_view name);

  // Statements: parser.cpp.
  NodeId statements(Words ends);
  NodeId body(Words ends);
  NodeId statement();
  NodeId if_statement();
  NodeId for_statement();
  NodeId set_statement();
  NodeId with_statement();
  [[nodiscard]] bool has_parameter(NodeId params, std::string_view name) const;
  NodeId macro_statement();
  NodeId call_statement();
  NodeId filter_statement();
  NodeId generation_statement();
  NodeId loop_control(NodeKind kind);
  NodeId print_statement();
  NodeId parameters();
  NodeId target(bool with_member, bool before_in);
  NodeId target_item(bool with_member);

  // Expressions: parser_expressions.cpp.
  NodeId expression(bool with_conditional = true);
  NodeId or_expression();
  NodeId and_expression();
  NodeId not_expression();
  NodeId comparison();
  NodeId sum();
  NodeId concatenation();
  NodeId product();
  NodeId power();
  NodeId unary(bool with_filter);
  NodeId primary();
  NodeId postfix(NodeId node);
  NodeId filters_and_tests(NodeId node);
  NodeId subscript(NodeId node);
  NodeId subscribed();
  NodeId tuple(bool with_conditional, bool parenthesized);
  NodeId list();
  NodeId map();
  NodeId number();
  NodeId string();
  NodeId call(NodeId callee);
  void arguments(std::vector<NodeId>& into);
  NodeId filter(NodeId input);
  NodeId test(NodeId input);
  std::string_view dotted_name(std::string& holder);

  Lexer lexer_;
  Token token_;
  Token ahead_;
  bool has_ahead_ = false;
  bool in_lexer_ = false;  // where an error comes from
  int nesting_ = 0;
  int loops_ = 0;               // for bodies around, within the macro
  bool reads_varargs_ = false;  // the macro around, so far
  bool reads_kwargs_ = false;
  Ast ast_;
  std::unordered_map<std::string, NameId> interned_;
};

class Parser::Nesting {
 public:
  explicit Nesting(Parser& parser) : parser_(parser) {
    if (++parser_.nesting_ > kMaxNesting) {
      --parser_.nesting_;
      fail(Code::kBudget, Text("a template nested at most ", kMaxNesting, " deep"), "deeper");
    }
  }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  ~Nesting() { --parser_.nesting_; }

 private:
  Parser& parser_;
};

}  // namespace moxie::text
