// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <moxie/text/value.hpp>

#include "text/template/meter.hpp"

namespace moxie::inline abi1::text {

using Kind = Value::Kind;

/// What a Value of more than one word points to: counted, immutable but for what is said, and as deep as it
/// knows, so that nothing which walks a value can be led deeper than Value::kMaxDepth.
struct Payload {
  explicit Payload(Meter* owner) noexcept : meter(owner) {}
  Payload(const Payload&) = delete;
  Payload& operator=(const Payload&) = delete;
  virtual ~Payload() = default;

  static Payload* of(const Value& value) noexcept { return value.has_payload() ? value.word_.payload : nullptr; }
  /// Of a kind that has one.
  static Payload& held(const Value& value) noexcept { return *value.word_.payload; }
  static Value wrap(Kind kind, Origin origin, Payload* payload) noexcept { return {kind, origin, payload}; }
  static void retain(Payload* payload) noexcept { payload->refs.fetch_add(1, std::memory_order_relaxed); }
  static std::uint16_t depth_of(const Value& value) noexcept {
    const Payload* payload = of(value);
    return payload == nullptr ? std::uint16_t{0} : payload->depth;
  }

  Meter* meter;
  std::atomic<std::uint32_t> refs{1};
  std::uint32_t size = 0;    // bytes of the object itself, charged to the meter
  std::uint16_t depth = 0;   // 0 for strings; a container is one deeper than the deepest in it
  std::uint64_t weight = 0;  // bytes of everything below, counted as often as it occurs; saturates
};

template <class T, class... Args>
T* make_payload(Meter* meter, Args&&... args) {
  if (meter != nullptr) meter->take(sizeof(T));
  try {
    T* made = new T(meter, std::forward<Args>(args)...);
    made->size = sizeof(T);
    return made;
  } catch (...) {
    if (meter != nullptr) meter->give(sizeof(T));
    throw;
  }
}

/// The bytes up to `end`, from where the run before ended, have this origin.
struct Run {
  std::size_t end;
  Origin origin;
};

struct StringData final : Payload {
  explicit StringData(Meter* owner)
      : Payload(owner), text(MeterAllocator<char>(owner)), runs(MeterAllocator<Run>(owner)) {}

  MeteredString text;
  MeteredVector<Run> runs;  // none: all of it has the Value's origin
  std::size_t points = 0;   // characters
  bool markup = false;      // was escaped
  [[nodiscard]] bool ascii() const noexcept { return points == text.size(); }
};

/// What kind of sequence it is, where Python makes a difference. kGroup: a tuple of groupby.
enum class Shape : std::uint8_t { kList, kTuple, kGroup, kRange, kKeys, kValues, kItems, kGenerator };

struct SequenceData final : Payload {
  SequenceData(Meter* owner, Shape s) : Payload(owner), items(MeterAllocator<Value>(owner)), shape(s) {}

  MeteredVector<Value> items;
  Shape shape;
  std::size_t cursor = 0;                      // kGenerator: what was already taken. The one thing that changes.
  std::int64_t start = 0, stop = 0, step = 1;  // kRange, as it is printed
};

struct Entry {
  Value key;
  Value value;
};

struct MapData final : Payload {
  explicit MapData(Meter* owner)
      : Payload(owner), entries(MeterAllocator<Entry>(owner)), order(MeterAllocator<std::uint32_t>(owner)) {}

  MeteredVector<Entry> entries;
  MeteredVector<std::uint32_t> order;  // string keys sorted, for maps of more than a few
};

/// Sets depth and weight once the contents are in; fails beyond Value::kMaxDepth.
void seal(SequenceData& sequence);
void seal(MapData& map);

inline const StringData& string_of(const Value& value) noexcept {
  return static_cast<const StringData&>(Payload::held(value));
}
inline SequenceData& sequence_of(const Value& value) noexcept {
  return static_cast<SequenceData&>(Payload::held(value));
}
inline const MapData& map_of(const Value& value) noexcept { return static_cast<const MapData&>(Payload::held(value)); }

/// The entry with that key, compared as Python's dict does; null where there is none. Charges `meter`.
const Entry* find(const MapData& map, const Value& key, Meter* meter);
const Entry* find(const MapData& map, std::string_view key, Meter* meter);

/// A payload that frees itself unless it is handed over: values under construction.
template <class T>
class Making {
 public:
  template <class... Args>
  explicit Making(Meter* meter, Args&&... args) : made_(make_payload<T>(meter, std::forward<Args>(args)...)) {}
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;
  ~Making() {
    if (made_ == nullptr) return;
    [[maybe_unused]] const Value dropped = Payload::wrap(Kind::kObject, Origin::kTemplate, made_);
  }
  T* operator->() noexcept { return made_; }
  const T* operator->() const noexcept { return made_; }
  T& operator*() noexcept { return *made_; }
  Value done(Kind kind, Origin origin) noexcept { return Payload::wrap(kind, origin, std::exchange(made_, nullptr)); }

 private:
  T* made_;
};

}  // namespace moxie::text
