// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/format/json_value.hpp>

#include "constraint/schema/decimal.hpp"

namespace moxie::inline abi1::constraint {

/// A value in a JsonTree.
using JsonId = std::uint32_t;
inline constexpr JsonId kNoJson = UINT32_MAX;

/// A JSON text as a tree in one block, whose values have numbers: schemas refer to them, and instances are compared by
/// value. Numbers keep what was written, so far as a double and the digits of whole numbers hold it.
///
/// Errors   parse: kFormat.  Lets std::bad_alloc through.
/// Threads  immutable.
class JsonTree {
 public:
  static Result<JsonTree> parse(std::string_view text, std::string_view where);

  enum class Kind : std::uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };
  static constexpr JsonId kRoot = 0;

  [[nodiscard]] Kind kind(JsonId id) const noexcept { return nodes_[id].kind; }
  [[nodiscard]] bool is(JsonId id, Kind kind) const noexcept { return id != kNoJson && nodes_[id].kind == kind; }
  /// Of a string what it says, of a number how it is written.
  [[nodiscard]] std::string_view text(JsonId id) const noexcept { return view(nodes_[id].text, nodes_[id].size); }
  /// Of a member of an object.
  [[nodiscard]] std::string_view key(JsonId id) const noexcept { return view(nodes_[id].key, nodes_[id].key_size); }
  [[nodiscard]] Decimal number(JsonId id) const { return Decimal::of(text(id)); }
  /// Members or elements.
  [[nodiscard]] std::uint32_t size(JsonId id) const noexcept { return nodes_[id].count; }
  [[nodiscard]] JsonId find(JsonId object, std::string_view key) const noexcept;
  [[nodiscard]] std::size_t values() const noexcept { return nodes_.size(); }

  class Children;
  /// for (JsonId child : tree.children(id))
  [[nodiscard]] Children children(JsonId id) const noexcept;

  /// The text again, compact, each value in one way: no blanks, numbers without exponent, few escapes.
  void write(JsonId id, std::string& out) const;

 private:
  class Builder;
  struct Node {
    Kind kind = Kind::kNull;
    std::uint32_t text = 0;
    std::uint32_t size = 0;
    std::uint32_t key = 0;
    std::uint32_t key_size = 0;
    std::uint32_t count = 0;
    JsonId end = 0;  // the value behind this one and all in it
  };
  [[nodiscard]] std::string_view view(std::uint32_t at, std::uint32_t size) const noexcept {
    return std::string_view(text_).substr(at, size);
  }

  std::vector<Node> nodes_;
  std::string text_;
};

class JsonTree::Children {
 public:
  class Iterator {
   public:
    Iterator(const JsonTree* tree, JsonId at) noexcept : tree_(tree), at_(at) {}
    JsonId operator*() const noexcept { return at_; }
    Iterator& operator++() noexcept {
      at_ = tree_->nodes_[at_].end;
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const JsonTree* tree_;
    JsonId at_;
  };
  Children(const JsonTree* tree, JsonId id) noexcept : tree_(tree), id_(id) {}
  [[nodiscard]] Iterator begin() const noexcept { return {tree_, id_ + 1}; }
  [[nodiscard]] Iterator end() const noexcept { return {tree_, tree_->nodes_[id_].end}; }

 private:
  const JsonTree* tree_;
  JsonId id_;
};

inline JsonTree::Children JsonTree::children(JsonId id) const noexcept { return {this, id}; }

/// Whether two values are the same: numbers by value, members in any order.
bool equal(const JsonTree& a, JsonId x, const JsonTree& b, JsonId y);
/// A short text for messages: `"x"`, 3.5, an object of 2.
std::string describe(const JsonTree& tree, JsonId id);

}  // namespace moxie::constraint
