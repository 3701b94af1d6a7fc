// SPDX-License-Identifier: Apache-2.0
#include "text/template/engine.hpp"

namespace moxie::inline abi1::text {

Engine::Engine(const Ast& ast, Meter& meter, const RenderInput& input)
    : ast_(ast),
      meter_(meter),
      now_(input.now ? *input.now : LocalTime::system()),
      scopes_(MeterAllocator<Scope>(&meter)),
      variables_(MeterAllocator<Variable>(&meter)),
      namespaces_(MeterAllocator<Members>(&meter)) {
  scopes_.push_back({0, 0, ++serial_});
  for (NameId name = 0; name < ast.names().size(); ++name) {
    if (ast.name(name) == "loop") loop_name_ = name;
    if (ast.name(name) == "caller") caller_name_ = name;
    if (ast.name(name) == "varargs") varargs_name_ = name;
    if (ast.name(name) == "kwargs") kwargs_name_ = name;
    define_builtins(name);
    for (const auto& [variable, value] : input.variables) {
      if (ast.name(name) == variable && !value.is(Kind::kUndefined)) set(name, value);
    }
  }
}

Value Engine::run() {
  Capture capture(*this);
  const InScope scope(*this);
  execute(ast_.root());
  return capture.done();
}

void Engine::Depth::too_deep() {
  --engine_.depth_;
  fail(Code::kBudget, Text("at most ", kMaxDepth, " evaluations inside one another"), "more");
}

Engine::Flow Engine::execute(NodeId id) {
  const Depth depth(*this);
  meter_.step();
  const Node& node = ast_.node(id);
  line_ = node.line;
  switch (node.kind) {
    case NodeKind::kBlock: return execute_block(id);
    case NodeKind::kText: out_->add(ast_.constant(id)); break;
    case NodeKind::kOutput: output(id); break;
    case NodeKind::kIf: return execute_if(id);
    case NodeKind::kFor: return execute_for(id);
    case NodeKind::kSet: assign(ast_.kid(id, 0), evaluate(ast_.kid(id, 1))); break;
    case NodeKind::kSetBlock: return execute_set_block(id);
    case NodeKind::kFilterBlock: return execute_filter_block(id);
    case NodeKind::kMacro: set(node.name, macro(ast_.kid(id, 0), ast_.kid(id, 1), node.name, node)); break;
    case NodeKind::kCallBlock: execute_call_block(id); break;
    case NodeKind::kWith: return execute_with(id);
    case NodeKind::kGeneration: execute_generation(id); break;
    case NodeKind::kBreak: return Flow::kBreak;
    case NodeKind::kContinue: return Flow::kContinue;
    default: break;
  }
  return Flow::kNext;
}

Engine::Flow Engine::execute_block(NodeId id) {
  for (const NodeId statement : ast_.kids(id)) {
    if (const Flow flow = execute(statement); flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

void Engine::output(NodeId id) { write_text(meter_, *out_, evaluate(ast_.kid(id, 0))); }

Engine::Flow Engine::execute_if(NodeId id) {
  const auto parts = ast_.kids(id);
  std::size_t i = 0;
  for (; i + 1 < parts.size(); i += 2) {
    if (truthy(evaluate(parts[i]))) return execute(parts[i + 1]);
  }
  return i < parts.size() ? execute(parts[i]) : Flow::kNext;
}

// The items that pass the loop's filter, looked at before the first of them is worked on.
Value Engine::filtered(NodeId id, const Value& sequence) {
  MeteredVector<Value> passed = new_items(meter_);
  Iteration items(meter_, sequence);
  for (Value item; items.next(item);) {
    const InScope scope(*this);
    assign(ast_.kid(id, 0), item);
    if (truthy(evaluate(ast_.kid(id, 2)))) passed.push_back(item);
  }
  return make_sequence(meter_, Shape::kList, std::move(passed));
}

Engine::Flow Engine::run_body(NodeId id, const Value& current, const Value& loop) {
  const InScope scope(*this);
  if (!loop.is(Kind::kUndefined)) set(loop_name_, loop);
  assign(ast_.kid(id, 0), current);
  return execute(ast_.kid(id, 3));
}

Engine::Flow Engine::execute_for(NodeId id) {
  Value sequence = evaluate(ast_.kid(id, 1));
  if (ast_.kid(id, 2) != 0) sequence = filtered(id, sequence);
  Iteration items(meter_, sequence);
  Value current;
  bool more = items.next(current);
  if (!more) {
    if (ast_.kid(id, 4) == 0) return Flow::kNext;
    const InScope scope(*this);
    return execute(ast_.kid(id, 4));
  }
  if (!ast_.node(ast_.kid(id, 3)).uses_loop) {
    for (; more; more = items.next(current)) {
      if (run_body(id, current, {}) == Flow::kBreak) break;
    }
    return Flow::kNext;
  }
  Making<LoopData> made(&meter_);
  LoopData& loop = *made;
  loop.length = items.left() + 1;
  loop.depth = static_cast<std::uint16_t>(Payload::depth_of(sequence) + 1);
  const Value handle = made.done(Kind::kObject, Origin::kTemplate);
  for (; more; ++loop.index0) {
    more = items.next(loop.next);
    if (!more) loop.next = Value();
    if (run_body(id, current, handle) == Flow::kBreak) break;
    loop.previous = std::move(current);
    current = loop.next;
  }
  return Flow::kNext;
}

Engine::Flow Engine::execute_set_block(NodeId id) {
  Value text;
  {
    Capture capture(*this);
    const InScope scope(*this);
    if (const Flow flow = execute(ast_.kid(id, 1)); flow != Flow::kNext) return flow;
    text = capture.done();
  }
  if (const NodeId filters = ast_.kid(id, 2); filters != 0) {
    std::swap(captured_, text);
    Value result = evaluate(filters);
    captured_ = std::move(text);
    text = std::move(result);
  }
  assign(ast_.kid(id, 0), text);
  return Flow::kNext;
}

Engine::Flow Engine::execute_filter_block(NodeId id) {
  Value text;
  {
    Capture capture(*this);
    const InScope scope(*this);
    if (const Flow flow = execute(ast_.kid(id, 1)); flow != Flow::kNext) return flow;
    text = capture.done();
  }
  std::swap(captured_, text);
  const Value result = evaluate(ast_.kid(id, 0));
  captured_ = std::move(text);
  if (!result.is(Kind::kString)) refuse("a filter of a block that gives a string", result);
  write_text(meter_, *out_, result);
  return Flow::kNext;
}

Engine::Flow Engine::execute_with(NodeId id) {
  const auto parts = ast_.kids(id);
  MeteredVector<Value> values = new_items(meter_);
  for (std::size_t i = 1; i < parts.size(); i += 2) values.push_back(evaluate(parts[i]));
  const InScope scope(*this);
  for (std::size_t i = 0; i < values.size(); ++i) assign(parts[2 * i], values[i]);
  return execute(parts.back());
}

void Engine::execute_call_block(NodeId id) {
  const Value caller = macro(ast_.kid(id, 0), ast_.kid(id, 2), kNoName, ast_.node(ast_.kid(id, 2)));
  write_text(meter_, *out_, evaluate_call(ast_.kid(id, 1), &caller));
}

void Engine::execute_generation(NodeId id) {
  const InScope scope(*this);
  execute(ast_.kid(id, 0));
}

void Engine::set(NameId name, Value value) {
  const std::size_t first = scopes_.back().first_variable;
  meter_.step((variables_.size() - first) / 16);
  for (std::size_t i = first; i < variables_.size(); ++i) {
    if (variables_[i].name == name) {
      variables_[i].value = std::move(value);
      return;
    }
  }
  variables_.push_back({name, std::move(value)});
}

void Engine::assign(NodeId target, const Value& value) {
  const Node& node = ast_.node(target);
  if (node.kind == NodeKind::kName) return set(node.name, value);
  if (node.kind == NodeKind::kMember) return set_member(target, value);
  const auto parts = ast_.kids(target);
  Iteration items(meter_, value);
  if (items.left() != parts.size()) {
    fail(Code::kFormat, Text(parts.size(), " values to unpack"), Text(items.left()));
  }
  // All are taken before the first is set, as Python does.
  MeteredVector<Value> taken = new_items(meter_);
  for (Value item; items.next(item);) taken.push_back(item);
  for (std::size_t i = 0; i < parts.size(); ++i) assign(parts[i], taken[i]);
}

void Engine::set_member(NodeId target, const Value& value) {
  const Value space = evaluate(ast_.kid(target, 0));
  const auto* data = object_as<NamespaceData>(space, ObjectKind::kNamespace);
  if (data == nullptr) refuse("a namespace to set a member of", space);
  const std::string_view name = ast_.name(ast_.node(target).name);
  Members& members = namespaces_[data->index];
  meter_.step(members.size() / 16);
  for (auto& [key, held] : members) {
    if (key.as_string() == name) {
      held = value;
      return;
    }
  }
  Value key = make_text(meter_, name, Origin::kTemplate);
  members.emplace_back(std::move(key), value);
}

Value Engine::macro(NodeId params, NodeId body, NameId name, const Node& node) {
  Making<MacroData> data(&meter_);
  data->params = params;
  data->body = body;
  data->name = name;
  data->takes_caller = node.uses_caller;
  data->takes_rest = node.takes_rest;
  data->takes_named = node.takes_named;
  data->scope = static_cast<std::uint32_t>(scopes_.size() - 1);
  data->scope_serial = scopes_.back().serial;
  return data.done(Kind::kObject, Origin::kTemplate);
}

}  // namespace moxie::text
