// SPDX-License-Identifier: Apache-2.0
#include "text/template/engine.hpp"
#include "text/template/methods.hpp"
#include "text/template/time_format.hpp"

namespace moxie::inline abi1::text {

namespace {

constexpr std::int64_t kMaxRange = 100'000;  // as the sandbox of Jinja has it

constexpr struct {
  std::string_view name;
  Function function;
} kFunctions[] = {{"range", Function::kRange},
                  {"dict", Function::kDict},
                  {"namespace", Function::kNamespace},
                  {"raise_exception", Function::kRaiseException},
                  {"strftime_now", Function::kStrftimeNow},
                  {"cycler", Function::kCycler},
                  {"joiner", Function::kJoiner}};

Value bound_method(Meter& meter, const Value& receiver, std::uint16_t method) {
  return Making<MethodData>(&meter, receiver, method).done(Kind::kObject, Origin::kTemplate);
}

}  // namespace

void Engine::define_builtins(NameId name) {
  for (const auto& [known, function] : kFunctions) {
    if (ast_.name(name) == known) {
      set(name, Making<FunctionData>(&meter_, function).done(Kind::kObject, Origin::kTemplate));
    }
  }
}

Value Engine::call(const Value& callee, Arguments& arguments) {
  const Depth depth(*this);
  ObjectData* object = object_of(callee);
  if (object == nullptr) refuse("something that can be called", callee);
  switch (object->what) {
    case ObjectKind::kMacro: return call_macro(static_cast<const MacroData&>(*object), arguments);
    case ObjectKind::kFunction: return call_function(static_cast<FunctionData&>(*object).function, arguments);
    case ObjectKind::kMethod: {
      const auto& method = static_cast<const MethodData&>(*object);
      return call_method(*this, method.receiver, method.method, arguments);
    }
    case ObjectKind::kJoiner: {
      arguments.bind_none("joiner");
      auto& joiner = static_cast<JoinerData&>(*object);
      return std::exchange(joiner.used, true) ? joiner.separator : make_text(meter_, {}, Origin::kTemplate);
    }
    case ObjectKind::kLoop: fail(Code::kUnsupported, "loops that do not call themselves", "'loop(...)'");
    default: fail(Code::kFormat, "something that can be called", "a namespace or cycler");
  }
}

Value Engine::call_macro(const MacroData& macro, Arguments& arguments) {
  if (macro.scope >= scopes_.size() || scopes_[macro.scope].serial != macro.scope_serial) {
    fail(Code::kUnsupported, "macros that are called where they can be seen", "a call after their block ended");
  }
  const auto params = ast_.kids(macro.params);
  const std::string_view name = macro.name == kNoName ? std::string_view("caller") : ast_.name(macro.name);
  if (arguments.positional.size() > params.size() && !macro.takes_rest) {
    fail(Code::kFormat, Text("at most ", params.size(), " argument(s) of '", name, "'"),
         Text(arguments.positional.size()));
  }
  const InScope scope(*this, macro.scope);
  std::size_t used = 0;
  for (std::size_t i = 0; i < params.size(); ++i) {
    const NameId param = ast_.node(params[i]).name;
    if (i < arguments.positional.size()) {
      set(param, arguments.positional[i]);
      continue;
    }
    const Value* given = nullptr;
    for (const Arguments::Named& each : arguments.named) {
      if (each.name == ast_.name(param)) given = &each.value;
    }
    if (given != nullptr) {
      ++used;
      set(param, *given);
    } else if (const NodeId fallback = ast_.kid(params[i], 0); fallback != 0) {
      set(param, evaluate(fallback));
    } else {
      set(param, Value());
    }
  }
  if (macro.takes_caller) {
    bool is_param = false;
    for (const NodeId param : params) is_param = is_param || ast_.node(param).name == caller_name_;
    const Value* given = nullptr;
    for (const Arguments::Named& each : arguments.named) {
      if (each.name == "caller") given = &each.value;
    }
    // Without one it is undefined, also where a macro around this one has a caller.
    if (!is_param) set(caller_name_, given == nullptr ? Value() : *given);
    if (!is_param && given != nullptr) ++used;
  }
  if (macro.takes_rest) {
    MeteredVector<Value> rest = new_items(meter_);
    for (std::size_t i = params.size(); i < arguments.positional.size(); ++i) rest.push_back(arguments.positional[i]);
    set(varargs_name_, make_sequence(meter_, Shape::kTuple, std::move(rest)));
  }
  if (macro.takes_named) {
    MapMaker named(meter_);
    for (const Arguments::Named& each : arguments.named) {
      const bool caller = macro.takes_caller && each.name == "caller";
      bool is_param = false;  // that was not given already
      for (std::size_t i = arguments.positional.size(); i < params.size(); ++i) {
        is_param = is_param || ast_.name(ast_.node(params[i]).name) == each.name;
      }
      if (caller || is_param) continue;
      ++used;
      named.set(make_text(meter_, each.name, Origin::kTemplate), each.value);
    }
    set(kwargs_name_, named.done(Origin::kTemplate));
  }
  if (used != arguments.named.size()) {
    fail(Code::kFormat, Text("arguments that '", name, "' has, each once"), "another");
  }
  Capture capture(*this);
  execute(macro.body);
  return capture.done();
}

Value Engine::make_range(Arguments& arguments) {
  const auto [first, second, third] = arguments.bind("range", {"start", "stop", "step"}, 1);
  if (!arguments.named.empty()) fail(Code::kFormat, "arguments of 'range' without names", "one with a name");
  const std::int64_t start = second == nullptr ? 0 : whole_argument(first, 0, "start of range");
  const std::int64_t stop = whole_argument(second == nullptr ? first : second, 0, "end of range");
  const std::int64_t step = whole_argument(third, 1, "step of range");
  if (step == 0) fail(Code::kFormat, "a step of range other than 0", "0");
  const bool empty = step > 0 ? start >= stop : start <= stop;
  const std::uint64_t distance = step > 0 ? static_cast<std::uint64_t>(stop) - static_cast<std::uint64_t>(start)
                                          : static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(stop);
  const std::uint64_t stride = step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t count = empty ? 0 : (distance - 1) / stride + 1;
  if (count > static_cast<std::uint64_t>(kMaxRange)) {
    fail(Code::kBudget, Text("a range of at most ", kMaxRange, " numbers"), Text(count));
  }
  meter_.step(count);
  Making<SequenceData> range(&meter_, Shape::kRange);
  range->items.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    range->items.push_back(Value(start + static_cast<std::int64_t>(i) * (i == 0 ? 0 : step), Origin::kTemplate));
  }
  range->start = start, range->stop = stop, range->step = step;
  seal(*range);
  return range.done(Kind::kSequence, Origin::kTemplate);
}

