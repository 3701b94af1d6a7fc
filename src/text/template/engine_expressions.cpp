// SPDX-License-Identifier: Apache-2.0
#include "text/template/engine.hpp"

namespace moxie::inline abi1::text {

namespace {

[[noreturn]] [[gnu::noinline]] void undefined_object(std::string_view object, std::string_view access) {
  fail(Code::kFormat, Text("something defined in front of ", access), Text("'", object, "', which is not"));
}

}  // namespace

Value Engine::lookup(NameId name) {
  std::size_t scope = scopes_.size() - 1;
  while (true) {
    const std::size_t first = scopes_[scope].first_variable;
    const std::size_t end = scope + 1 < scopes_.size() ? scopes_[scope + 1].first_variable : variables_.size();
    meter_.step((end - first) / 16);
    for (std::size_t i = first; i < end; ++i) {
      if (variables_[i].name == name) return variables_[i].value;
    }
    if (scope == 0) return {};
    scope = scopes_[scope].parent;
  }
}

Value Engine::evaluate(NodeId id) {
  const Depth depth(*this);
  meter_.step();
  const Node& node = ast_.node(id);
  line_ = node.line;
  switch (node.kind) {
    case NodeKind::kConstant: return ast_.constant(id);
    case NodeKind::kName: return lookup(node.name);
    case NodeKind::kCaptured: return captured_;
    case NodeKind::kTuple: return evaluate_items(id, Shape::kTuple);
    case NodeKind::kList: return evaluate_items(id, Shape::kList);
    case NodeKind::kMap: return evaluate_map(id);
    case NodeKind::kConditional: {
      const bool chosen = truthy(evaluate(ast_.kid(id, 0)));
      const NodeId branch = ast_.kid(id, chosen ? 1 : 2);
      return branch == 0 ? Value() : evaluate(branch);
    }
    case NodeKind::kOr:
    case NodeKind::kAnd: {
      Value value;
      for (const NodeId operand : ast_.kids(id)) {
        value = evaluate(operand);
        if (truthy(value) == (node.kind == NodeKind::kOr)) break;
      }
      return value;
    }
    case NodeKind::kNot: {
      const Value value = evaluate(ast_.kid(id, 0));
      return Value(!truthy(value), value.origin());
    }
    case NodeKind::kNegative: return negative(meter_, evaluate(ast_.kid(id, 0)));
    case NodeKind::kPositive: {
      const Value value = evaluate(ast_.kid(id, 0));
      if (!is_number(value)) refuse("a number behind '+'", value);
      return value.is(Kind::kBool) ? Value(whole_of(value), value.origin()) : value;
    }
    case NodeKind::kArithmetic: return evaluate_arithmetic(id);
    case NodeKind::kConcat: return evaluate_concat(id);
    case NodeKind::kCompare: return evaluate_compare(id);
    case NodeKind::kAttribute: {
      const Value object = evaluate(ast_.kid(id, 0));
      if (object.is(Kind::kUndefined)) {
        const Node& kid = ast_.node(ast_.kid(id, 0));
        undefined_object(kid.kind == NodeKind::kName || kid.kind == NodeKind::kAttribute ? ast_.name(kid.name) : "it",
                         ast_.name(node.name));
      }
      return attribute(object, ast_.name(node.name));
    }
    case NodeKind::kItem: return evaluate_item(id);
    case NodeKind::kCall: return evaluate_call(id, nullptr);
    case NodeKind::kFilter: return evaluate_filter(id);
    case NodeKind::kTest: return evaluate_test(id);
    default: break;
  }
  fail(Code::kInternal, "an expression", "another node");
}

Value Engine::evaluate_items(NodeId id, Shape shape) {
  MeteredVector<Value> items = new_items(meter_);
  for (const NodeId kid : ast_.kids(id)) items.push_back(evaluate(kid));
  return make_sequence(meter_, shape, std::move(items));
}

Value Engine::evaluate_map(NodeId id) {
  MapMaker map(meter_);
  const auto kids = ast_.kids(id);
  for (std::size_t i = 0; i < kids.size(); i += 2) {
    const Value key = evaluate(kids[i]);
    map.set(key, evaluate(kids[i + 1]));
  }
  return map.done(Origin::kTemplate);
}

Value Engine::evaluate_arithmetic(NodeId id) {
  const auto kids = ast_.kids(id);
  Value value = evaluate(kids[0]);
  for (std::size_t i = 1; i < kids.size(); ++i) {
    value = arithmetic(meter_, ast_.kid_operator(id, i), value, evaluate(kids[i]));
  }
  return value;
}

Value Engine::evaluate_concat(NodeId id) {
  Builder builder(meter_);
  for (const NodeId kid : ast_.kids(id)) write_text(meter_, builder, evaluate(kid));
  return builder.done();
}

Value Engine::evaluate_compare(NodeId id) {
  const auto kids = ast_.kids(id);
  Value left = evaluate(kids[0]);
  Origin origin = left.origin();
  for (std::size_t i = 1; i < kids.size(); ++i) {
    Value right = evaluate(kids[i]);
    origin = join(origin, right.origin());
    if (!compare(meter_, ast_.kid_operator(id, i), left, right)) return Value(false, origin);
    left = std::move(right);
  }
  return Value(true, origin);
}

Value Engine::evaluate_item(NodeId id) {
  const Value object = evaluate(ast_.kid(id, 0));
  const NodeId index = ast_.kid(id, 1);
  if (object.is(Kind::kUndefined)) {
    const Node& kid = ast_.node(ast_.kid(id, 0));
    undefined_object(kid.kind == NodeKind::kName || kid.kind == NodeKind::kAttribute ? ast_.name(kid.name) : "it", "[");
  }
  if (ast_.node(index).kind != NodeKind::kSlice) return item(object, evaluate(index));
  Value bounds[3];
  const Value* given[3] = {};
  for (std::size_t i = 0; i < 3; ++i) {
    const NodeId bound = ast_.kid(index, i);
    if (bound == 0) continue;
    bounds[i] = evaluate(bound);
    given[i] = &bounds[i];
  }
  return slice_of(meter_, object, given[0], given[1], given[2]);
}

void Engine::evaluate_arguments(NodeId id, Arguments& into) {
  const auto add_named = [&](std::string_view name, Value value) {
    for (const Arguments::Named& each : into.named) {
      meter_.step();
      if (each.name == name) fail(Code::kFormat, "each argument once", Text("'", name, "' twice"));
    }
    into.named.push_back({name, std::move(value)});
  };
  for (const NodeId kid : ast_.kids(id).subspan(1)) {
    const Node& node = ast_.node(kid);
    if (node.kind == NodeKind::kKeyword) {
      add_named(ast_.name(node.name), evaluate(ast_.kid(kid, 0)));
    } else if (node.kind == NodeKind::kSpread) {
      Iteration items(meter_, evaluate(ast_.kid(kid, 0)));
      for (Value item; items.next(item);) into.positional.push_back(item);
    } else if (node.kind == NodeKind::kSpreadMap) {
      into.spread = evaluate(ast_.kid(kid, 0));
      if (!into.spread.is(Kind::kMap)) refuse("a mapping behind '**'", into.spread);
      for (const Entry& entry : map_of(into.spread).entries) {
        if (!entry.key.is(Kind::kString)) refuse("names of arguments", entry.key);
        add_named(entry.key.as_string(), entry.value);
      }
    } else {
      into.positional.push_back(evaluate(kid));
    }
  }
}

Value Engine::evaluate_call(NodeId id, const Value* caller) {
  const Value callee = evaluate(ast_.kid(id, 0));
  Arguments arguments(meter_);
  evaluate_arguments(id, arguments);
  if (caller != nullptr) arguments.named.push_back({"caller", *caller});
  if (!callee.is(Kind::kObject)) {
    const Node& kid = ast_.node(ast_.kid(id, 0));
    const bool named = kid.kind == NodeKind::kName || kid.kind == NodeKind::kAttribute;
    fail(Code::kFormat, "something that can be called",
         Text("'", named ? std::string_view(ast_.name(kid.name)) : "it", "', which is ", describe(callee)));
  }
  line_ = ast_.node(id).line;
  return call(callee, arguments);
}

Value Engine::evaluate_filter(NodeId id) {
  const Value input = evaluate(ast_.kid(id, 0));
  Arguments arguments(meter_);
  evaluate_arguments(id, arguments);
  line_ = ast_.node(id).line;
  return filter(ast_.name(ast_.node(id).name), input, arguments);
}

Value Engine::evaluate_test(NodeId id) {
  const Value input = evaluate(ast_.kid(id, 0));
  Arguments arguments(meter_);
  evaluate_arguments(id, arguments);
  line_ = ast_.node(id).line;
  return Value(test(ast_.name(ast_.node(id).name), input, arguments), Origin::kTemplate);
}

}  // namespace moxie::text
