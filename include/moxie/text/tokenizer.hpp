// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>
#include <moxie/format/metadata.hpp>
#include <moxie/text/tokenizer_data.hpp>

namespace moxie::inline abi1 {

class DecodeStream;

namespace text {
struct TokenizerParts;
}

/// The bytes [begin, end) of a text.
struct TextSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct EncodeOptions {
  /// Put what the checkpoint puts around a text: the beginning-of-sequence token and the like. A rendered chat
  /// template usually has them already.
  bool add_special = true;
  /// Parts of the text that come from somebody else: a user's message, a tool's output. Sorted, not overlapping. No
  /// control token comes from a place that touches one of them; what looks like one is encoded as the characters it
  /// is written with.
  std::span<const TextSpan> untrusted = {};

  /// All of the text is somebody else's.
  static EncodeOptions plain_text(bool add_special = false) noexcept {
    static constexpr TextSpan kAll{0, static_cast<std::size_t>(-1)};
    return {.add_special = add_special, .untrusted = {&kAll, 1}};
  }
};

struct DecodeOptions {
  /// Leave out the tokens that the checkpoint calls special.
  bool skip_special = false;
};

/// Turns text into the tokens of a checkpoint and back, as the checkpoint's own tokenizer does it: the ids are those
/// of the `tokenizers` library (docs/design/006-tokenizers.md names the few exceptions).
///
///     MOXIE_TRY_LET(const Tokenizer tokenizer, Tokenizer::load("Qwen3-30B-A3B"));
///     MOXIE_TRY_LET(const std::vector<TokenId> ids, tokenizer.encode("Why is the sky blue?"));
///     MOXIE_TRY_LET(const std::string text, tokenizer.decode(ids));
///
/// Runs byte-level BPE, SentencePiece BPE with byte fallback, and Unigram.
///
/// Control tokens are those that the checkpoint marks as special, and all other added tokens but those that
/// consist of white space alone: "<tool_call>" steers a model whether or not it is marked.
///
/// Bytes that are no UTF-8 are never an error. Each is cut like an unknown character by itself. With byte-level BPE
/// or byte fallback it becomes the token of that byte, and decoding gives it back; otherwise it is an unknown
/// character.
///
/// Errors   of making one: kNotFound, kIo: the files.  kFormat: a file that breaks its format or contradicts itself.
///          kUnsupported: a part that this library does not run; the message names it and what is supported.
///          of using one: kInvalidArgument: spans or ids out of range.  kFormat: the checkpoint's patterns or
///          normalizers need more steps or room than any honest ones.
///          kNoMemory.
/// Threads  immutable: any number may use one at once. A copy is a second handle on the same tables.
/// Source   tokenizer.json of the `tokenizers` library; GGUF's section on tokenizers.
class MOXIE_API Tokenizer {
 public:
  /// `path`: a folder with tokenizer.json, and tokenizer_config.json where there is one; or a .gguf file, of a split
  /// one the first.
  [[nodiscard]] static Result<Tokenizer> load(const std::filesystem::path& path) noexcept;
  /// From the texts of these files; an empty config is none.
  [[nodiscard]] static Result<Tokenizer> from_json(std::string_view tokenizer_json,
                                                   std::string_view tokenizer_config_json = {}) noexcept;
  /// From the metadata of a GGUF file that is open already; they are not needed afterwards.
  [[nodiscard]] static Result<Tokenizer> from_metadata(const Metadata& metadata) noexcept;
  /// From what such metadata say, in a host's own words.
  [[nodiscard]] static Result<Tokenizer> create(const TokenizerData& data) noexcept;

  /// Time n log n in the size of the text.
  [[nodiscard]] Result<std::vector<TokenId>> encode(std::string_view text,
                                                    const EncodeOptions& options = {}) const noexcept;
  /// The bytes that the tokens stand for; UTF-8 unless the tokens say otherwise.
  [[nodiscard]] Result<std::string> decode(std::span<const TokenId> ids,
                                           const DecodeOptions& options = {}) const noexcept;
  /// Decodes one token at a time; see decode_stream.hpp. It keeps the tables alive.
  [[nodiscard]] Result<DecodeStream> stream(const DecodeOptions& options = {}) const noexcept;

  /// One more than the greatest id. There may be ids without a token.
  [[nodiscard]] std::size_t size() const noexcept;
  /// The id of a token by its text: an added token as it stands in text, any other as the vocabulary writes it
  /// (byte-level ones as the bytes they stand for).
  [[nodiscard]] std::optional<TokenId> find(std::string_view token) const noexcept;
  /// The inverse of find(); empty for an id without a token. Good as long as a handle lives.
  [[nodiscard]] std::string_view token(TokenId id) const noexcept;
  /// Whether the checkpoint calls the token special, so that skip_special leaves it out.
  [[nodiscard]] bool is_special(TokenId id) const noexcept;
  /// Whether no untrusted text may yield the token.
  [[nodiscard]] bool is_control(TokenId id) const noexcept;

  [[nodiscard]] std::optional<TokenId> bos() const noexcept;
  [[nodiscard]] std::optional<TokenId> eos() const noexcept;
  [[nodiscard]] std::optional<TokenId> unk() const noexcept;
  [[nodiscard]] std::optional<TokenId> pad() const noexcept;

  /// What runs, on one line: "byte-level BPE, 151643 tokens, 26 added, pattern by JIT".
  [[nodiscard]] std::string_view description() const noexcept;

 private:
  explicit Tokenizer(std::shared_ptr<const text::TokenizerParts> parts) noexcept;

  std::shared_ptr<const text::TokenizerParts> parts_;
};

/// The values of TokenizerData::pre that create() knows.
[[nodiscard]] MOXIE_API std::span<const std::string_view> pre_tokenizer_names() noexcept;

}  // namespace moxie
