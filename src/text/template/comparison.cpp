// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <compare>

#include "text/template/objects.hpp"
#include "text/template/operators.hpp"

namespace moxie::inline abi1::text {

namespace {

// A whole number against a double, exactly: -1, 0, 1; 2 for NaN.
int order(std::int64_t whole, double real) noexcept {
  if (std::isnan(real)) return 2;
  if (real >= 9223372036854775808.0) return -1;
  if (real < -9223372036854775808.0) return 1;
  const double floor = std::floor(real);
  const auto below = static_cast<std::int64_t>(floor);
  if (whole != below) return whole < below ? -1 : 1;
  return floor < real ? -1 : 0;
}

int order(const Value& a, const Value& b) noexcept {
  if (is_whole(a) && is_whole(b)) return whole_of(a) < whole_of(b) ? -1 : whole_of(a) > whole_of(b) ? 1 : 0;
  if (is_whole(a)) return order(whole_of(a), real_of(b));
  if (is_whole(b)) {
    const int reversed = order(whole_of(b), real_of(a));
    return reversed == 2 ? 2 : -reversed;
  }
  const double x = a.as_real();
  const double y = b.as_real();
  return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
}

Shape compared_as(Shape shape) noexcept { return shape == Shape::kGroup ? Shape::kTuple : shape; }

bool equal_sequences(Meter& meter, const Value& a, const Value& b) {
  const SequenceData& x = sequence_of(a);
  const SequenceData& y = sequence_of(b);
  if (&x == &y) return true;
  if (compared_as(x.shape) != compared_as(y.shape) || x.shape == Shape::kGenerator || x.shape == Shape::kValues) {
    return false;
  }
  if (x.items.size() != y.items.size()) return false;
  for (std::size_t i = 0; i < x.items.size(); ++i) {
    if (!equal(meter, x.items[i], y.items[i])) return false;
  }
  return true;
}

bool equal_maps(Meter& meter, const MapData& a, const MapData& b) {
  if (&a == &b) return true;
  if (a.entries.size() != b.entries.size()) return false;
  for (const Entry& entry : a.entries) {
    const Entry* twin = find(b, entry.key, &meter);
    if (twin == nullptr || !equal(meter, entry.value, twin->value)) return false;
  }
  return true;
}

}  // namespace

bool is_whole(const Value& value) noexcept { return value.is(Kind::kInt) || value.is(Kind::kBool); }
bool is_number(const Value& value) noexcept { return is_whole(value) || value.is(Kind::kReal); }
std::int64_t whole_of(const Value& value) noexcept {
  return value.is(Kind::kBool) ? (value.as_bool() ? 1 : 0) : value.as_int();
}
double real_of(const Value& value) noexcept {
  return value.is(Kind::kReal) ? value.as_real() : static_cast<double>(whole_of(value));
}

std::string_view describe(const Value& value) noexcept {
  switch (value.kind()) {
    case Kind::kUndefined: return "something undefined";
    case Kind::kNull: return "None";
    case Kind::kBool: return value.as_bool() ? "True" : "False";
    case Kind::kInt: return "a whole number";
    case Kind::kReal: return "a real number";
    case Kind::kString: return "a string";
    case Kind::kMap: return "a mapping";
    case Kind::kObject: return is_long_number(value) ? "a whole number beyond 64 bits" : "something callable";
    case Kind::kSequence: break;
  }
  switch (sequence_of(value).shape) {
    case Shape::kList: return "a list";
    case Shape::kTuple:
    case Shape::kGroup: return "a tuple";
    case Shape::kRange: return "a range";
    case Shape::kGenerator: return "a generator (use |list)";
    default: return "a view of a mapping";
  }
}

void refuse(std::string_view needed, const Value& came) { fail(Code::kFormat, needed, describe(came)); }

bool truthy(const Value& value) noexcept {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNull: return false;
    case Kind::kBool: return value.as_bool();
    case Kind::kInt: return value.as_int() != 0;
    case Kind::kReal: return value.as_real() != 0;
    case Kind::kString: return !string_of(value).text.empty();
    case Kind::kMap: return !map_of(value).entries.empty();
    case Kind::kObject: return true;
    case Kind::kSequence: break;
  }
  const SequenceData& data = sequence_of(value);
  return data.shape == Shape::kGenerator || !data.items.empty();
}

bool equal(Meter& meter, const Value& a, const Value& b) {
  meter.step();
  if (is_number(a) && is_number(b)) return order(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNull: return true;
    case Kind::kString: meter.touch(string_of(a).text.size()); return string_of(a).text == string_of(b).text;
    case Kind::kSequence: return equal_sequences(meter, a, b);
    case Kind::kMap: return equal_maps(meter, map_of(a), map_of(b));
    default: return same_object(a, b);
  }
}

bool less(Meter& meter, const Value& a, const Value& b) {
  meter.step();
  if (is_number(a) && is_number(b)) return order(a, b) == -1;
  if (a.is(Kind::kString) && b.is(Kind::kString)) {
    meter.touch(std::min(string_of(a).text.size(), string_of(b).text.size()));
    return string_of(a).text < string_of(b).text;  // UTF-8 sorts as its characters do
  }
  if (a.is(Kind::kSequence) && b.is(Kind::kSequence)) {
    const SequenceData& x = sequence_of(a);
    const SequenceData& y = sequence_of(b);
    const Shape shape = compared_as(x.shape);
    if (shape == compared_as(y.shape) && (shape == Shape::kList || shape == Shape::kTuple)) {
      for (std::size_t i = 0; i < x.items.size() && i < y.items.size(); ++i) {
        if (!equal(meter, x.items[i], y.items[i])) return less(meter, x.items[i], y.items[i]);
      }
      return x.items.size() < y.items.size();
    }
  }
  fail(Code::kFormat, "two values with an order", Text(describe(a), " and ", describe(b)));
}

const Entry* find(const MapData& map, const Value& key, Meter* meter) {
  if (key.is(Kind::kString)) return find(map, std::string_view(string_of(key).text), meter);
  if (!map.order.empty()) return nullptr;  // there, all keys are strings
  for (const Entry& entry : map.entries) {
    if (equal(*meter, entry.key, key)) return &entry;
  }
  return nullptr;
}

bool contains(Meter& meter, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::kUndefined: return false;
    case Kind::kString:
      if (!item.is(Kind::kString)) refuse("a string to look for in a string", item);
      return find_text(meter, string_of(container).text, string_of(item).text) != std::string_view::npos;
    case Kind::kMap: return find(map_of(container), checked_key(item), &meter) != nullptr;
    case Kind::kSequence: break;
    default: refuse("something that 'in' can look into", container);
  }
  Iteration items(meter, container);
  for (Value each; items.next(each);) {
    if (equal(meter, each, item)) return true;
  }
  return false;
}

}  // namespace moxie::text
