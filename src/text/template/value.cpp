// SPDX-License-Identifier: Apache-2.0
#include <moxie/text/value.hpp>

#include <algorithm>
#include <limits>

#include <moxie/core/guard.hpp>

#include "text/template/payload.hpp"
#include "text/template/unicode.hpp"

namespace moxie::inline abi1 {

using text::Making;
using text::Payload;

Value Value::null(Origin origin) noexcept { return {Kind::kNull, origin, nullptr}; }
Value::Value(bool value, Origin origin) noexcept : kind_(Kind::kBool), origin_(origin) { word_.whole = value ? 1 : 0; }
Value::Value(std::int64_t value, Origin origin) noexcept : kind_(Kind::kInt), origin_(origin) { word_.whole = value; }
Value::Value(double value, Origin origin) noexcept : kind_(Kind::kReal), origin_(origin) { word_.real = value; }

Value::Value(const Value& other) noexcept : word_(other.word_), kind_(other.kind_), origin_(other.origin_) {
  if (has_payload()) Payload::retain(word_.payload);
}

void Value::release() noexcept {
  Payload* payload = word_.payload;
  if (payload->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  text::Meter* meter = payload->meter;
  const std::uint32_t size = payload->size;
  delete payload;
  if (meter != nullptr) meter->give(size);
}

std::string_view Value::as_string() const noexcept {
  if (kind_ != Kind::kString) return {};
  return text::string_of(*this).text;
}

namespace {

template <class Body>
Result<Value> made(std::string_view where, Body&& body) noexcept {
  Value value;
  MOXIE_TRY(guarded(where, [&]() -> Status {
    try {
      value = body();
    } catch (const text::Failure& failure) {
      return Status(failure.code, where, failure.status.needed(), failure.status.came());
    }
    return {};
  }));
  return value;
}

Value plain_string(std::string_view bytes, Origin origin) {
  Making<text::StringData> data(nullptr);
  data->text.assign(bytes);
  data->points = text::count_points(bytes);
  data->weight = bytes.size();
  return data.done(text::Kind::kString, origin);
}

}  // namespace

Result<Value> Value::string(std::string_view text, Origin origin) noexcept {
  return made("Value::string", [&] { return plain_string(text, origin); });
}

Result<Value> Value::list(std::span<const Value> items, Origin origin) noexcept {
  return made("Value::list", [&] {
    Making<text::SequenceData> data(nullptr, text::Shape::kList);
    data->items.reserve(items.size());
    for (const Value& item : items) data->items.push_back(item);
    text::seal(*data);
    return data.done(Kind::kSequence, origin);
  });
}

Result<Value> Value::map(std::span<const Member> members, Origin origin) noexcept {
  return made("Value::map", [&] {
    Making<text::MapData> data(nullptr);
    data->entries.reserve(members.size());
    // The places of keys, sorted: twins are found in n log n whatever the keys are.
    std::vector<std::size_t> order(members.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return members[a].key < members[b].key; });
    std::vector<std::size_t> last(members.size());  // of the same key; its own place where a later one is the first
    std::vector<bool> first(members.size(), false);
    for (std::size_t i = 0; i < order.size();) {
      std::size_t end = i + 1;
      while (end < order.size() && members[order[end]].key == members[order[i]].key) ++end;
      first[order[i]] = true;
      last[order[i]] = order[end - 1];
      i = end;
    }
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (!first[i]) continue;
      data->entries.push_back({plain_string(members[i].key, origin), members[last[i]].value});
    }
    text::seal(*data);
    return data.done(Kind::kMap, origin);
  });
}

namespace text {

namespace {

constexpr std::size_t kFewEntries = 12;  // up to here, looking at each is as fast as searching

void add_weight(Payload& payload, std::uint16_t& deepest, const Value& value) noexcept {
  constexpr std::uint64_t kMax = std::uint64_t{1} << 62U;
  payload.weight = std::min(kMax, payload.weight + sizeof(Value));
  if (const Payload* below = Payload::of(value)) {
    deepest = std::max(deepest, below->depth);
    payload.weight = std::min(kMax, payload.weight + sizeof(StringData) + below->weight);
  }
}

void set_depth(Payload& payload, std::uint16_t deepest) {
  if (deepest >= Value::kMaxDepth) {
    fail(Code::kBudget, Text("values nested at most ", Value::kMaxDepth, " deep"), "deeper");
  }
  payload.depth = static_cast<std::uint16_t>(deepest + 1);
}

std::string_view key_text(const Entry& entry) noexcept { return entry.key.as_string(); }

}  // namespace

void seal(SequenceData& sequence) {
  std::uint16_t deepest = 0;
  for (const Value& item : sequence.items) add_weight(sequence, deepest, item);
  set_depth(sequence, deepest);
}

void seal(MapData& map) {
  std::uint16_t deepest = 0;
  bool texts = true;
  for (const Entry& entry : map.entries) {
    add_weight(map, deepest, entry.key);
    add_weight(map, deepest, entry.value);
    texts = texts && entry.key.is(Kind::kString);
  }
  set_depth(map, deepest);
  if (!texts || map.entries.size() <= kFewEntries || map.entries.size() > std::numeric_limits<std::uint32_t>::max()) {
    return;
  }
  map.order.resize(map.entries.size());
  for (std::uint32_t i = 0; i < map.order.size(); ++i) map.order[i] = i;
  std::sort(map.order.begin(), map.order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return key_text(map.entries[a]) < key_text(map.entries[b]); });
}

const Entry* find(const MapData& map, std::string_view key, Meter* meter) {
  if (!map.order.empty()) {
    if (meter != nullptr) meter->step();
    const auto at =
        std::lower_bound(map.order.begin(), map.order.end(), key,
                         [&](std::uint32_t i, std::string_view wanted) { return key_text(map.entries[i]) < wanted; });
    return at != map.order.end() && key_text(map.entries[*at]) == key ? &map.entries[*at] : nullptr;
  }
  if (meter != nullptr) meter->step(1 + map.entries.size() / 16);
  for (const Entry& entry : map.entries) {
    if (entry.key.is(Kind::kString) && key_text(entry) == key) return &entry;
  }
  return nullptr;
}

}  // namespace text

}  // namespace moxie
