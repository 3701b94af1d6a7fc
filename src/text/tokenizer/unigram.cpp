// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/unigram.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include <moxie/core/text.hpp>

#include "text/tokenizer/bpe.hpp"
#include "text/tokenizer/hash.hpp"
#include "text/tokenizer/utf8.hpp"

namespace moxie::text {
namespace {

// How much worse an unknown character is than the worst token.
constexpr double kUnknownPenalty = 10;

// A hash of a beginning from the hash of the one that is a byte shorter.
constexpr std::uint64_t longer(std::uint64_t hash, char byte) noexcept {
  hash = (hash ^ static_cast<unsigned char>(byte)) * 0x9fb21c651e98df25U;
  return hash ^ hash >> 32;
}

template <class Length>
inline constexpr Length kNoWay = std::numeric_limits<Length>::max();

constexpr bool is_continued(char byte) noexcept { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

std::size_t size_at(std::string_view text, std::size_t at, bool raw) noexcept {
  return raw ? decode_at(text, at).size : character_size(text[at]);
}

std::size_t count_characters(std::string_view text, bool raw) noexcept {
  if (!raw) {
    return text.size() - static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_continued));
  }
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size(); at += decode_at(text, at).size) ++n;
  return n;
}

}  // namespace

Unigram::Unigram(const Vocabulary& vocabulary, const ControlSet& controls, std::vector<double> scores,
                 const UnigramOptions& options, std::uint64_t seed)
    : vocabulary_(vocabulary),
      controls_(controls),
      scores_(std::move(scores)),
      options_(options),
      fallback_(byte_tokens(vocabulary)),
      seed_(mix(seed)) {
  std::size_t bytes = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < vocabulary_.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (!vocabulary_.has(id)) continue;
    bytes += vocabulary_.text(id).size();
    least = std::min(least, scores_[i]);
  }
  unk_score_ = least - kUnknownPenalty;
  beginnings_.assign(bytes / 8 + 1, 0);  // 8 bits for each
  slots_.assign(vocabulary_.count() + vocabulary_.count() / 2 + 1, -1);
  for (std::size_t i = 0; i < vocabulary_.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    std::uint64_t hash = seed_;
    for (const char byte : vocabulary_.text(id)) remember_beginning(hash = longer(hash, byte));
    if (vocabulary_.findable(id)) remember_token(mix(hash), id);
  }
}

void Unigram::remember_beginning(std::uint64_t hash) {
  const std::uint64_t bits = mix(hash);
  beginnings_[place(bits, beginnings_.size())] |= std::uint64_t{1} << (bits & 63) | std::uint64_t{1}
                                                                                        << (bits >> 6 & 63);
}

// bits: mix() of a hash.
bool Unigram::may_begin(std::uint64_t bits) const noexcept {
  const std::uint64_t wanted = std::uint64_t{1} << (bits & 63) | std::uint64_t{1} << (bits >> 6 & 63);
  return (beginnings_[place(bits, beginnings_.size())] & wanted) == wanted;
}

void Unigram::remember_token(std::uint64_t bits, TokenId id) noexcept {
  std::size_t slot = place(bits, slots_.size());
  while (slots_[slot] >= 0) slot = slot + 1 == slots_.size() ? 0 : slot + 1;
  slots_[slot] = id;
}

TokenId Unigram::token_of(std::uint64_t bits, std::string_view text) const noexcept {
  std::size_t slot = place(bits, slots_.size());
  while (slots_[slot] >= 0 && vocabulary_.text(slots_[slot]) != text) slot = slot + 1 == slots_.size() ? 0 : slot + 1;
  return slots_[slot];
}

Status Unigram::encode(std::string_view piece, const PieceOptions& options, ModelScratch& scratch,
                       TokenList& out) const {
  // A token has no more characters than bytes.
  if (vocabulary_.longest() < kNoWay<std::uint8_t>) {
    MOXIE_TRY(best_way(piece, options, scratch.lengths, scratch.scores));
    follow(piece, options, scratch.lengths, out);
  } else {
    MOXIE_TRY(best_way(piece, options, scratch.long_lengths, scratch.scores));
    follow(piece, options, scratch.long_lengths, out);
  }
  return {};
}

