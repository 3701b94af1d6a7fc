// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "text/tokenizer/model.hpp"

namespace moxie::inline abi1::text {

struct BpeOptions {
  bool byte_level = false;     ///< pieces are bytes; otherwise UTF-8
  bool byte_fallback = false;  ///< a character without a token becomes the tokens <0xNN> of its bytes
  bool fuse_unk = false;       ///< unknown characters in a row become one unknown token
  bool ignore_merges = false;  ///< a piece that is a token is that token, whatever the merges make of it
  std::optional<TokenId> unk;
  std::string continuing_subword_prefix;
  std::string end_of_word_suffix;
};

/// Byte-pair encoding: characters (or bytes) are merged, pair by pair, in the order of the ranks.
class Bpe final : public Model {
 public:
  /// The vocabulary, the merges and the controls belong to the tokenizer and must outlive this.
  Bpe(const Vocabulary& vocabulary, const MergeTable& merges, const ControlSet& controls, BpeOptions options);

  Status encode(std::string_view piece, const PieceOptions& options, ModelScratch& scratch,
                TokenList& out) const override;

 private:
  class Symbols;

  [[nodiscard]] bool breaks_at_marks() const;
  Status word(std::string_view piece, const PieceOptions& options, ModelScratch& scratch, TokenList& out) const;
  Status long_word(std::string_view piece, const PieceOptions& options, ModelScratch& scratch, TokenList& out) const;
  void append(std::span<const TokenId> ids, const PieceOptions& options, TokenList& out) const;

  const Vocabulary& vocabulary_;
  const MergeTable& merges_;
  const ControlSet& controls_;
  BpeOptions options_;
  std::array<TokenId, 256> single_{};    // of one byte, or of one ASCII character
  std::array<TokenId, 256> fallback_{};  // <0xNN>
  TokenId mark_ = -1;                    // of the visible space
  bool bytes_alone_ = false;             // single_ has all of what a piece of one byte becomes
  bool breaks_at_marks_ = false;
};

/// The tokens <0x00> to <0xFF> of a vocabulary; -1 where there is none.
std::array<TokenId, 256> byte_tokens(const Vocabulary& vocabulary);

}  // namespace moxie::text