// dict(other, key=value): a mapping or pairs, then keywords.
Value Engine::make_dict(Arguments& arguments) {
  MapMaker map(meter_);
  if (arguments.positional.size() > 1) fail(Code::kFormat, "at most 1 argument of 'dict' without a name", "more");
  for (const Value& from : arguments.positional) {
    if (from.is(Kind::kMap)) {
      for (const Entry& entry : map_of(from).entries) map.set(entry.key, entry.value);
      continue;
    }
    Iteration pairs(meter_, from);
    for (Value pair; pairs.next(pair);) {
      Iteration parts(meter_, pair);
      if (parts.left() != 2) fail(Code::kFormat, "pairs of a key and a value", Text(parts.left(), " values"));
      Value key, value;
      parts.next(key), parts.next(value);
      map.set(key, value);
    }
  }
  for (const Arguments::Named& each : arguments.named) {
    map.set(make_text(meter_, each.name, Origin::kTemplate), each.value);
  }
  return map.done(Origin::kTemplate);
}

Value Engine::make_namespace(Arguments& arguments) {
  const Value members = make_dict(arguments);
  Making<NamespaceData> data(&meter_);
  data->index = namespaces_.size();
  namespaces_.emplace_back(MeterAllocator<std::pair<Value, Value>>(&meter_));
  for (const Entry& entry : map_of(members).entries) namespaces_.back().emplace_back(entry.key, entry.value);
  return data.done(Kind::kObject, Origin::kTemplate);
}

