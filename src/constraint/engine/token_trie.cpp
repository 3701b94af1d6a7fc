// SPDX-License-Identifier: Apache-2.0
#include "constraint/engine/token_trie.hpp"

#include <algorithm>

namespace moxie::inline abi1::constraint {
namespace {

// Longer tokens than any vocabulary has never come; so a walk's stack is small.
constexpr std::size_t kMaxBytes = 1024;

}  // namespace

TokenTrie::TokenTrie(std::span<const std::string_view> tokens) {
  offsets_.reserve(tokens.size() + 1);
  offsets_.push_back(0);
  for (const std::string_view token : tokens) {
    if (token.size() <= kMaxBytes) text_ += token;
    offsets_.push_back(static_cast<std::uint32_t>(text_.size()));
  }
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::string_view text = bytes(static_cast<TokenId>(id));
    if (text.empty()) continue;
    sorted_.push_back(static_cast<TokenId>(id));
    longest_ = std::max(longest_, static_cast<std::uint32_t>(text.size()));
  }
  std::ranges::stable_sort(sorted_, {}, [&](TokenId id) { return bytes(id); });
  std::vector<std::uint32_t> open;  // nodes whose end is not known yet
  std::string_view before;
  const auto close = [&](std::size_t depth) {
    for (; open.size() > depth; open.pop_back()) nodes_[open.back()].end = static_cast<std::uint32_t>(nodes_.size());
  };
  for (std::size_t i = 0; i < sorted_.size(); ++i) {
    const std::string_view text = bytes(sorted_[i]);
    const auto shared = static_cast<std::size_t>(std::ranges::mismatch(before, text).in2 - text.begin());
    close(shared);
    for (std::size_t depth = shared; depth < text.size(); ++depth) {
      open.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({.byte = static_cast<std::uint8_t>(text[depth]),
                        .depth = static_cast<std::uint16_t>(depth + 1),
                        .tokens = static_cast<std::uint32_t>(i)});
    }
    before = text;
  }
  close(0);
}

std::span<const TokenId> TokenTrie::below(std::uint32_t node) const noexcept {
  const std::size_t end = nodes_[node].end == nodes_.size() ? sorted_.size() : nodes_[nodes_[node].end].tokens;
  return std::span(sorted_).subspan(nodes_[node].tokens, end - nodes_[node].tokens);
}

std::span<const TokenId> TokenTrie::own(std::uint32_t node) const noexcept {
  const bool leaf = nodes_[node].end == node + 1;
  const std::span<const TokenId> all = below(node);
  return leaf ? all : all.first(nodes_[node + 1].tokens - nodes_[node].tokens);
}

}  // namespace moxie::constraint
