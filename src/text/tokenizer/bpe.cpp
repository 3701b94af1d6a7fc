// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/bpe.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

namespace moxie::inline abi1::text {
namespace {

// What SentencePiece writes for a space: U+2581.
constexpr std::string_view kMark = "\xe2\x96\x81";

// Where the usual windows do not do, these do for all but vocabularies made to exhaust the memory.
constexpr std::size_t kWidestWindow = 4 * Merger::kWindow;

}  // namespace

std::array<TokenId, 256> byte_tokens(const Vocabulary& vocabulary) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::array<TokenId, 256> ids{};
  std::string name = "<0x00>";
  for (std::size_t byte = 0; byte < 256; ++byte) {
    name[3] = kHex[byte >> 4];
    name[4] = kHex[byte & 15];
    ids[byte] = vocabulary.find(name).value_or(-1);
  }
  return ids;
}

Bpe::Bpe(const Vocabulary& vocabulary, const MergeTable& merges, const ControlSet& controls, BpeOptions options)
    : vocabulary_(vocabulary),
      merges_(merges),
      controls_(controls),
      options_(std::move(options)),
      fallback_(byte_tokens(vocabulary)) {
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    single_[byte] = options_.byte_level || byte < 0x80 ? vocabulary.find({&c, 1}).value_or(-1) : -1;
  }
  bytes_alone_ =
      options_.byte_level && options_.continuing_subword_prefix.empty() && options_.end_of_word_suffix.empty();
  mark_ = vocabulary.find(kMark).value_or(-1);
  breaks_at_marks_ = breaks_at_marks();
}

// SentencePiece's models get a whole text as one piece. Where no token has a mark behind anything else, no merge can
// reach from before a mark to behind it, so words can be done one by one, and remembered.
bool Bpe::breaks_at_marks() const {
  if (options_.byte_level || !options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty()) {
    return false;
  }
  if (mark_ < 0) return false;
  for (std::size_t i = 0; i < vocabulary_.size(); ++i) {
    const std::string_view text = vocabulary_.text(static_cast<TokenId>(i));
    bool other = false;
    for (std::size_t at = 0; at < text.size();) {
      const bool mark = text.substr(at).starts_with(kMark);
      if (mark && other) return false;
      other = !mark;
      at += mark ? kMark.size() : 1;
    }
  }
  return true;
}

Status Bpe::encode(std::string_view piece, const PieceOptions& options, ModelScratch& scratch, TokenList& out) const {
  const auto whole = options_.ignore_merges ? vocabulary_.find(piece) : std::nullopt;
  if (whole && !(options.plain && controls_.contains(*whole))) {
    out.push_back(*whole);
    return {};
  }
  if (!breaks_at_marks_) return word(piece, options, scratch, out);
  std::size_t begin = 0;
  for (std::size_t at = 0; at < piece.size();) {
    while (piece.substr(at).starts_with(kMark)) at += kMark.size();
    at = std::min(piece.find(kMark, at), piece.size());
    MOXIE_TRY(word(piece.substr(begin, at - begin), options, scratch, out));
    begin = at;
  }
  return {};
}

// Reads a piece as the tokens of its characters. Unknown ones wait, for several in a row may become one.
class Bpe::Symbols {
 public:
  Symbols(const Bpe& bpe, std::string_view piece, bool raw) noexcept
      : bpe_(bpe),
        options_(bpe.options_),
        piece_(piece),
        raw_(raw),
        decorated_(!options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty()) {}

  /// Appends symbols until there are `enough` or a few more, or no more come.
  void fill(std::vector<TokenId>& ids, std::size_t enough) {
    if (options_.byte_level && !decorated_) return fill_bytes(ids, enough);
    while (at_ < piece_.size() && ids.size() < enough) next(ids);
    if (at_ == piece_.size()) finish(ids);
  }
  [[nodiscard]] bool done() const noexcept { return at_ == piece_.size(); }

 private:
  void fill_bytes(std::vector<TokenId>& ids, std::size_t enough) {
    while (at_ < piece_.size() && ids.size() < enough) {
      const auto byte = static_cast<unsigned char>(piece_[at_]);
      if (const TokenId id = bpe_.single_[byte]; id >= 0) {
        known(id, ids);
        ++at_;
      } else {
        next(ids);
      }
    }
    if (at_ == piece_.size()) finish(ids);
  }

