// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <moxie/core/views.hpp>

namespace moxie::inline abi1 {

/// What kind of token a vocabulary entry is. The numbers are those of `tokenizer.ggml.token_type`.
enum class TokenType : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      ///< steers the model: the beginning of a turn, the end of a text
  kUserDefined = 4,  ///< found in text as it stands, before anything else is done to it
  kUnused = 5,
  kByte = 6,  ///< one byte, written <0xNN>
};

/// A tokenizer as GGUF metadata describe it (the keys of tokenizer.ggml): Tokenizer::create() makes it runnable.
///
/// Shapes   tokens has one entry for each id. types and scores have as many, or none. merges are in order of their
///          rank, "left right".
/// Threads  a plain value. The texts are borrowed: they must stay until Tokenizer::create() returns.
/// Source   the GGUF document's section on tokenizers.
struct TokenizerData {
  /// "gpt2": byte-level BPE.  "llama": SentencePiece BPE by scores.  "t5": Unigram.
  std::string_view model;
  std::string_view pre;                  ///< of "gpt2": how text is cut before merging; see pre_tokenizer_names()
  std::vector<std::string_view> tokens;  ///< of "gpt2" in its alphabet of printable characters, "Ġthe"
  std::vector<TokenType> types;
  std::vector<float> scores;
  std::vector<std::string_view> merges;
  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  std::optional<TokenId> unk;
  std::optional<TokenId> pad;
  std::optional<bool> add_bos;              ///< default: yes for "llama" and some values of `pre`, where there is a bos
  std::optional<bool> add_eos;              ///< default: yes for "t5", where there is an eos
  std::optional<bool> remove_extra_spaces;  ///< of "t5": at the ends, and but one between words; default: no
  std::optional<bool> add_space_prefix;     ///< of "llama" and "t5"; default: yes
};

}  // namespace moxie
