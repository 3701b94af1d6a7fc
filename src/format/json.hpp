// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/core/text.hpp>

#include "format/json_events.hpp"

namespace moxie::format {

class JsonDocument;

/// One value of a JsonDocument, or the absence of one: a pointer into it, valid while it lives.
///
///     const JsonValue heads = document.root().find("num_attention_heads");
///     if (!heads) ...                                  // no such member
///     const std::optional<std::uint64_t> n = heads.as_u64();  // nothing where it is no such number
///
/// Asking an absent value or one of another kind is fine and gives nothing, so look-ups can be chained.
class JsonValue {
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

/// A read-only tree in two blocks: 16 bytes for each value and key, and the text of all strings.
///
/// Errors   of parse: kFormat for text that is not JSON, goes beyond the limits, or holds a key twice in one
///          object.  It lets std::bad_alloc through: readers turn that into kNoMemory at their boundary.
/// Threads  immutable; any number may read.
class JsonDocument {
 public:
  /// `where` names the file in errors. The text is not needed afterwards.
  static Result<JsonDocument> parse(std::string_view text, const JsonLimits& limits, std::string_view where);

  // JsonValues point here, so it stays where it was made unless it is moved before the first of them.
  JsonDocument(JsonDocument&&) noexcept = default;
  JsonDocument& operator=(JsonDocument&&) noexcept = default;

  [[nodiscard]] JsonValue root() const noexcept { return {this, 0}; }

 private:
  friend class JsonValue;
  class Builder;
  // A container is followed by its contents: elements, or keys each followed by its value.
  struct Node {
    JsonKind kind = JsonKind::kNull;
    std::uint32_t extent = 1;   // nodes of this value with its contents; of a string: its bytes
    std::uint64_t payload = 0;  // a number's bits, a bool, a string's offset in text_, a container's size
  };

  JsonDocument() noexcept = default;
  [[nodiscard]] std::string_view text(const Node& node) const noexcept {
    return {text_.data() + node.payload, node.extent};
  }
  // The node after the value at `node`, contents included.
  [[nodiscard]] std::uint32_t after(std::uint32_t node) const noexcept {
    return node + (nodes_[node].kind == JsonKind::kString ? 1 : nodes_[node].extent);
  }

  std::vector<Node> nodes_;
  std::vector<char> text_;
};

class JsonValue::Iterator {
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
