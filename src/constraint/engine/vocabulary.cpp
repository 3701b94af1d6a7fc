// SPDX-License-Identifier: Apache-2.0
#include <moxie/constraint/vocabulary.hpp>

#include <string>
#include <vector>

#include <moxie/core/guard.hpp>

#include "constraint/engine/token_trie.hpp"

namespace moxie::inline abi1 {
namespace {

constexpr std::string_view kWhere = "Vocabulary::create";

// Tokens of some tokenizers lose a space where they are the first, so each is decoded behind another one.
Result<std::vector<std::string>> texts_of(const Tokenizer& tokenizer) {
  const bool as_they_are = tokenizer.description().starts_with("byte-level");
  std::optional<TokenId> first;
  for (char letter = 'a'; letter <= 'z' && !first; ++letter) first = tokenizer.find(std::string_view(&letter, 1));
  std::size_t skip = 0;
  if (!as_they_are && first) {
    MOXIE_TRY_LET(const std::string alone, tokenizer.decode({&*first, 1}));
    skip = alone.size();
  }
  std::vector<std::string> texts(tokenizer.size());
  for (std::size_t id = 0; id < texts.size(); ++id) {
    const auto token = static_cast<TokenId>(id);
    const std::string_view name = tokenizer.token(token);
    if (name.empty() || tokenizer.is_control(token)) continue;
    if (as_they_are) {
      texts[id] = name;
      continue;
    }
    const TokenId both[] = {first.value_or(token), token};
    MOXIE_TRY_LET(std::string text, tokenizer.decode(first ? std::span(both) : std::span(both).last(1)));
    texts[id] = text.substr(std::min(skip, text.size()));
  }
  return texts;
}

}  // namespace

Result<Vocabulary> Vocabulary::create(const Tokenizer& tokenizer) noexcept {
  std::shared_ptr<const constraint::TokenTrie> trie;
  MOXIE_TRY(guarded(kWhere, [&]() -> Status {
    MOXIE_TRY_LET(const std::vector<std::string> texts, texts_of(tokenizer));
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    trie = std::make_shared<const constraint::TokenTrie>(views);
    return {};
  }));
  return Vocabulary(std::move(trie));
}

Result<Vocabulary> Vocabulary::create(std::span<const std::string_view> tokens) noexcept {
  std::shared_ptr<const constraint::TokenTrie> trie;
  MOXIE_TRY(guarded(kWhere, [&]() -> Status {
    trie = std::make_shared<const constraint::TokenTrie>(tokens);
    return {};
  }));
  return Vocabulary(std::move(trie));
}

std::size_t Vocabulary::size() const noexcept { return trie_->vocab_size(); }
std::string_view Vocabulary::bytes(TokenId token) const noexcept { return trie_->bytes(token); }

}  // namespace moxie
