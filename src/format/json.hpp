// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/format/json_value.hpp>

#include "format/json_events.hpp"

namespace moxie::inline abi1::format {

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
    bool digits = false;        // a number that is kept as text
    std::uint32_t extent = 1;   // nodes of this value with its contents; of a text: its bytes
    std::uint64_t payload = 0;  // a number's bits, a bool, a text's offset in text_, a container's size
  };

  JsonDocument() noexcept = default;
  [[nodiscard]] std::string_view text(const Node& node) const noexcept {
    return {text_.data() + node.payload, node.extent};
  }
  // The node after the value at `node`, contents included.
  [[nodiscard]] std::uint32_t after(std::uint32_t node) const noexcept {
    return node + (nodes_[node].kind == JsonKind::kString || nodes_[node].digits ? 1 : nodes_[node].extent);
  }

  std::vector<Node> nodes_;
  std::vector<char> text_;
};

}  // namespace moxie::format
