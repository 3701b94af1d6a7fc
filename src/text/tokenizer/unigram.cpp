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
                       std::vector<TokenId>& out) const {
  if (piece.size() >= std::numeric_limits<std::uint32_t>::max()) {
    return Status(Code::kUnsupported, "Unigram", "pieces of less than 4 GiB", Text(piece.size(), " bytes"));
  }
  auto& path = scratch.path;
  path.assign(piece.size() + 1, {});
  // No token, known or not, reaches further than that: older scores give way to new ones.
  const std::size_t longest = std::max<std::size_t>(vocabulary_.longest(), 4);
  const std::size_t mask = std::bit_ceil(longest + 1) - 1;
  auto& scores = scratch.scores;
  scores.assign(mask + 1, 0);
  const auto reach = [&](std::size_t begin, std::size_t end, TokenId id, double score) {
    PathNode& node = path[end];
    if (node.id >= 0 && score <= scores[end & mask]) return;
    scores[end & mask] = score;
    node = {.begin = static_cast<std::uint32_t>(begin), .id = id};
  };
  for (std::size_t begin = 0; begin < piece.size();) {
    const double here = scores[begin & mask];
    const std::size_t character = character_size(piece[begin]);
    const std::size_t most = std::min(piece.size(), begin + longest);
    bool has_single = false;
    std::uint64_t hash = seed_;
    for (std::size_t end = begin; end < most;) {
      hash = longer(hash, piece[end++]);
      const std::uint64_t bits = mix(hash);
      if (!may_begin(bits)) break;
      if (end < piece.size() && (static_cast<unsigned char>(piece[end]) & 0xc0) == 0x80) continue;
      const TokenId id = token_of(bits, piece.substr(begin, end - begin));
      if (id < 0 || (options.plain && controls_.contains(id))) continue;
      reach(begin, end, id, here + scores_[static_cast<std::size_t>(id)]);
      has_single = has_single || end - begin == character;
    }
    if (!has_single) {
      if (!options_.unk) {
        return Status(Code::kFormat, "Unigram", "unk_id, for a character that the vocabulary lacks",
                      Text("none, and U+", static_cast<std::uint32_t>(decode_at(piece, begin).code)));
      }
      reach(begin, begin + character, *options_.unk, here + unk_score_);
    }
    begin += character;
  }

  // Backwards along the best way; unknown characters in a row are one.
  scratch.ids.clear();
  const std::size_t first = out.size();
  for (std::size_t end = piece.size(); end > 0;) {
    const TokenId id = path[end].id;
    std::size_t begin = path[end].begin;
    if (id == options_.unk) {
      while (begin > 0 && path[begin].id == options_.unk) begin = path[begin].begin;
      scratch.ids.clear();
      unknown(piece.substr(begin, end - begin), options, scratch.ids);
      out.insert(out.end(), scratch.ids.rbegin(), scratch.ids.rend());
    } else {
      out.push_back(id);
    }
    end = begin;
  }
  std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
  return {};
}

void Unigram::unknown(std::string_view text, const PieceOptions& options, std::vector<TokenId>& out) const {
  // The characters may be a token together: one that lost, or the unknown token's own text.
  const auto whole = vocabulary_.find(text);
  if (whole && !(options.plain && controls_.contains(*whole))) return out.push_back(*whole);
  std::vector<TokenId> bytes;
  bool complete = options_.byte_fallback;
  for (std::size_t at = 0; at < text.size() && complete;) {
    const Character c = decode_at(text, at);
    std::string_view raw = text.substr(at, c.size);
    const char escaped = static_cast<char>(c.code - kEscapedByte);
    if (options.escapes && is_escaped_byte(c.code)) raw = {&escaped, 1};
    for (const char byte : raw) {
      const TokenId id = fallback_[static_cast<unsigned char>(byte)];
      complete = complete && id >= 0;
      bytes.push_back(id);
    }
    at += c.size;
  }
  if (complete) {
    out.insert(out.end(), bytes.begin(), bytes.end());
  } else {
    out.push_back(*options_.unk);
  }
}

}  // namespace moxie::text
