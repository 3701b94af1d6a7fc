// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>
#include <moxie/text/tokenizer.hpp>

namespace moxie::inline abi1 {

namespace constraint {
class TokenTrie;
class Engine;
}  // namespace constraint

/// The tokens of a tokenizer as the bytes that each adds to a text, in the order in which masks are made. Making one
/// takes some tens of milliseconds for 150,000 tokens; one serves all constraints.
///
/// Control tokens add no bytes: no constraint ever lets one come.
///
/// Errors   create: kNoMemory; those of Tokenizer::decode().
/// Threads  immutable; a copy is a second handle.
class MOXIE_API Vocabulary {
 public:
  [[nodiscard]] static Result<Vocabulary> create(const Tokenizer& tokenizer) noexcept;
  /// From the bytes of each token, in the order of their ids; an empty one never comes.
  [[nodiscard]] static Result<Vocabulary> create(std::span<const std::string_view> tokens) noexcept;

  /// How many ids there are.
  [[nodiscard]] std::size_t size() const noexcept;
  /// What the token adds; empty where it may never come.
  [[nodiscard]] std::string_view bytes(TokenId token) const noexcept;

 private:
  friend class constraint::Engine;
  explicit Vocabulary(std::shared_ptr<const constraint::TokenTrie> trie) noexcept : trie_(std::move(trie)) {}
  std::shared_ptr<const constraint::TokenTrie> trie_;
};

}  // namespace moxie
