// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/bpe.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "text/tokenizer/utf8.hpp"

namespace moxie::text {
namespace {

// What SentencePiece writes for a space: U+2581.
constexpr std::string_view kMark = "\xe2\x96\x81";

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

Status Bpe::encode(std::string_view piece, const PieceOptions& options, ModelScratch& scratch,
                   std::vector<TokenId>& out) const {
  const std::size_t before = out.size();
  const auto whole = options_.ignore_merges ? vocabulary_.find(piece) : std::nullopt;
  if (whole && !(options.plain && controls_.contains(*whole))) {
    out.push_back(*whole);
    return {};
  }
  if (!breaks_at_marks_) {
    word(piece, options, scratch, out);
  } else {
    std::size_t begin = 0;
    for (std::size_t at = 0; at < piece.size();) {
      while (piece.substr(at).starts_with(kMark)) at += kMark.size();
      at = std::min(piece.find(kMark, at), piece.size());
      word(piece.substr(begin, at - begin), options, scratch, out);
      begin = at;
    }
  }
  if (options.plain) without_controls(before, out);
  return {};
}

void Bpe::word(std::string_view piece, const PieceOptions& options, ModelScratch& scratch,
               std::vector<TokenId>& out) const {
  const bool cached = WordCache::fits(piece) && !options.escapes;
  if (cached) {
    const auto known = scratch.cache.find(piece);
    if (!known.empty()) {
      out.insert(out.end(), known.begin(), known.end());
      return;
    }
  }
  // In the place where the tokens will be: a long word costs no second list.
  const std::size_t first = out.size();
  symbols(piece, options.escapes, out);
  const auto find = [this](TokenId left, TokenId right) { return merges_.find(left, right); };
  if (!scratch.merger.run(out, first, find)) {
    out.resize(first);
    symbols(piece, options.escapes, out);
    scratch.merger.run_whole(out, first, find);
  }
  if (cached) scratch.cache.keep(piece, std::span(out).subspan(first));
}

// Collects symbols; unknown ones wait, for several in a row may become one.
class Bpe::Symbols {
 public:
  Symbols(const BpeOptions& options, std::vector<TokenId>& ids) noexcept : options_(options), ids_(ids) {}

  void known(TokenId id) {
    finish();
    ids_.push_back(id);
  }
  // A byte's token. The library that this follows lets an unknown character before it wait on.
  void byte(TokenId id) { ids_.push_back(id); }
  void unknown() {
    if (!options_.unk) return;  // dropped: the vocabulary has no word for it
    if (waits_ && !options_.fuse_unk) ids_.push_back(*options_.unk);
    waits_ = true;
  }
  void finish() {
    if (waits_) ids_.push_back(*options_.unk);
    waits_ = false;
  }

 private:
  const BpeOptions& options_;
  std::vector<TokenId>& ids_;
  bool waits_ = false;
};

void Bpe::symbols(std::string_view piece, bool escapes, std::vector<TokenId>& ids) const {
  Symbols symbols(options_, ids);
  const bool decorated = !options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty();
  std::string buffer;
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t size = options_.byte_level ? 1 : character_size(piece[at]);
    std::string_view text = piece.substr(at, size);
    const bool first = at == 0;
    at += size;
    TokenId id = -1;
    if (decorated) {
      buffer.assign(first ? std::string_view() : std::string_view(options_.continuing_subword_prefix));
      buffer.append(text);
      if (at >= piece.size()) buffer += options_.end_of_word_suffix;
      text = buffer;
      id = vocabulary_.find(text).value_or(-1);
    } else if (size == 1) {
      id = single_[static_cast<unsigned char>(text[0])];
    } else if (text == kMark) {
      id = mark_;
    } else {
      id = vocabulary_.find(text).value_or(-1);
    }
    if (id >= 0) {
      symbols.known(id);
      continue;
    }
    char escaped = 0;
    if (escapes && size == 4 && is_escaped_byte(decode_at(text, 0).code)) {
      escaped = static_cast<char>(decode_at(text, 0).code - kEscapedByte);
      text = {&escaped, 1};
    }
    bool by_bytes = options_.byte_fallback;
    for (const char byte : text) by_bytes = by_bytes && fallback_[static_cast<unsigned char>(byte)] >= 0;
    if (by_bytes) {
      for (const char byte : text) symbols.byte(fallback_[static_cast<unsigned char>(byte)]);
    } else {
      symbols.unknown();
    }
  }
  symbols.finish();
}

// A control token that came of plain text becomes the symbols that it is written with. Those that are control tokens
// themselves, which no honest vocabulary has, are left out.
void Bpe::without_controls(std::size_t from, std::vector<TokenId>& out) const {
  const auto bad = [this](TokenId id) { return controls_.contains(id) && id != options_.unk; };
  if (std::none_of(out.begin() + static_cast<std::ptrdiff_t>(from), out.end(), bad)) return;
  std::vector<TokenId> tail(out.begin() + static_cast<std::ptrdiff_t>(from), out.end());
  out.resize(from);
  std::vector<TokenId> ids;
  for (const TokenId id : tail) {
    if (!bad(id)) {
      out.push_back(id);
      continue;
    }
    ids.clear();
    symbols(vocabulary_.text(id), false, ids);
    std::erase_if(ids, bad);
    out.insert(out.end(), ids.begin(), ids.end());
  }
}

}  // namespace moxie::text
