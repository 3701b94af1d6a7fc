// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <moxie/text/tokenizer.hpp>

#include "text/tokenizer/added_tokens.hpp"
#include "text/tokenizer/decoder.hpp"
#include "text/tokenizer/merge_table.hpp"
#include "text/tokenizer/model.hpp"
#include "text/tokenizer/normalizer.hpp"
#include "text/tokenizer/pre_tokenizer.hpp"
#include "text/tokenizer/vocabulary.hpp"

namespace moxie::inline abi1::text {

/// A tokenizer: the tables and the steps that text goes through, in their order.
///
///     text  ->  added tokens as they stand  ->  normalizer  ->  added tokens in normalized text
///           ->  pre-tokenizer  ->  model  ->  what is put around
struct TokenizerParts {
  // Its own parts point at each other, so it stays where it was made.
  explicit TokenizerParts(std::string_view where) noexcept : vocabulary(where) {}
  TokenizerParts(const TokenizerParts&) = delete;
  TokenizerParts& operator=(const TokenizerParts&) = delete;

  Vocabulary vocabulary;
  MergeTable merges;
  std::vector<AddedToken> added;  ///< by id
  ControlSet controls;
  ControlSet specials;
  AddedMatcher raw_matcher;
  Normalizer normalizer;
  AddedMatcher normalized_matcher;
  PreTokenizer pre_tokenizer;
  std::unique_ptr<Model> model;
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
  Decoder decoder;

  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  std::optional<TokenId> unk;
  std::optional<TokenId> pad;
  std::size_t size = 0;  ///< one more than the greatest id
  std::string description;

  [[nodiscard]] const AddedToken* added_token(TokenId id) const noexcept;
  [[nodiscard]] bool has(TokenId id) const noexcept { return vocabulary.has(id) || added_token(id) != nullptr; }
  /// The token's text for people and for decoding.
  [[nodiscard]] std::string_view text(TokenId id) const noexcept;
  [[nodiscard]] std::optional<TokenId> find(std::string_view token) const noexcept;

  Status encode(std::string_view text, const EncodeOptions& options, std::vector<TokenId>& out) const;
};

/// Takes in the added tokens and makes the matchers, the control set and the size: what every reader does once the
/// vocabulary, the normalizer and `added` are there.
///
/// Errors   kFormat: an id that another token has, no token at all, an added token that is too long.
Status finish_added_tokens(TokenizerParts& parts, std::string_view where);

/// Completes the description: the model's name is there.
void describe(TokenizerParts& parts);

Result<std::shared_ptr<const TokenizerParts>> read_tokenizer_json(std::string_view json, std::string_view config_json);
Result<std::shared_ptr<const TokenizerParts>> read_tokenizer_data(const TokenizerData& data);
Result<std::shared_ptr<const TokenizerParts>> read_tokenizer_metadata(const Metadata& metadata);

}  // namespace moxie::text
