// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "text/template/objects.hpp"
#include "text/template/operators.hpp"
#include "text/template/unicode.hpp"

namespace moxie::inline abi1::text {

namespace {

// Up to here, comparing at each place costs no more than preparing a search.
constexpr std::size_t kShortNeedle = 8;

// Knuth, Morris and Pratt: one look at each character, so no pair of texts makes it slow. `at(i)` reads the text,
// forwards or backwards.
template <class At, class NeedleAt>
std::size_t search(Meter& meter, std::size_t size, At&& at, std::size_t needle_size, NeedleAt&& needle_at) {
  meter.touch(size + needle_size);
  std::vector<std::uint32_t, MeterAllocator<std::uint32_t>> border(needle_size, 0,
                                                                   MeterAllocator<std::uint32_t>(&meter));
  for (std::size_t i = 1, k = 0; i < needle_size; ++i) {
    while (k > 0 && needle_at(i) != needle_at(k)) k = border[k - 1];
    if (needle_at(i) == needle_at(k)) ++k;
    border[i] = static_cast<std::uint32_t>(k);
  }
  for (std::size_t i = 0, k = 0; i < size; ++i) {
    while (k > 0 && at(i) != needle_at(k)) k = border[k - 1];
    if (at(i) == needle_at(k)) ++k;
    if (k == needle_size) return i + 1 - needle_size;
  }
  return std::string_view::npos;
}

// A position of Python's slices: counted from the end where negative, and brought into [least, most].
std::int64_t bound(const Value* given, std::int64_t length, std::int64_t otherwise, std::int64_t least,
                   std::int64_t most) {
  if (given == nullptr || given->is(Kind::kNull)) return otherwise;
  if (!is_whole(*given)) refuse("a whole number as a bound of a slice", *given);
  std::int64_t at = whole_of(*given);
  if (at < 0) at += length;
  return std::clamp(at, least, most);
}

}  // namespace

std::size_t find_text(Meter& meter, std::string_view text, std::string_view needle, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  text.remove_prefix(from);
  if (needle.size() <= kShortNeedle || needle.size() > text.size()) {
    const std::size_t at = text.find(needle);
    meter.touch(at == std::string_view::npos ? text.size() : at);
    return at == std::string_view::npos ? at : at + from;
  }
  const std::size_t at = search(
      meter, text.size(), [text](std::size_t i) { return text[i]; }, needle.size(),
      [needle](std::size_t i) { return needle[i]; });
  return at == std::string_view::npos ? at : at + from;
}

std::size_t find_last_text(Meter& meter, std::string_view text, std::string_view needle) {
  if (needle.size() <= kShortNeedle || needle.size() > text.size()) {
    const std::size_t at = text.rfind(needle);
    meter.touch(at == std::string_view::npos ? text.size() : text.size() - at);
    return at;
  }
  const std::size_t at = search(
      meter, text.size(), [text](std::size_t i) { return text[text.size() - 1 - i]; }, needle.size(),
      [needle](std::size_t i) { return needle[needle.size() - 1 - i]; });
  return at == std::string_view::npos ? at : text.size() - needle.size() - at;
}

Value make_text(Meter& meter, std::string_view text, Origin origin) {
  Builder builder(meter);
  builder.add(text, origin);
  return builder.done();
}

Value make_sequence(Meter& meter, Shape shape, MeteredVector<Value>&& items) {
  Making<SequenceData> data(&meter, shape);
  data->items = std::move(items);
  seal(*data);
  return data.done(Kind::kSequence, Origin::kTemplate);
}

const Value& checked_key(const Value& key) {
  const bool container = key.is(Kind::kSequence) && sequence_of(key).shape != Shape::kTuple;
  if (key.is(Kind::kMap) || key.is(Kind::kObject) || container) refuse("a key of a mapping", key);
  if (key.is(Kind::kSequence)) {
    for (const Value& item : sequence_of(key).items) checked_key(item);
  }
  return key;
}

void MapMaker::set(const Value& key, Value value) {
  checked_key(key);
  for (Entry& entry : data_->entries) {
    if (equal(meter_, entry.key, key)) {
      entry.value = std::move(value);
      return;
    }
  }
  data_->entries.push_back({key, std::move(value)});
}

bool MapMaker::insert(const Value& key) {
  const std::size_t before = data_->entries.size();
  set(key, Value());
  return data_->entries.size() != before;
}

Value MapMaker::done(Origin origin) {
  meter_.step(data_->entries.size());
  seal(*data_);
  return data_.done(Kind::kMap, origin);
}

bool iterable(const Value& value) noexcept {
  return value.is(Kind::kUndefined) || value.is(Kind::kString) || value.is(Kind::kSequence) || value.is(Kind::kMap);
}

Iteration::Iteration(Meter& meter, const Value& over) : meter_(meter), over_(over) {
  if (!iterable(over)) refuse("something to go through", over);
}

bool Iteration::next(Value& item) {
  meter_.step();
  switch (over_.kind()) {
    case Kind::kString: {
      const StringData& data = string_of(over_);
      if (position_ == data.text.size()) return false;
      const std::size_t size = first_point(std::string_view(data.text).substr(position_)).size;
      item = slice(meter_, over_, position_, position_ + size);
      position_ += size;
      ++taken_;
      return true;
    }
    case Kind::kMap: {
      const MapData& data = map_of(over_);
      if (position_ == data.entries.size()) return false;
      item = data.entries[position_++].key;
      return true;
    }
    case Kind::kSequence: {
      SequenceData& data = sequence_of(over_);
      std::size_t& position = data.shape == Shape::kGenerator ? data.cursor : position_;
      if (position == data.items.size()) return false;
      item = data.items[position++];
      return true;
    }
    default: return false;
  }
}

std::size_t Iteration::left() const noexcept {
  switch (over_.kind()) {
    case Kind::kString: return string_of(over_).points - taken_;
    case Kind::kMap: return map_of(over_).entries.size() - position_;
    case Kind::kSequence: {
      const SequenceData& data = sequence_of(over_);
      return data.items.size() - (data.shape == Shape::kGenerator ? data.cursor : position_);
    }
    default: return 0;
  }
}

std::size_t length_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined: return 0;
    case Kind::kString: return string_of(value).points;
    case Kind::kMap: return map_of(value).entries.size();
    case Kind::kSequence:
      if (sequence_of(value).shape != Shape::kGenerator) return sequence_of(value).items.size();
      [[fallthrough]];
    default: refuse("something with a length", value);
  }
}

