// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "text/tokenizer/model.hpp"

namespace moxie::inline abi1::text {

struct UnigramOptions {
  std::optional<TokenId> unk;
  bool byte_fallback = false;
};

/// Unigram: of all ways to write a piece as tokens, the one with the greatest sum of scores (Viterbi). Unknown
/// characters in a row become one token.
///
/// Of the best ways to all places only the lengths of their last tokens are kept, one byte for each character.
///
/// A filter of all beginnings of tokens tells where looking for a longer one is in vain: two bits for each beginning,
/// so a wrong yes costs a look-up and never an answer. Tokens are found by the same hash, which grows with the text
/// character by character.
class Unigram final : public Model {
 public:
  /// Tokens are no longer. SentencePiece makes them of 16 characters unless told otherwise.
  static constexpr std::size_t kMaxTokenBytes = 512;

  /// The vocabulary and the controls belong to the tokenizer and must outlive this. scores: one for each id, finite.
  Unigram(const Vocabulary& vocabulary, const ControlSet& controls, std::vector<double> scores,
          const UnigramOptions& options, std::uint64_t seed);

  Status encode(std::string_view piece, const PieceOptions& options, ModelScratch& scratch,
                TokenList& out) const override;

 private:
  void remember_beginning(std::uint64_t hash);
  [[nodiscard]] bool may_begin(std::uint64_t hash) const noexcept;
  void remember_token(std::uint64_t hash, TokenId id) noexcept;
  [[nodiscard]] TokenId token_of(std::uint64_t hash, std::string_view text) const noexcept;
  template <class Length>
  Status best_way(std::string_view piece, const PieceOptions& options, std::vector<Length>& lengths,
                  ModelScratch& scratch) const;
  template <class Length>
  void follow(std::string_view piece, const PieceOptions& options, std::vector<Length>& lengths,
              std::vector<TokenId>& ids, TokenList& out) const;
  void unknown(std::string_view text, const PieceOptions& options, TokenList& out) const;

  const Vocabulary& vocabulary_;
  const ControlSet& controls_;
  std::vector<double> scores_;
  UnigramOptions options_;
  std::array<TokenId, 256> fallback_{};
  std::vector<std::uint64_t> beginnings_;
  std::vector<TokenId> slots_;  // -1: free
  std::uint64_t seed_ = 0;
  double unk_score_ = 0;
};

}  // namespace moxie::text
