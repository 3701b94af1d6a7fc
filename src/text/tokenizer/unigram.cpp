// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/unigram.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

#include "text/tokenizer/bpe.hpp"
#include "text/tokenizer/hash.hpp"

namespace moxie::inline abi1::text {
namespace {

// Characters of a piece whose tokens' ids are kept with their lengths; in longer ones they are looked up once more.
constexpr std::size_t kKnownIds = 1U << 16;

// How much worse an unknown character is than the worst token.
constexpr double kUnknownPenalty = 10;

// A hash of a beginning from the hash of the one that is a character shorter.
constexpr std::uint64_t longer(std::uint64_t hash, std::uint32_t character) noexcept {
  hash = (hash ^ character) * 0x9fb21c651e98df25U;
  return hash ^ hash >> 32;
}

// A number for the character that has these bytes; a byte that is no UTF-8 shares it with an ASCII one, which does no
// harm, for tokens are compared.
constexpr std::uint32_t number_of(std::string_view text, std::size_t at, std::size_t size) noexcept {
  std::uint32_t number = 0;
  for (std::size_t i = at; i < std::min(at + size, text.size()); ++i) {
    number = number << 8 | static_cast<unsigned char>(text[i]);
  }
  return number;
}

template <class Length>
inline constexpr Length kNoWay = std::numeric_limits<Length>::max();

std::size_t size_at(std::string_view text, std::size_t at, bool raw) noexcept {
  return raw ? utf8::decode_at(text, at).size : utf8::character_size(text[at]);
}

std::size_t count_characters(std::string_view text, bool raw) noexcept {
  if (!raw) {
    return text.size() - static_cast<std::size_t>(std::count_if(text.begin(), text.end(), utf8::is_continuation));
  }
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size(); at += utf8::decode_at(text, at).size) ++n;
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
    const std::string_view text = vocabulary_.text(id);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = utf8::character_size(text[at]);
      remember_beginning(hash = longer(hash, number_of(text, at, size)));
      at += size;
    }
    if (vocabulary_.findable(id)) remember_token(hash, id);
  }
}

void Unigram::remember_beginning(std::uint64_t hash) {
  beginnings_[place(hash, beginnings_.size())] |= std::uint64_t{1} << (hash & 63) | std::uint64_t{1}
                                                                                        << (hash >> 6 & 63);
}

bool Unigram::may_begin(std::uint64_t hash) const noexcept {
  const std::uint64_t wanted = std::uint64_t{1} << (hash & 63) | std::uint64_t{1} << (hash >> 6 & 63);
  return (beginnings_[place(hash, beginnings_.size())] & wanted) == wanted;
}

void Unigram::remember_token(std::uint64_t hash, TokenId id) noexcept {
  std::size_t slot = place(hash, slots_.size());
  while (slots_[slot] >= 0) slot = slot + 1 == slots_.size() ? 0 : slot + 1;
  slots_[slot] = id;
}

TokenId Unigram::token_of(std::uint64_t hash, std::string_view text) const noexcept {
  std::size_t slot = place(hash, slots_.size());
  while (slots_[slot] >= 0 && vocabulary_.text(slots_[slot]) != text) slot = slot + 1 == slots_.size() ? 0 : slot + 1;
  return slots_[slot];
}

Status Unigram::encode(std::string_view piece, const PieceOptions& options, ModelScratch& scratch,
                       TokenList& out) const {
  // A token has no more characters than bytes.
  if (vocabulary_.longest() < kNoWay<std::uint8_t>) {
    MOXIE_TRY(best_way(piece, options, scratch.lengths, scratch));
    follow(piece, options, scratch.lengths, scratch.ids, out);
  } else {
    MOXIE_TRY(best_way(piece, options, scratch.long_lengths, scratch));
    follow(piece, options, scratch.long_lengths, scratch.ids, out);
  }
  return {};
}