Value Engine::call_function(Function function, Arguments& arguments) {
  switch (function) {
    case Function::kRange: return make_range(arguments);
    case Function::kDict: return make_dict(arguments);
    case Function::kNamespace: return make_namespace(arguments);
    case Function::kRaiseException: {
      const auto [message] = arguments.bind("raise_exception", {"message"}, 1);
      const Value text = text_of(meter_, *message);
      fail(Code::kInvalidArgument, "messages that the template accepts", text.as_string());
    }
    case Function::kStrftimeNow: {
      const auto [format] = arguments.bind("strftime_now", {"format"}, 1);
      return format_time(meter_, string_argument(format, "format of strftime_now"), now_);
    }
    case Function::kCycler: {
      if (arguments.positional.empty() || !arguments.named.empty()) {
        fail(Code::kFormat, "values for 'cycler'", "none, or one with a name");
      }
      Making<CyclerData> data(&meter_);
      data->items = arguments.positional;
      for (const Value& item : data->items) data->depth = std::max(data->depth, Payload::depth_of(item));
      ++data->depth;
      return data.done(Kind::kObject, Origin::kTemplate);
    }
    case Function::kJoiner: {
      const auto [separator] = arguments.bind("joiner", {"sep"});
      Making<JoinerData> data(&meter_);
      data->separator = separator == nullptr ? make_text(meter_, ", ", Origin::kTemplate) : *separator;
      data->depth = static_cast<std::uint16_t>(Payload::depth_of(data->separator) + 1);
      return data.done(Kind::kObject, Origin::kTemplate);
    }
  }
  return {};
}

Value Engine::loop_attribute(const LoopData& loop, std::string_view name) {
  const auto number = [](std::size_t n) { return Value(static_cast<std::int64_t>(n), Origin::kTemplate); };
  if (name == "index") return number(loop.index0 + 1);
  if (name == "index0") return number(loop.index0);
  if (name == "revindex") return number(loop.length - loop.index0);
  if (name == "revindex0") return number(loop.length - loop.index0 - 1);
  if (name == "first") return Value(loop.index0 == 0, Origin::kTemplate);
  if (name == "last") return Value(loop.index0 + 1 == loop.length, Origin::kTemplate);
  if (name == "length") return number(loop.length);
  if (name == "depth") return number(1);
  if (name == "depth0") return number(0);
  if (name == "previtem") return loop.previous;
  if (name == "nextitem") return loop.next;
  return {};
}

Value Engine::attribute(const Value& value, std::string_view name) {
  meter_.step();
  if (const auto* loop = object_as<LoopData>(value, ObjectKind::kLoop)) {
    if (const std::uint16_t method = find_method(value, name); method != kNoMethod) {
      return bound_method(meter_, value, method);
    }
    return loop_attribute(*loop, name);
  }
  if (const auto* space = object_as<NamespaceData>(value, ObjectKind::kNamespace)) {
    const Members& members = namespaces_[space->index];
    meter_.step(members.size() / 16);
    for (const auto& [key, held] : members) {
      if (key.as_string() == name) return held;
    }
    return {};
  }
  if (const auto* cycler = object_as<CyclerData>(value, ObjectKind::kCycler); cycler != nullptr && name == "current") {
    return cycler->items[cycler->position];
  }
  // What Python keeps behind underscores is no data.
  if (name.starts_with("__") && name.ends_with("__")) return {};
  if (const std::uint16_t method = find_method(value, name); method != kNoMethod) {
    return is_refused(method) ? Value() : bound_method(meter_, value, method);
  }
  if (value.is(Kind::kMap)) {
    const Entry* entry = find(map_of(value), name, &meter_);
    return entry == nullptr ? Value() : entry->value;
  }
  if (value.is(Kind::kSequence) && sequence_of(value).shape == Shape::kGroup) {
    if (name == "grouper") return sequence_of(value).items[0];
    if (name == "list") return sequence_of(value).items[1];
  }
  refuse_attribute(value, name);
  return {};
}

Value Engine::item(const Value& value, const Value& index) {
  if (value.is(Kind::kUndefined)) fail(Code::kFormat, "something defined in front of '['", "something undefined");
  Value found = item_of(meter_, value, index);
  if (!found.is(Kind::kUndefined) || !index.is(Kind::kString)) return found;
  // A map with that key is done with; anything else may have an attribute of that name.
  if (value.is(Kind::kMap) && find(map_of(value), index, &meter_) != nullptr) return found;
  return attribute(value, index.as_string());
}

}  // namespace moxie::text
