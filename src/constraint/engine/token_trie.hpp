// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/views.hpp>

namespace moxie::inline abi1::constraint {

/// All tokens by their bytes, sorted, and the tree of their beginnings: nodes depth first, each with where the nodes
/// below it end, so that a walk goes forward through memory and skips by one jump.
///
/// Threads  immutable.
class TokenTrie {
 public:
  struct Node {
    std::uint8_t byte = 0;
    std::uint16_t depth = 0;   // bytes up to here
    std::uint32_t end = 0;     // the first node that is not below
    std::uint32_t tokens = 0;  // the first of those that begin so, in sorted()
  };

  explicit TokenTrie(std::span<const std::string_view> tokens);

  [[nodiscard]] std::size_t vocab_size() const noexcept { return offsets_.size() - 1; }
  [[nodiscard]] std::string_view bytes(TokenId token) const noexcept {
    const auto id = static_cast<std::size_t>(token);
    return std::string_view(text_).substr(offsets_[id], offsets_[id + 1] - offsets_[id]);
  }
  [[nodiscard]] std::span<const Node> nodes() const noexcept { return nodes_; }
  /// Tokens that are made of this node's bytes and no others.
  [[nodiscard]] std::span<const TokenId> own(std::uint32_t node) const noexcept;
  /// Those, and all that begin with them.
  [[nodiscard]] std::span<const TokenId> below(std::uint32_t node) const noexcept;
  [[nodiscard]] std::uint32_t longest() const noexcept { return longest_; }

 private:
  std::string text_;
  std::vector<std::uint32_t> offsets_;
  std::vector<TokenId> sorted_;
  std::vector<Node> nodes_;
  std::uint32_t longest_ = 0;
};

}  // namespace moxie::constraint
