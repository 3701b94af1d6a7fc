// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include <moxie/core/config.hpp>
#include <moxie/core/text.hpp>

namespace moxie::inline abi1::format {

/// What a JSON value is. Numbers keep the form they were written in: a whole number that fits is never
/// rounded through a double, and neither 2.0 nor -0 is a whole number.
enum class JsonKind : std::uint8_t { kNull, kBool, kUnsigned, kNegative, kReal, kString, kArray, kObject };

class JsonDocument;  // moxie's own: whoever hands out values keeps it

/// One value of a JsonDocument, or the absence of one: a pointer into it, valid while it lives. Documents are
/// made by moxie's own readers, within limits of depth, values and bytes.
///
///     const JsonValue heads = document.root().find("num_attention_heads");
///     if (!heads) ...                                  // no such member
///     const std::optional<std::uint64_t> n = heads.as_u64();  // nothing where it is no such number
///
/// Asking an absent value or one of another kind is fine and gives nothing, so look-ups can be chained.
class MOXIE_API JsonValue {
 public:
  class Iterator;
  /// A member of an object, or an element of an array (then without a key).
  struct Member;

  JsonValue() noexcept = default;

  /// Whether there is a value; null is one.
  explicit operator bool() const noexcept { return document_ != nullptr; }
  /// Of an absent value: kNull.
  [[nodiscard]] JsonKind kind() const noexcept;
  [[nodiscard]] bool is_null() const noexcept { return *this && kind() == JsonKind::kNull; }
  [[nodiscard]] bool is_array() const noexcept { return *this && kind() == JsonKind::kArray; }
  [[nodiscard]] bool is_object() const noexcept { return *this && kind() == JsonKind::kObject; }

  [[nodiscard]] std::optional<bool> as_bool() const noexcept;
  /// Only numbers written as whole ones (no point, no exponent) that fit.
  [[nodiscard]] std::optional<std::uint64_t> as_u64() const noexcept;
  [[nodiscard]] std::optional<std::int64_t> as_i64() const noexcept;
  /// Any number; a whole one is rounded to the nearest double.
  [[nodiscard]] std::optional<double> as_double() const noexcept;
  /// A whole number that neither of the two can hold, as it was written: then as_double() is only near it.
  [[nodiscard]] std::optional<std::string_view> as_digits() const noexcept;
  [[nodiscard]] std::optional<std::string_view> as_string() const noexcept;

  /// The member of an object with that key. Linear in the number of members.
  [[nodiscard]] JsonValue find(std::string_view key) const noexcept;
  /// Members of an object or elements of an array; 0 for everything else.
  [[nodiscard]] std::size_t size() const noexcept;
  /// for (const JsonValue::Member& member : value), in the order of the file.
  [[nodiscard]] Iterator begin() const noexcept;
  [[nodiscard]] Iterator end() const noexcept;

  /// For the end of an error message: `"x"`, 3.5, `an object of 2`, `nothing`.
  [[nodiscard]] Text describe() const noexcept;

 private:
  friend class JsonDocument;
  JsonValue(const JsonDocument* document, std::uint32_t node) noexcept : document_(document), node_(node) {}

  const JsonDocument* document_ = nullptr;
  std::uint32_t node_ = 0;
};

struct JsonValue::Member {
  std::string_view key;
  JsonValue value;
};

class MOXIE_API JsonValue::Iterator {
 public:
  using value_type = Member;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;
  using pointer = const Member*;
  using reference = Member;

  Iterator() noexcept = default;
  Member operator*() const noexcept;
  Iterator& operator++() noexcept;
  Iterator operator++(int) noexcept {
    Iterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Iterator& a, const Iterator& b) noexcept { return a.node_ == b.node_; }

 private:
  friend class JsonValue;
  Iterator(const JsonDocument* document, std::uint32_t node, bool keyed) noexcept
      : document_(document), node_(node), keyed_(keyed) {}

  const JsonDocument* document_ = nullptr;
  std::uint32_t node_ = 0;
  bool keyed_ = false;
};

}  // namespace moxie::format
