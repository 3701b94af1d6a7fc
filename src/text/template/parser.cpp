// SPDX-License-Identifier: Apache-2.0
#include "text/template/parser.hpp"

#include <algorithm>

namespace moxie::inline abi1::text {

Ast Parser::parse() {
  advance();
  ast_.source_bytes_ = lexer_.size();
  ast_.root_ = statements({});
  return std::move(ast_);
}

Token Parser::lex() {
  in_lexer_ = true;
  const Token token = lexer_.next();
  in_lexer_ = false;
  return token;
}

void Parser::advance() {
  if (has_ahead_) {
    token_ = ahead_;
    has_ahead_ = false;
  } else {
    token_ = lex();
  }
}

const Token& Parser::look() {
  if (!has_ahead_) {
    ahead_ = lex();
    has_ahead_ = true;
  }
  return ahead_;
}

bool Parser::skip_name(std::string_view name) {
  if (!token_.is_name(name)) return false;
  advance();
  return true;
}

bool Parser::skip_operator(std::string_view op) {
  if (!token_.is_operator(op)) return false;
  advance();
  return true;
}

void Parser::expect_operator(std::string_view op) {
  if (!skip_operator(op)) unexpected(Text("'", op, "'"));
}

std::string_view Parser::expect_name() {
  if (!token_.is(TokenKind::kName)) unexpected("a name");
  const std::string_view name = token_.text;
  advance();
  return name;
}

void Parser::expect(TokenKind kind, std::string_view what) {
  if (!token_.is(kind)) unexpected(what);
  advance();
}

bool Parser::at_name(Words words) const noexcept {
  return std::any_of(words.begin(), words.end(), [this](std::string_view word) { return token_.is_name(word); });
}

void Parser::unexpected(std::string_view needed) {
  switch (token_.kind) {
    case TokenKind::kEnd: fail(Code::kFormat, needed, "the end of the template");
    case TokenKind::kBlockEnd: fail(Code::kFormat, needed, "'%}'");
    case TokenKind::kVariableEnd: fail(Code::kFormat, needed, "'}}'");
    default: fail(Code::kFormat, needed, Text("'", token_.text.substr(0, 60), "'"));
  }
}

NameId Parser::intern(std::string_view name) {
  const auto [at, fresh] = interned_.try_emplace(std::string(name), static_cast<NameId>(ast_.names_.size()));
  if (fresh) ast_.names_.emplace_back(name);
  return at->second;
}

NodeId Parser::finish(Node node, std::size_t first) {
  int height = 0;
  for (std::size_t i = first; i < ast_.kids_.size(); ++i) {
    const Node& kid = ast_.nodes_[ast_.kids_[i]];
    height = std::max<int>(height, kid.height);
    node.uses_loop = node.uses_loop || kid.uses_loop;
    node.uses_caller = node.uses_caller || kid.uses_caller;
  }
  if (height >= kMaxHeight) {
    fail(Code::kBudget, Text("expressions at most ", static_cast<int>(kMaxHeight), " operations deep"), "deeper");
  }
  node.height = static_cast<std::uint8_t>(height + 1);
  node.first_kid = static_cast<std::uint32_t>(first);
  node.kid_count = static_cast<std::uint32_t>(ast_.kids_.size() - first);
  ast_.operators_.resize(ast_.kids_.size(), Operator::kNone);
  ast_.nodes_.push_back(node);
  return static_cast<NodeId>(ast_.nodes_.size() - 1);
}

NodeId Parser::add(NodeKind kind, std::uint32_t line, std::initializer_list<NodeId> kids, std::uint32_t name) {
  const std::size_t first = ast_.kids_.size();
  ast_.kids_.insert(ast_.kids_.end(), kids.begin(), kids.end());
  return finish({.kind = kind, .line = line, .name = name}, first);
}

NodeId Parser::add(NodeKind kind, std::uint32_t line, const std::vector<NodeId>& kids, std::uint32_t name) {
  const std::size_t first = ast_.kids_.size();
  ast_.kids_.insert(ast_.kids_.end(), kids.begin(), kids.end());
  return finish({.kind = kind, .line = line, .name = name}, first);
}

NodeId Parser::add_chain(NodeKind kind, std::uint32_t line, const std::vector<Operand>& operands) {
  if (operands.size() == 1) return operands[0].node;
  const std::size_t first = ast_.kids_.size();
  for (const Operand& operand : operands) {
    ast_.kids_.push_back(operand.node);
    ast_.operators_.push_back(operand.op);
  }
  return finish({.kind = kind, .line = line}, first);
}

NodeId Parser::constant(NodeKind kind, std::uint32_t line, Value value) {
  ast_.constants_.push_back(std::move(value));
  return add(kind, line, {}, static_cast<std::uint32_t>(ast_.constants_.size() - 1));
}

NodeId Parser::text(std::uint32_t line, std::string_view data, NodeKind kind) {
  Result<Value> value = Value::string(data, Origin::kTemplate);
  if (!value.ok()) throw std::bad_alloc();
  return constant(kind, line, *std::move(value));
}

// Statements up to a tag whose name is in `ends` (that name is then the current token); all of it where `ends` is
// empty.
NodeId Parser::statements(Words ends) {
  const Nesting nesting(*this);
  const std::uint32_t line = token_.line;
  std::vector<NodeId> block;
  while (true) {
    switch (token_.kind) {
      case TokenKind::kEnd:
        if (ends.size() != 0) unexpected(Text("'{% ", *(ends.end() - 1), " %}'"));
        return add(NodeKind::kBlock, line, block);
      case TokenKind::kData:
        if (!token_.text.empty()) block.push_back(text(token_.line, token_.text, NodeKind::kText));
        advance();
        break;
      case TokenKind::kVariableBegin: {
        const std::uint32_t at = token_.line;
        advance();
        const NodeId shown = tuple(true, false);
        block.push_back(add(NodeKind::kOutput, at, {shown}));
        expect(TokenKind::kVariableEnd, "'}}'");
        break;
      }
      case TokenKind::kBlockBegin:
        advance();
        if (at_name(ends)) return add(NodeKind::kBlock, line, block);
        block.push_back(statement());
        expect(TokenKind::kBlockEnd, "'%}'");
        break;
      default: unexpected("a statement");
    }
  }
}

// From the end of an opening tag to the name of the tag that ends it.
NodeId Parser::body(Words ends) {
  skip_operator(":");
  expect(TokenKind::kBlockEnd, "'%}'");
  return statements(ends);
}

NodeId Parser::statement() {
  if (!token_.is(TokenKind::kName)) unexpected("the name of a tag");
  const std::string_view tag = token_.text;
  if (tag == "if") return if_statement();
  if (tag == "for") return for_statement();
  if (tag == "set") return set_statement();
  if (tag == "macro") return macro_statement();
  if (tag == "call") return call_statement();
  if (tag == "filter") return filter_statement();
  if (tag == "with") return with_statement();
  if (tag == "generation") return generation_statement();
  if (tag == "break") return loop_control(NodeKind::kBreak);
  if (tag == "continue") return loop_control(NodeKind::kContinue);
  if (tag == "print") return print_statement();
  for (const std::string_view refused : {"include", "import", "from", "extends", "block", "autoescape"}) {
    if (tag == refused) {
      fail(Code::kUnsupported,
           "a template that stands alone, without include, import, from, extends, block, autoescape",
           Text("'{% ", tag, " %}'"));
    }
  }
  fail(Code::kFormat, "if, for, set, macro, call, filter, with, generation, break, continue, print or raw",
       Text("'{% ", tag.substr(0, 60), " %}'"));
}

NodeId Parser::if_statement() {
  const std::uint32_t line = token_.line;
  std::vector<NodeId> parts;
  while (true) {
    advance();  // if, elif
    parts.push_back(tuple(false, false));
    parts.push_back(body({"elif", "else", "endif"}));
    if (!token_.is_name("elif")) break;
  }
  if (skip_name("else")) parts.push_back(body({"endif"}));
  advance();
  return add(NodeKind::kIf, line, parts);
}

NodeId Parser::for_statement() {
  const std::uint32_t line = token_.line;
  advance();
  const NodeId into = target(false, true);
  if (!skip_name("in")) unexpected("'in'");
  const NodeId sequence = tuple(false, false);
  const NodeId filter = skip_name("if") ? expression() : 0;
  if (token_.is_name("recursive")) fail(Code::kUnsupported, "loops that do not call themselves", "'recursive'");
  ++loops_;
  const NodeId loop_body = body({"else", "endfor"});
  --loops_;
  const NodeId other = skip_name("else") ? body({"endfor"}) : 0;
  advance();
  return add(NodeKind::kFor, line, {into, sequence, filter, loop_body, other});
}

NodeId Parser::loop_control(NodeKind kind) {
  const std::uint32_t line = token_.line;
  if (loops_ == 0) fail(Code::kFormat, Text("'", token_.text, "' inside a loop"), "it outside");
  advance();
  return add(kind, line, {});
}

NodeId Parser::set_statement() {
  const std::uint32_t line = token_.line;
  advance();
  const NodeId into = target(true, false);
  if (skip_operator("=")) {
    const NodeId value = tuple(true, false);
    return add(NodeKind::kSet, line, {into, value});
  }
  NodeId filters = 0;
  if (token_.is_operator("|")) {
    filters = add(NodeKind::kCaptured, line, {});
    while (skip_operator("|")) filters = filter(filters);
  }
  const NodeId captured = body({"endset"});
  advance();
  return add(NodeKind::kSetBlock, line, {into, captured, filters});
}

NodeId Parser::with_statement() {
  const std::uint32_t line = token_.line;
  advance();
  std::vector<NodeId> parts;
  while (!token_.is(TokenKind::kBlockEnd)) {
    if (!parts.empty()) expect_operator(",");
    parts.push_back(target(false, false));
    expect_operator("=");
    parts.push_back(expression());
  }
  parts.push_back(body({"endwith"}));
  advance();
  return add(NodeKind::kWith, line, parts);
}

NodeId Parser::generation_statement() {
  const std::uint32_t line = token_.line;
  advance();
  const int loops = std::exchange(loops_, 0);
  const NodeId content = body({"endgeneration"});
  loops_ = loops;
  advance();
  return add(NodeKind::kGeneration, line, {content});
}

NodeId Parser::print_statement() {
  const std::uint32_t line = token_.line;
  advance();
  std::vector<NodeId> parts;
  while (!token_.is(TokenKind::kBlockEnd)) {
    if (!parts.empty()) expect_operator(",");
    const NodeId shown = expression();
    parts.push_back(add(NodeKind::kOutput, line, {shown}));
  }
  return add(NodeKind::kBlock, line, parts);
}

NodeId Parser::parameters() {
  const std::uint32_t line = token_.line;
  std::vector<NodeId> params;
  bool defaults = false;
  expect_operator("(");
  while (!token_.is_operator(")")) {
    if (!params.empty()) expect_operator(",");
    const NameId name = intern(expect_name());
    NodeId value = 0;
    if (skip_operator("=")) {
      value = expression();
      defaults = true;
    } else if (defaults) {
      fail(Code::kFormat, "parameters with defaults behind those without", "one without behind one with");
    }
    params.push_back(add(NodeKind::kParam, line, {value}, name));
  }
  expect_operator(")");
  return add(NodeKind::kParams, line, params);
}

bool Parser::has_parameter(NodeId params, std::string_view name) const {
  for (const NodeId param : ast_.kids(params)) {
    if (ast_.name(ast_.node(param).name) == name) return true;
  }
  return false;
}

NodeId Parser::macro_statement() {
  const std::uint32_t line = token_.line;
  advance();
  const NameId name = intern(expect_name());
  const NodeId params = parameters();
  const int loops = std::exchange(loops_, 0);
  const bool varargs = std::exchange(reads_varargs_, false);
  const bool kwargs = std::exchange(reads_kwargs_, false);
  const NodeId content = body({"endmacro"});
  loops_ = loops;
  advance();
  const NodeId node = add(NodeKind::kMacro, line, {params, content}, name);
  // A parameter of that name is one like others.
  ast_.nodes_[node].takes_rest = reads_varargs_ && !has_parameter(params, "varargs");
  ast_.nodes_[node].takes_named = reads_kwargs_ && !has_parameter(params, "kwargs");
  // What a macro inside reads, the one around it is taken to read too, as in Jinja.
  reads_varargs_ = reads_varargs_ || varargs;
  reads_kwargs_ = reads_kwargs_ || kwargs;
  return node;
}

NodeId Parser::call_statement() {
  const std::uint32_t line = token_.line;
  advance();
  const NodeId params = token_.is_operator("(") ? parameters() : add(NodeKind::kParams, line, {});
  const NodeId called = expression();
  if (ast_.node(called).kind != NodeKind::kCall) fail(Code::kFormat, "a call behind 'call'", "another expression");
  const int loops = std::exchange(loops_, 0);
  const NodeId content = body({"endcall"});
  loops_ = loops;
  advance();
  return add(NodeKind::kCallBlock, line, {params, called, content});
}

NodeId Parser::filter_statement() {
  const std::uint32_t line = token_.line;
  advance();
  NodeId filters = filter(add(NodeKind::kCaptured, line, {}));
  while (skip_operator("|")) filters = filter(filters);
  const NodeId content = body({"endfilter"});
  advance();
  return add(NodeKind::kFilterBlock, line, {filters, content});
}

// A name, a namespace's member, or a tuple of targets with or without parentheses.
NodeId Parser::target(bool with_member, bool before_in) {
  const Nesting nesting(*this);
  const std::uint32_t line = token_.line;
  std::vector<NodeId> parts;
  bool several = false;
  while (true) {
    if (several && (token_.is(TokenKind::kBlockEnd) || token_.is_operator(")") || token_.is_operator("=") ||
                    (before_in && token_.is_name("in")))) {
      break;
    }
    parts.push_back(target_item(with_member));
    if (!skip_operator(",")) break;
    several = true;
  }
  return several ? add(NodeKind::kTuple, line, parts) : parts[0];
}

NodeId Parser::target_item(bool with_member) {
  if (skip_operator("(")) {
    const NodeId inner = target(with_member, false);
    expect_operator(")");
    return inner;
  }
  const std::uint32_t line = token_.line;
  const std::string_view name = expect_name();
  for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
    if (name == constant) fail(Code::kFormat, "a name to assign to", Text("'", name, "'"));
  }
  const NodeId variable = add(NodeKind::kName, line, {}, intern(name));
  if (!with_member || !skip_operator(".")) return variable;
  const NameId member = intern(expect_name());
  return add(NodeKind::kMember, line, {variable}, member);
}

}  // namespace moxie::text
