// SPDX-License-Identifier: Apache-2.0
#include "text/template/methods.hpp"

#include <algorithm>
#include <iterator>

#include "text/template/engine.hpp"
#include "text/template/string_methods.hpp"

namespace moxie::inline abi1::text {

namespace {

enum class Owner : std::uint8_t { kString, kMap, kList, kTuple, kLoop, kCycler, kNone };

Owner owner_of(const Value& value) noexcept {
  if (value.is(Kind::kString)) return Owner::kString;
  if (value.is(Kind::kMap)) return Owner::kMap;
  if (value.is(Kind::kSequence)) {
    const Shape shape = sequence_of(value).shape;
    if (shape == Shape::kList) return Owner::kList;
    if (shape <= Shape::kRange) return Owner::kTuple;
  }
  if (const ObjectData* object = object_of(value)) {
    if (object->what == ObjectKind::kLoop) return Owner::kLoop;
    if (object->what == ObjectKind::kCycler) return Owner::kCycler;
  }
  return Owner::kNone;
}

using Run = Value (*)(Engine&, const Value&, const Arguments&);

struct Method {
  Owner owner;
  std::string_view name;
  Run run;  // null: hidden by the sandbox
};

Value view(Engine& engine, const Value& map, Shape shape) {
  MeteredVector<Value> items = new_items(engine.meter());
  const auto& entries = map_of(map).entries;
  engine.meter().step(entries.size());
  items.reserve(entries.size());
  for (const Entry& entry : entries) {
    if (shape == Shape::kItems) {
      MeteredVector<Value> pair = new_items(engine.meter());
      pair.reserve(2);
      pair.push_back(entry.key), pair.push_back(entry.value);
      items.push_back(make_sequence(engine.meter(), Shape::kTuple, std::move(pair)));
    } else {
      items.push_back(shape == Shape::kKeys ? entry.key : entry.value);
    }
  }
  return make_sequence(engine.meter(), shape, std::move(items));
}

Value map_get(Engine& engine, const Value& map, const Arguments& arguments) {
  const auto [key, otherwise] = arguments.bind("get", {"key", "default"}, 1);
  if (!arguments.named.empty()) fail(Code::kFormat, "arguments of 'get' without names", "one with a name");
  const Entry* entry = find(map_of(map), checked_key(*key), &engine.meter());
  if (entry != nullptr) return entry->value;
  return otherwise == nullptr ? Value::null(Origin::kTemplate) : *otherwise;
}
Value map_items(Engine& engine, const Value& map, const Arguments& arguments) {
  arguments.bind_none("items");
  return view(engine, map, Shape::kItems);
}
Value map_keys(Engine& engine, const Value& map, const Arguments& arguments) {
  arguments.bind_none("keys");
  return view(engine, map, Shape::kKeys);
}
Value map_values(Engine& engine, const Value& map, const Arguments& arguments) {
  arguments.bind_none("values");
  return view(engine, map, Shape::kValues);
}
Value copy(Engine& /*engine*/, const Value& value, const Arguments& arguments) {
  arguments.bind_none("copy");
  return value;
}

Value list_index(Engine& engine, const Value& list, const Arguments& arguments) {
  const auto [item, start, stop] = arguments.bind("index", {"value", "start", "stop"}, 1);
  const auto& items = sequence_of(list).items;
  const auto length = static_cast<std::int64_t>(items.size());
  const auto place = [length](std::int64_t at) {
    return std::clamp(at < 0 ? at + length : at, std::int64_t{0}, length);
  };
  const std::int64_t end = place(whole_argument(stop, length, "end of index"));
  for (std::int64_t i = place(whole_argument(start, 0, "start of index")); i < end; ++i) {
    if (equal(engine.meter(), items[static_cast<std::size_t>(i)], *item)) return Value(i, Origin::kTemplate);
  }
  fail(Code::kFormat, "an item that is in the list", "another");
}
Value list_count(Engine& engine, const Value& list, const Arguments& arguments) {
  const auto [item] = arguments.bind("count", {"value"}, 1);
  std::int64_t count = 0;
  for (const Value& each : sequence_of(list).items) count += equal(engine.meter(), each, *item) ? 1 : 0;
  return Value(count, Origin::kTemplate);
}

Value loop_cycle(Engine& /*engine*/, const Value& loop, const Arguments& arguments) {
  if (arguments.positional.empty() || !arguments.named.empty()) {
    fail(Code::kFormat, "values for 'cycle'", "none, or one with a name");
  }
  const auto& data = object_in<LoopData>(loop);
  return arguments.positional[data.index0 % arguments.positional.size()];
}

// Remembers what it was asked last. Only scalars: the loop itself among them would keep itself alive.
Value loop_changed(Engine& engine, const Value& loop, const Arguments& arguments) {
  auto& data = object_in<LoopData>(loop);
  if (!arguments.named.empty()) fail(Code::kFormat, "arguments of 'changed' without names", "one with a name");
  for (const Value& value : arguments.positional) {
    if (value.kind() > Kind::kString) fail(Code::kUnsupported, "numbers and strings for 'changed'", describe(value));
  }
  MeteredVector<Value> items = new_items(engine.meter());
  items.assign(arguments.positional.begin(), arguments.positional.end());
  Value now = make_sequence(engine.meter(), Shape::kTuple, std::move(items));
  const bool changed = !data.asked || !equal(engine.meter(), data.changed, now);
  data.asked = true;
  if (changed) data.changed = std::move(now);
  return Value(changed, Origin::kTemplate);
}

Value cycler_next(Engine& /*engine*/, const Value& cycler, const Arguments& arguments) {
  arguments.bind_none("next");
  auto& data = object_in<CyclerData>(cycler);
  const Value now = data.items[data.position];
  data.position = (data.position + 1) % data.items.size();
  return now;
}
Value cycler_reset(Engine& /*engine*/, const Value& cycler, const Arguments& arguments) {
  arguments.bind_none("reset");
  object_in<CyclerData>(cycler).position = 0;
  return Value::null(Origin::kTemplate);
}

constexpr Method kMethods[] = {
    {Owner::kMap, "clear", nullptr},
    {Owner::kMap, "copy", copy},
    {Owner::kMap, "get", map_get},
    {Owner::kMap, "items", map_items},
    {Owner::kMap, "keys", map_keys},
    {Owner::kMap, "pop", nullptr},
    {Owner::kMap, "popitem", nullptr},
    {Owner::kMap, "setdefault", nullptr},
    {Owner::kMap, "update", nullptr},
    {Owner::kMap, "values", map_values},
    {Owner::kList, "append", nullptr},
    {Owner::kList, "clear", nullptr},
    {Owner::kList, "copy", copy},
    {Owner::kList, "count", list_count},
    {Owner::kList, "extend", nullptr},
    {Owner::kList, "index", list_index},
    {Owner::kList, "insert", nullptr},
    {Owner::kList, "pop", nullptr},
    {Owner::kList, "remove", nullptr},
    {Owner::kList, "reverse", nullptr},
    {Owner::kList, "sort", nullptr},
    {Owner::kTuple, "count", list_count},
    {Owner::kTuple, "index", list_index},
    {Owner::kLoop, "cycle", loop_cycle},
    {Owner::kLoop, "changed", loop_changed},
    {Owner::kCycler, "next", cycler_next},
    {Owner::kCycler, "reset", cycler_reset},
};
constexpr std::uint16_t kStringMethods = 0x4000;  // from here on: methods of strings

}  // namespace

std::uint16_t find_method(const Value& value, std::string_view name) {
  const Owner owner = owner_of(value);
  if (owner == Owner::kString) {
    const std::uint16_t found = find_string_method(name);
    return found == kNoMethod ? kNoMethod : static_cast<std::uint16_t>(found + kStringMethods);
  }
  const auto* at = std::find_if(std::begin(kMethods), std::end(kMethods),
                                [&](const Method& method) { return method.owner == owner && method.name == name; });
  return at == std::end(kMethods) ? kNoMethod : static_cast<std::uint16_t>(at - std::begin(kMethods));
}

bool is_refused(std::uint16_t method) noexcept { return method < kStringMethods && kMethods[method].run == nullptr; }

Value call_method(Engine& engine, const Value& receiver, std::uint16_t method, const Arguments& arguments) {
  engine.meter().step();
  if (method >= kStringMethods) {
    return call_string_method(engine, receiver, static_cast<std::uint16_t>(method - kStringMethods), arguments);
  }
  return kMethods[method].run(engine, receiver, arguments);
}

void refuse_attribute(const Value& value, std::string_view name) {
  static constexpr std::string_view kOfNumbers[] = {
      "real",     "imag",       "numerator",  "denominator",      "conjugate", "bit_length", "bit_count",
      "to_bytes", "from_bytes", "is_integer", "as_integer_ratio", "hex",       "fromhex"};
  static constexpr std::string_view kOfObjects[] = {
      "name", "arguments", "catch_kwargs", "catch_varargs", "caller",  "items",      "pos",      "sep",
      "used", "start",     "stop",         "step",          "mapping", "isdisjoint", "fromkeys", "explicit_caller"};
  const bool number =
      is_number(value) && std::find(std::begin(kOfNumbers), std::end(kOfNumbers), name) != std::end(kOfNumbers);
  const bool object = (value.is(Kind::kObject) || value.is(Kind::kSequence)) &&
                      std::find(std::begin(kOfObjects), std::end(kOfObjects), name) != std::end(kOfObjects);
  if (number || object) fail(Code::kUnsupported, "attributes that are data", Text("'", name, "' of ", describe(value)));
}

std::int64_t whole_argument(const Value* argument, std::int64_t otherwise, std::string_view what, bool or_none) {
  if (argument == nullptr || (or_none && argument->is(Kind::kNull))) return otherwise;
  if (!is_whole(*argument)) refuse(Text("a whole number as ", what), *argument);
  return whole_of(*argument);
}

bool truth_argument(const Value* argument, bool otherwise) noexcept {
  return argument == nullptr ? otherwise : truthy(*argument);
}

const Value& string_argument(const Value* argument, std::string_view what) {
  if (argument == nullptr || !argument->is(Kind::kString)) {
    refuse(Text("a string as ", what), argument == nullptr ? Value() : *argument);
  }
  return *argument;
}

}  // namespace moxie::text
