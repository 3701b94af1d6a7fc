// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>

#include "text/tokenizer/merger.hpp"
#include "text/tokenizer/token_list.hpp"
#include "text/tokenizer/vocabulary.hpp"
#include "text/tokenizer/word_cache.hpp"

namespace moxie::inline abi1::text {

/// What encoding needs room for; one for each call of encode().
struct ModelScratch {
  Merger merger;
  WordCache cache;
  std::vector<TokenId> ids;
  // Of Unigram: for each character of a piece, how many the best token has that ends there. Bytes do for all but
  // vocabularies with tokens of enormous length.
  std::vector<std::uint8_t> lengths;
  std::vector<std::uint16_t> long_lengths;
  std::vector<double> scores;  ///< of the places that the next token may reach
};

/// How one piece of text is encoded.
struct PieceOptions {
  bool raw = false;    ///< bytes of the piece may be no UTF-8
  bool plain = false;  ///< no control token may come of it
};

/// Turns a piece of text into tokens of its vocabulary.
///
/// Errors   kFormat: a character for which the vocabulary has neither a token nor an unknown one, where the model has
///          to have one; merges that reach so far that they cannot be done in bounded memory.
/// Threads  immutable; each thread brings its scratch.
class Model {
 public:
  Model() noexcept = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  virtual ~Model() = default;

  /// Appends the tokens of `piece`.
  virtual Status encode(std::string_view piece, const PieceOptions& options, ModelScratch& scratch,
                        TokenList& out) const = 0;
};

/// The ids that untrusted text must not yield.
class ControlSet {
 public:
  void insert(TokenId id) {
    const auto index = static_cast<std::size_t>(id);
    if (index / 64 >= bits_.size()) bits_.resize(index / 64 + 1);
    bits_[index / 64] |= std::uint64_t{1} << (index % 64);
  }
  [[nodiscard]] bool contains(TokenId id) const noexcept {
    const auto index = static_cast<std::size_t>(id);
    return id >= 0 && index / 64 < bits_.size() && (bits_[index / 64] >> (index % 64) & 1) != 0;
  }

 private:
  std::vector<std::uint64_t> bits_;
};

}  // namespace moxie::text