// lengths[i]: how many characters the last token has on the best way to where the first i end.
template <class Length>
Status Unigram::best_way(std::string_view piece, const PieceOptions& options, std::vector<Length>& lengths,
                         ModelScratch& scratch) const {
  lengths.assign(count_characters(piece, options.raw) + 1, kNoWay<Length>);
  auto& ids = scratch.ids;
  ids.clear();
  if (lengths.size() <= kKnownIds) ids.resize(lengths.size());
  const bool with_ids = !ids.empty();
  // No token, known or not, reaches further than that: older scores give way to new ones.
  const std::size_t longest = std::max<std::size_t>(vocabulary_.longest(), 4);
  const std::size_t mask = std::bit_ceil(longest + 1) - 1;
  auto& scores = scratch.scores;
  scores.assign(mask + 1, 0);
  const auto reach = [&](std::size_t place, std::size_t length, TokenId id, double score) {
    if (lengths[place] != kNoWay<Length> && score <= scores[place & mask]) return;
    scores[place & mask] = score;
    lengths[place] = static_cast<Length>(length);
    if (with_ids) ids[place] = id;
  };
  // The tokens that begin at a place, by their lengths. In a run of one character they are the same at the next.
  struct Known {
    std::size_t length;
    TokenId id;
    double score;
  };
  std::vector<Known> known;
  bool has_single = false;
  std::size_t at = 0;      // in characters
  std::size_t before = 0;  // the size of the character before, in bytes
  for (std::size_t begin = 0; begin < piece.size(); ++at) {
    const double here = scores[at & mask];
    const std::size_t character = size_at(piece, begin, options.raw);
    const bool same = before > 0 && begin + longest < piece.size() &&
                      piece.substr(begin, longest + 1) == piece.substr(begin - before, longest + 1);
    if (!same) {
      known.clear();
      has_single = false;
      const std::size_t most = std::min(piece.size(), begin + longest);
      std::uint64_t hash = seed_;
      std::size_t length = 0;
      for (std::size_t end = begin; end < most;) {
        const std::size_t size = size_at(piece, end, options.raw);
        hash = longer(hash, number_of(piece, end, size));
        end += size;
        ++length;
        if (!may_begin(hash)) break;
        const TokenId id = token_of(hash, piece.substr(begin, end - begin));
        if (id < 0 || (options.plain && controls_.contains(id))) continue;
        known.push_back({length, id, scores_[static_cast<std::size_t>(id)]});
        has_single = has_single || length == 1;
      }
    }
    for (const Known& token : known) reach(at + token.length, token.length, token.id, here + token.score);
    if (!has_single) {
      if (!options_.unk) {
        return Status(Code::kFormat, "Unigram", "unk_id, for a character that the vocabulary lacks",
                      Text("none, and U+", static_cast<std::uint32_t>(utf8::decode_at(piece, begin).code)));
      }
      reach(at + 1, 1, *options_.unk, here + unk_score_);
    }
    before = character;
    begin += character;
  }
  return {};
}

template <class Length>
void Unigram::follow(std::string_view piece, const PieceOptions& options, std::vector<Length>& lengths,
                     std::vector<TokenId>& ids, TokenList& out) const {
  // Backwards once: what is known of each token on the best way moves from its end to its beginning.
  const bool with_ids = !ids.empty();
  Length length = lengths.back();
  TokenId id = with_ids ? ids.back() : -1;
  for (std::size_t place = lengths.size() - 1; place > 0;) {
    place -= length;
    std::swap(length, lengths[place]);
    if (with_ids) std::swap(id, ids[place]);
  }
  std::size_t unknown_begin = piece.size();  // of unknown characters in a row, which are one
  std::size_t begin = 0;
  for (std::size_t place = 0; begin < piece.size(); place += lengths[place]) {
    std::size_t end = begin;
    for (std::size_t i = 0; i < lengths[place]; ++i) end += size_at(piece, end, options.raw);
    if (with_ids) {
      id = ids[place];
    } else {
      id = vocabulary_.find(piece.substr(begin, end - begin)).value_or(-1);
      if (id < 0 || (options.plain && controls_.contains(id))) id = *options_.unk;
    }
    if (id == options_.unk) {
      unknown_begin = std::min(unknown_begin, begin);
    } else {
      if (unknown_begin < begin) unknown(piece.substr(unknown_begin, begin - unknown_begin), options, out);
      unknown_begin = piece.size();
      out.push_back(id);
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