// lengths[i]: how many characters the last token has on the best way to where the first i end.
template <class Length>
Status Unigram::best_way(std::string_view piece, const PieceOptions& options, std::vector<Length>& lengths,
                         std::vector<double>& scores) const {
  lengths.assign(count_characters(piece, options.raw) + 1, kNoWay<Length>);
  // No token, known or not, reaches further than that: older scores give way to new ones.
  const std::size_t longest = std::max<std::size_t>(vocabulary_.longest(), 4);
  const std::size_t mask = std::bit_ceil(longest + 1) - 1;
  scores.assign(mask + 1, 0);
  const auto reach = [&](std::size_t place, std::size_t length, double score) {
    if (lengths[place] != kNoWay<Length> && score <= scores[place & mask]) return;
    scores[place & mask] = score;
    lengths[place] = static_cast<Length>(length);
  };
  std::size_t at = 0;  // in characters
  for (std::size_t begin = 0; begin < piece.size(); ++at) {
    const double here = scores[at & mask];
    const std::size_t character = size_at(piece, begin, options.raw);
    const std::size_t most = std::min(piece.size(), begin + longest);
    bool has_single = false;
    std::uint64_t hash = seed_;
    std::size_t length = 0;
    for (std::size_t end = begin; end < most;) {
      length += is_continued(piece[end]) ? 0U : 1U;
      hash = longer(hash, piece[end++]);
      const std::uint64_t bits = mix(hash);
      if (!may_begin(bits)) break;
      // Where all is UTF-8, only the ends of characters matter. Otherwise tokens, which are UTF-8, tell where those
      // are.
      if (!options.raw && end < piece.size() && is_continued(piece[end])) continue;
      const TokenId id = token_of(bits, piece.substr(begin, end - begin));
      if (id < 0 || (options.plain && controls_.contains(id))) continue;
      reach(at + length, length, here + scores_[static_cast<std::size_t>(id)]);
      has_single = has_single || end - begin == character;
    }
    if (!has_single) {
      if (!options_.unk) {
        return Status(Code::kFormat, "Unigram", "unk_id, for a character that the vocabulary lacks",
                      Text("none, and U+", static_cast<std::uint32_t>(decode_at(piece, begin).code)));
      }
      reach(at + 1, 1, here + unk_score_);
    }
    begin += character;
  }
  return {};
}

template <class Length>
void Unigram::follow(std::string_view piece, const PieceOptions& options, std::vector<Length>& lengths,
                     TokenList& out) const {
  // Backwards once: the length of each token on the best way moves from its end to its beginning.
  Length length = lengths.back();
  for (std::size_t place = lengths.size() - 1; place > 0;) {
    place -= length;
    std::swap(length, lengths[place]);
  }
  std::size_t unknown_begin = piece.size();  // of unknown characters in a row, which are one
  std::size_t begin = 0;
  for (std::size_t place = 0; begin < piece.size(); place += lengths[place]) {
    std::size_t end = begin;
    for (std::size_t i = 0; i < lengths[place]; ++i) end += size_at(piece, end, options.raw);
    const auto id = vocabulary_.find(piece.substr(begin, end - begin));
    if (!id || id == options_.unk || (options.plain && controls_.contains(*id))) {
      unknown_begin = std::min(unknown_begin, begin);
    } else {
      if (unknown_begin < begin) unknown(piece.substr(unknown_begin, begin - unknown_begin), options, out);
      unknown_begin = piece.size();
      out.push_back(*id);
    }
    begin = end;
  }
  if (unknown_begin < piece.size()) unknown(piece.substr(unknown_begin), options, out);
}

void Unigram::unknown(std::string_view text, const PieceOptions& options, TokenList& out) const {
  // The characters may be a token together: one that lost, or the unknown token's own text.
  const auto whole = vocabulary_.find(text);
  if (whole && !(options.plain && controls_.contains(*whole))) return out.push_back(*whole);
  const auto token = [this](char byte) { return fallback_[static_cast<unsigned char>(byte)]; };
  if (options_.byte_fallback && std::all_of(text.begin(), text.end(), [&](char byte) { return token(byte) >= 0; })) {
    for (const char byte : text) out.push_back(token(byte));
  } else {
    out.push_back(*options_.unk);
  }
}

}  // namespace moxie::text
