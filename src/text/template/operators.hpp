// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "text/template/ast.hpp"
#include "text/template/builder.hpp"
#include "text/template/payload.hpp"

namespace moxie::inline abi1::text {

// What Python's operators do to values. Everything charges the meter for what it touches and fails (kFormat) where
// Python raises; whole numbers that leave 64 bits are kUnsupported.

/// "a list", "None", "undefined": what came, for errors.
std::string_view describe(const Value& value) noexcept;
[[noreturn]] void refuse(std::string_view needed, const Value& came);

bool truthy(const Value& value) noexcept;
/// A bool is a number too, as in Python.
bool is_whole(const Value& value) noexcept;
bool is_number(const Value& value) noexcept;
std::int64_t whole_of(const Value& value) noexcept;
double real_of(const Value& value) noexcept;

bool equal(Meter& meter, const Value& a, const Value& b);
bool less(Meter& meter, const Value& a, const Value& b);
bool contains(Meter& meter, const Value& container, const Value& item);
bool compare(Meter& meter, Operator op, const Value& a, const Value& b);
Value arithmetic(Meter& meter, Operator op, const Value& a, const Value& b);
Value negative(Meter& meter, const Value& value);

/// Where `needle` occurs in `text` from `from` on; npos where it does not. Linear, whatever the two are.
std::size_t find_text(Meter& meter, std::string_view text, std::string_view needle, std::size_t from = 0);
/// The last place.
std::size_t find_last_text(Meter& meter, std::string_view text, std::string_view needle);

Value make_text(Meter& meter, std::string_view text, Origin origin);
/// `count` items may be asked for before they are made.
Value make_sequence(Meter& meter, Shape shape, MeteredVector<Value>&& items);
inline MeteredVector<Value> new_items(Meter& meter) { return MeteredVector<Value>(MeterAllocator<Value>(&meter)); }

/// Python's rounding towards minus infinity.
std::int64_t floor_divide(std::int64_t a, std::int64_t b) noexcept;
double real_modulo(double a, double b) noexcept;

/// A map under construction: the last value of a key wins and the first place stays.
class MapMaker {
 public:
  explicit MapMaker(Meter& meter) : meter_(meter), data_(&meter) {}
  void set(const Value& key, Value value);
  /// Sets it to nothing where it is new; whether it was.
  bool insert(const Value& key);
  Value done(Origin origin);

 private:
  Meter& meter_;
  Making<MapData> data_;
};

/// Goes through what Python can iterate over: items, keys, characters. Fails for everything else.
class Iteration {
 public:
  Iteration(Meter& meter, const Value& over);
  bool next(Value& item);
  /// Items that are left.
  [[nodiscard]] std::size_t left() const noexcept;

 private:
  Meter& meter_;
  Value over_;
  std::size_t position_ = 0;
  std::size_t taken_ = 0;  // characters
};

bool iterable(const Value& value) noexcept;
/// len(); fails where Python does.
std::size_t length_of(const Value& value);

/// value[index] for numbers and keys; undefined where there is none.
Value item_of(Meter& meter, const Value& value, const Value& index);
/// value[from:to:step]; undefined or None: left out.
Value slice_of(Meter& meter, const Value& value, const Value* from, const Value* to, const Value* step);

}  // namespace moxie::text
