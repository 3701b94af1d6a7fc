// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include "text/template/filters.hpp"
#include "text/template/methods.hpp"

namespace moxie::inline abi1::text {

namespace {

using Question = bool (*)(Engine&, const Value& input, const Value* argument);

enum class Wants : std::uint8_t { kNothing, kOne };

bool is_whole_number(Engine& /*engine*/, const Value& v, const Value*) { return v.is(Kind::kInt); }

// value % divisor == remainder, as Python computes it.
bool leaves(Engine& engine, const Value& value, const Value& divisor, std::int64_t remainder) {
  const Value rest = arithmetic(engine.meter(), Operator::kModulo, value, divisor);
  return equal(engine.meter(), rest, Value(remainder));
}

bool is_callable(const Value& value) noexcept {
  const ObjectData* object = object_of(value);
  return value.is(Kind::kUndefined) ||
         (object != nullptr && object->what != ObjectKind::kNamespace && object->what != ObjectKind::kCycler);
}

// Python's `is`, as far as values without identity have one: numbers and strings are refused rather than guessed.
bool same(Engine& engine, const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.kind() == Kind::kBool) return a.as_bool() == b.as_bool();
  if (a.kind() == Kind::kNull) return true;
  if (a.kind() == Kind::kUndefined) return false;
  if (a.kind() > Kind::kString && Payload::of(a) == Payload::of(b)) return true;
  if (!equal(engine.meter(), a, b)) return false;
  if (a.kind() > Kind::kString) return a.is(Kind::kObject);
  fail(Code::kUnsupported, "'sameas' for true, false and none ('==' for the others)", describe(a));
}

bool has_case(Engine& engine, const Value& value, std::string_view method) {
  const Value text = text_of(engine.meter(), value);
  return call_method(engine, text, find_method(text, method), Arguments(engine.meter())).as_bool();
}

constexpr struct {
  std::string_view name;
  Wants wants;
  Question ask;
} kTests[] = {
    {"defined", Wants::kNothing, [](Engine&, const Value& v, const Value*) { return !v.is(Kind::kUndefined); }},
    {"undefined", Wants::kNothing, [](Engine&, const Value& v, const Value*) { return v.is(Kind::kUndefined); }},
    {"none", Wants::kNothing, [](Engine&, const Value& v, const Value*) { return v.is(Kind::kNull); }},
    {"boolean", Wants::kNothing, [](Engine&, const Value& v, const Value*) { return v.is(Kind::kBool); }},
    {"true", Wants::kNothing, [](Engine&, const Value& v, const Value*) { return v.is(Kind::kBool) && v.as_bool(); }},
    {"false", Wants::kNothing, [](Engine&, const Value& v, const Value*) { return v.is(Kind::kBool) && !v.as_bool(); }},
    {"integer", Wants::kNothing, is_whole_number},
    {"float", Wants::kNothing, [](Engine&, const Value& v, const Value*) { return v.is(Kind::kReal); }},
    {"number", Wants::kNothing,
     [](Engine&, const Value& v, const Value*) { return is_number(v) || is_long_number(v); }},
    {"string", Wants::kNothing, [](Engine&, const Value& v, const Value*) { return v.is(Kind::kString); }},
    {"mapping", Wants::kNothing, [](Engine&, const Value& v, const Value*) { return v.is(Kind::kMap); }},
    {"iterable", Wants::kNothing,
     [](Engine&, const Value& v, const Value*) {
       return iterable(v) || object_as<LoopData>(v, ObjectKind::kLoop) != nullptr;
     }},
    {"sequence", Wants::kNothing,
     [](Engine&, const Value& v, const Value*) {
       if (v.is(Kind::kSequence)) return sequence_of(v).shape <= Shape::kRange;
       return v.is(Kind::kUndefined) || v.is(Kind::kString) || v.is(Kind::kMap);
     }},
    {"callable", Wants::kNothing, [](Engine&, const Value& v, const Value*) { return is_callable(v); }},
    {"escaped", Wants::kNothing,
     [](Engine&, const Value& v, const Value*) { return v.is(Kind::kString) && string_of(v).markup; }},
    {"lower", Wants::kNothing, [](Engine& e, const Value& v, const Value*) { return has_case(e, v, "islower"); }},
    {"upper", Wants::kNothing, [](Engine& e, const Value& v, const Value*) { return has_case(e, v, "isupper"); }},
    {"odd", Wants::kNothing, [](Engine& e, const Value& v, const Value*) { return leaves(e, v, Value(2), 1); }},
    {"even", Wants::kNothing, [](Engine& e, const Value& v, const Value*) { return leaves(e, v, Value(2), 0); }},
    {"divisibleby", Wants::kOne, [](Engine& e, const Value& v, const Value* by) { return leaves(e, v, *by, 0); }},
    {"sameas", Wants::kOne, [](Engine& e, const Value& v, const Value* other) { return same(e, v, *other); }},
    {"filter", Wants::kNothing,
     [](Engine&, const Value& v, const Value*) {
       return checked_key(v).is(Kind::kString) && find_filter(v.as_string()) != nullptr;
     }},
    {"test", Wants::kNothing,
     [](Engine&, const Value& v, const Value*) { return checked_key(v).is(Kind::kString) && is_test(v.as_string()); }},
};

constexpr struct {
  std::string_view name;
  Operator op;
} kComparisons[] = {
    {"==", Operator::kEqual},        {"eq", Operator::kEqual},
    {"equalto", Operator::kEqual},   {"!=", Operator::kNotEqual},
    {"ne", Operator::kNotEqual},     {">", Operator::kGreater},
    {"gt", Operator::kGreater},      {"greaterthan", Operator::kGreater},
    {">=", Operator::kGreaterEqual}, {"ge", Operator::kGreaterEqual},
    {"<", Operator::kLess},          {"lt", Operator::kLess},
    {"lessthan", Operator::kLess},   {"<=", Operator::kLessEqual},
    {"le", Operator::kLessEqual},    {"in", Operator::kIn},
};

}  // namespace

bool is_test(std::string_view name) noexcept {
  const auto has_name = [name](const auto& entry) { return entry.name == name; };
  return std::any_of(std::begin(kTests), std::end(kTests), has_name) ||
         std::any_of(std::begin(kComparisons), std::end(kComparisons), has_name);
}

bool Engine::test(std::string_view name, const Value& input, Arguments& arguments) {
  const Depth depth(*this);
  meter_.step();
  for (const auto& comparison : kComparisons) {
    if (comparison.name != name) continue;
    const auto [other] = arguments.bind("a comparison", {"other"}, 1);
    return compare(meter_, comparison.op, input, *other);
  }
  for (const auto& entry : kTests) {
    if (entry.name != name) continue;
    if (entry.wants == Wants::kNothing) {
      arguments.bind_none(name);
      return entry.ask(*this, input, nullptr);
    }
    const auto [other] = arguments.bind(name, {name == "sameas" ? "other" : "num"}, 1);
    return entry.ask(*this, input, other);
  }
  fail(Code::kFormat, "a test of Jinja", Text("'", name, "'"));
}

}  // namespace moxie::text
