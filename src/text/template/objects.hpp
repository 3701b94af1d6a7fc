// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "text/template/ast.hpp"
#include "text/template/operators.hpp"
#include "text/template/payload.hpp"

namespace moxie::inline abi1::text {

enum class ObjectKind : std::uint8_t { kNamespace, kMacro, kLoop, kMethod, kFunction, kCycler, kJoiner, kLongNumber };

enum class Function : std::uint8_t { kRange, kDict, kNamespace, kRaiseException, kStrftimeNow, kCycler, kJoiner };

/// What is no data: things that can be called, or hold state. They live in one render and never leave it.
struct ObjectData : Payload {
  ObjectData(Meter* owner, ObjectKind k) : Payload(owner), what(k) {}
  ObjectKind what;
};

/// A namespace is the one thing that can come to contain itself. So the engine owns its members, and values only
/// know its number: no cycle of references can keep memory, and nothing walks into it.
struct NamespaceData final : ObjectData {
  explicit NamespaceData(Meter* owner) : ObjectData(owner, ObjectKind::kNamespace) {}
  std::size_t index = 0;
};

/// A macro or the body of a call block, with the scope that it was written in.
struct MacroData final : ObjectData {
  explicit MacroData(Meter* owner) : ObjectData(owner, ObjectKind::kMacro) {}
  NodeId params = 0;
  NodeId body = 0;
  NameId name = 0;
  bool takes_caller = false;
  bool takes_rest = false;   // as `varargs`
  bool takes_named = false;  // as `kwargs`
  std::uint32_t scope = 0;
  std::uint64_t scope_serial = 0;
};

struct LoopData final : ObjectData {
  explicit LoopData(Meter* owner) : ObjectData(owner, ObjectKind::kLoop) {}
  std::size_t index0 = 0;
  std::size_t length = 0;
  std::size_t depth0 = 0;
  Value previous, next;  // undefined at the ends
  Value changed;         // what changed() was asked last: a tuple
  bool asked = false;
};

struct MethodData final : ObjectData {
  MethodData(Meter* owner, const Value& of, std::uint16_t which)
      : ObjectData(owner, ObjectKind::kMethod), receiver(of), method(which) {
    depth = static_cast<std::uint16_t>(depth_of(of) + 1);
  }
  Value receiver;
  std::uint16_t method;  // in the table of methods
};

struct FunctionData final : ObjectData {
  FunctionData(Meter* owner, Function f) : ObjectData(owner, ObjectKind::kFunction), function(f) {}
  Function function;
};

struct CyclerData final : ObjectData {
  explicit CyclerData(Meter* owner) : ObjectData(owner, ObjectKind::kCycler), items(MeterAllocator<Value>(owner)) {}
  MeteredVector<Value> items;
  std::size_t position = 0;
};

struct JoinerData final : ObjectData {
  explicit JoinerData(Meter* owner) : ObjectData(owner, ObjectKind::kJoiner) {}
  Value separator;
  bool used = false;
};

/// A whole number beyond 64 bits, as it was written: it can be shown and compared, not reckoned with.
struct LongNumberData final : ObjectData {
  LongNumberData(Meter* owner, std::string_view written)
      : ObjectData(owner, ObjectKind::kLongNumber), digits(written, MeterAllocator<char>(owner)) {
    weight = written.size();
  }
  MeteredString digits;
};

inline ObjectData* object_of(const Value& value) noexcept {
  return value.is(Kind::kObject) ? &static_cast<ObjectData&>(Payload::held(value)) : nullptr;
}
template <class T>
T* object_as(const Value& value, ObjectKind kind) noexcept {
  ObjectData* object = object_of(value);
  return object != nullptr && object->what == kind ? static_cast<T*>(object) : nullptr;
}

/// What is known to be there.
template <class T>
T& object_in(const Value& value) noexcept {
  return static_cast<T&>(Payload::held(value));
}

inline bool is_long_number(const Value& value) noexcept {
  return object_as<LongNumberData>(value, ObjectKind::kLongNumber) != nullptr;
}
inline std::string_view digits_of(const Value& value) noexcept { return object_in<LongNumberData>(value).digits; }

bool same_object(const Value& a, const Value& b) noexcept;
/// Fails for a text that was escaped: Markup's operators escape the other side, and no chat template needs that.
void refuse_markup(const Value& value);
/// `key` where it can be one; fails for lists, mappings and objects.
const Value& checked_key(const Value& key);

}  // namespace moxie::text