Value item_of(Meter& meter, const Value& value, const Value& index) {
  meter.step();
  if (value.is(Kind::kMap)) {
    const bool hashable = !index.is(Kind::kMap) && !index.is(Kind::kObject) &&
                          (!index.is(Kind::kSequence) || sequence_of(index).shape == Shape::kTuple);
    const Entry* entry = hashable ? find(map_of(value), index, &meter) : nullptr;
    return entry != nullptr ? entry->value : Value();
  }
  if (!is_whole(index)) return {};
  std::int64_t at = whole_of(index);
  if (value.is(Kind::kString)) {
    const StringData& data = string_of(value);
    const auto length = static_cast<std::int64_t>(data.points);
    if (at < 0) at += length;
    if (at < 0 || at >= length) return {};
    if (data.ascii()) return slice(meter, value, static_cast<std::size_t>(at), static_cast<std::size_t>(at) + 1);
    meter.touch(data.text.size());
    const std::size_t begin = offset_of_point(data.text, static_cast<std::size_t>(at));
    return slice(meter, value, begin, begin + first_point(std::string_view(data.text).substr(begin)).size);
  }
  if (!value.is(Kind::kSequence)) return {};
  const SequenceData& data = sequence_of(value);
  if (data.shape > Shape::kRange) return {};
  const auto length = static_cast<std::int64_t>(data.items.size());
  if (at < 0) at += length;
  return at < 0 || at >= length ? Value() : data.items[static_cast<std::size_t>(at)];
}

Value slice_of(Meter& meter, const Value& value, const Value* from, const Value* to, const Value* step_given) {
  const bool sequence = value.is(Kind::kSequence) && sequence_of(value).shape <= Shape::kRange;
  if (!value.is(Kind::kString) && !sequence) refuse("something to take a slice of", value);
  std::int64_t step = 1;
  if (step_given != nullptr && !step_given->is(Kind::kNull)) {
    if (!is_whole(*step_given)) refuse("a whole number as the step of a slice", *step_given);
    step = whole_of(*step_given);
    if (step == 0) fail(Code::kFormat, "a step other than 0", "0");
  }
  const auto length = static_cast<std::int64_t>(length_of(value));
  const std::int64_t first =
      step > 0 ? bound(from, length, 0, 0, length) : bound(from, length, length - 1, -1, length - 1);
  const std::int64_t end = step > 0 ? bound(to, length, length, 0, length) : bound(to, length, -1, -1, length - 1);
  const std::int64_t distance = step > 0 ? end - first : first - end;
  const std::uint64_t stride = step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t count = distance <= 0 ? 0 : (static_cast<std::uint64_t>(distance) - 1) / stride + 1;
  const auto place = [&](std::uint64_t i) {
    return static_cast<std::size_t>(first + static_cast<std::int64_t>(i) * (count > 1 ? step : 0));
  };
  meter.step(count);
  if (value.is(Kind::kString)) {
    const std::string_view text = string_of(value).text;
    if (step == 1) {
      if (count == 0) return make_text(meter, {}, Origin::kTemplate);
      meter.touch(text.size());
      const bool ascii = string_of(value).ascii();
      const std::size_t begin = ascii ? place(0) : offset_of_point(text, place(0));
      const std::size_t stop = ascii ? begin + count : begin + offset_of_point(text.substr(begin), count);
      return slice(meter, value, begin, stop);
    }
    MeteredVector<std::size_t> offsets{MeterAllocator<std::size_t>(&meter)};
    offsets.reserve(static_cast<std::size_t>(length) + 1);
    for (std::size_t at = 0; at < text.size(); at += first_point(text.substr(at)).size) offsets.push_back(at);
    offsets.push_back(text.size());
    meter.touch(text.size() * 8);
    Builder builder(meter);
    for (std::uint64_t i = 0; i < count; ++i) builder.add(value, offsets[place(i)], offsets[place(i) + 1]);
    return builder.done(string_of(value).markup);
  }
  const SequenceData& data = sequence_of(value);
  MeteredVector<Value> items = new_items(meter);
  items.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) items.push_back(data.items[place(i)]);
  if (data.shape != Shape::kRange) {
    return make_sequence(meter, data.shape == Shape::kGroup ? Shape::kTuple : data.shape, std::move(items));
  }
  Making<SequenceData> range(&meter, Shape::kRange);
  range->items = std::move(items);
  // Only shown, never counted with: where they would leave 64 bits, they may wrap.
  const auto shown = [&data](std::int64_t index) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(data.start) +
                                     static_cast<std::uint64_t>(index) * static_cast<std::uint64_t>(data.step));
  };
  range->start = shown(first);
  range->stop = shown(end);
  range->step = static_cast<std::int64_t>(static_cast<std::uint64_t>(data.step) * static_cast<std::uint64_t>(step));
  seal(*range);
  return range.done(Kind::kSequence, Origin::kTemplate);
}

}  // namespace moxie::text