  void next(std::vector<TokenId>& ids) {
    const std::size_t size = options_.byte_level ? 1
                             : raw_              ? utf8::decode_at(piece_, at_).size
                                                 : utf8::character_size(piece_[at_]);
    const std::string_view text = piece_.substr(at_, size);
    const bool first = at_ == 0;
    at_ += size;
    TokenId id = -1;
    if (decorated_) {
      buffer_.assign(first ? std::string_view() : std::string_view(options_.continuing_subword_prefix));
      buffer_.append(text);
      if (at_ >= piece_.size()) buffer_ += options_.end_of_word_suffix;
      id = bpe_.vocabulary_.find(buffer_).value_or(-1);
    } else if (size == 1) {
      id = bpe_.single_[static_cast<unsigned char>(text[0])];
    } else if (text == kMark) {
      id = bpe_.mark_;
    } else {
      id = bpe_.vocabulary_.find(text).value_or(-1);
    }
    if (id >= 0) return known(id, ids);
    const std::string_view bytes = decorated_ ? std::string_view(buffer_) : text;
    bool by_bytes = options_.byte_fallback;
    for (const char byte : bytes) by_bytes = by_bytes && bpe_.fallback_[static_cast<unsigned char>(byte)] >= 0;
    if (!by_bytes) return unknown(ids);
    // The library that this follows lets an unknown character before it wait on.
    for (const char byte : bytes) ids.push_back(bpe_.fallback_[static_cast<unsigned char>(byte)]);
  }

  void known(TokenId id, std::vector<TokenId>& ids) {
    finish(ids);
    ids.push_back(id);
  }
  void unknown(std::vector<TokenId>& ids) {
    if (!options_.unk) return;  // dropped: the vocabulary has no word for it
    if (waits_ && !options_.fuse_unk) ids.push_back(*options_.unk);
    waits_ = true;
  }
  void finish(std::vector<TokenId>& ids) {
    if (waits_) ids.push_back(*options_.unk);
    waits_ = false;
  }

  const Bpe& bpe_;
  const BpeOptions& options_;
  std::string_view piece_;
  bool raw_;
  bool decorated_;
  std::size_t at_ = 0;
  bool waits_ = false;
  std::string buffer_;
};

Status Bpe::word(std::string_view piece, const PieceOptions& options, ModelScratch& scratch, TokenList& out) const {
  // A byte alone has nothing to merge with. Other symbols ask more: of a suffix, of the bytes of a character.
  if (bytes_alone_ && piece.size() == 1 && !options.plain) {
    if (const TokenId id = single_[static_cast<unsigned char>(piece[0])]; id >= 0) return out.push_back(id), Status();
  }
  const bool cached = WordCache::fits(piece);
  if (cached) {
    if (const auto* known = scratch.cache.find(piece)) {
      if (options.plain) {
        append(known->span(), options, out);
      } else {
        out.append_few(known->ids, known->size);
      }
      return {};
    }
  }
  auto& ids = scratch.ids;
  ids.clear();
  Symbols symbols(*this, piece, options.raw);
  symbols.fill(ids, 2 * Merger::kWindow);
  if (!symbols.done()) return long_word(piece, options, scratch, out);
  scratch.merger.run(ids, [this](TokenId left, TokenId right) { return merges_.find(left, right); });
  if (cached) scratch.cache.keep(piece, ids);
  append(ids, options, out);
  return {};
}

Status Bpe::long_word(std::string_view piece, const PieceOptions& options, ModelScratch& scratch,
                      TokenList& out) const {
  const std::size_t before = out.size();
  for (const std::size_t window : {Merger::kWindow, kWidestWindow}) {
    Symbols symbols(*this, piece, options.raw);
    const bool done = scratch.merger.run_windows(
        window, [&](std::vector<TokenId>& ids, std::size_t enough) { symbols.fill(ids, enough); },
        [this](TokenId left, TokenId right) { return merges_.find(left, right); },
        [&](std::span<const TokenId> ids) { append(ids, options, out); });
    if (done) return {};
    out.truncate(before);
  }
  return Status(Code::kFormat, "BPE", Text("merges that do not reach over ", kWidestWindow, " symbols of one word"),
                Text("some that do, in a word of ", piece.size(), " bytes"));
}

// A control token that came of plain text becomes the symbols that it is written with. Those that are control tokens
// themselves, which no honest vocabulary has, are left out.
void Bpe::append(std::span<const TokenId> ids, const PieceOptions& options, TokenList& out) const {
  const auto bad = [this](TokenId id) { return controls_.contains(id) && id != options_.unk; };
  if (!options.plain || std::none_of(ids.begin(), ids.end(), bad)) return out.append(ids);
  std::vector<TokenId> parts;
  for (const TokenId id : ids) {
    if (!bad(id)) {
      out.push_back(id);
      continue;
    }
    parts.clear();
    Symbols(*this, vocabulary_.text(id), false).fill(parts, vocabulary_.longest() + 1);
    std::erase_if(parts, bad);
    out.append(parts);
  }
}

}  // namespace moxie::text
