// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

#include "text/tokenizer/bpe.hpp"
#include "text/tokenizer/parts.hpp"
#include "text/tokenizer/pre_names.hpp"
#include "text/tokenizer/unigram.hpp"

namespace moxie::inline abi1::text {
namespace {

constexpr std::string_view kWhere = "tokenizer.ggml";
// What SentencePiece writes for a space: U+2581.
constexpr std::string_view kMark = "\xe2\x96\x81";
// Each token of "llama" is cut at every character to find what it may be merged from.
constexpr std::size_t kMaxPieceBytes = 512;

TokenType type_of(const TokenizerData& data, std::size_t id) noexcept {
  return data.types.empty() ? TokenType::kNormal : data.types[id];
}

Status check_sizes(const TokenizerData& data) {
  const auto same = [&](std::size_t n, std::string_view what) {
    if (n == 0 || n == data.tokens.size()) return Status();
    return Status(Code::kFormat, kWhere, Text("one of ", what, " for each of ", data.tokens.size(), " tokens"),
                  Text(n));
  };
  if (data.tokens.empty()) return Status(Code::kFormat, kWhere, "at least one token", "none");
  MOXIE_TRY(same(data.types.size(), "token_type"));
  MOXIE_TRY(same(data.scores.size(), "scores"));
  for (const TokenType type : data.types) {
    if (type < TokenType::kNormal || type > TokenType::kByte) {
      return Status(Code::kFormat, kWhere, "token types of 1 to 6", Text(static_cast<int>(type)));
    }
  }
  for (const std::string_view token : data.tokens) {
    if (utf8::valid_size(token) != token.size()) {
      return Status(Code::kFormat, kWhere, "tokens in UTF-8", Text("'", token.substr(0, 40), "'"));
    }
  }
  return {};
}

std::uint64_t seed_of(const TokenizerData& data) noexcept {
  std::uint64_t seed = data.tokens.size();
  for (const std::string_view token : data.tokens) seed = hash_bytes(token, seed);
  for (const std::string_view merge : data.merges) seed = hash_bytes(merge, seed);
  return seed;
}

// Control tokens are found in text and never made of it, so they are no part of the model's vocabulary.
Status read_tokens(const TokenizerData& data, std::uint64_t seed, TokenizerParts& parts) {
  for (std::size_t i = 0; i < data.tokens.size(); ++i) {
    const TokenType type = type_of(data, i);
    const bool special = type == TokenType::kControl || type == TokenType::kUnknown;
    if (special || type == TokenType::kUserDefined) {
      if (parts.added.size() == kMaxAddedTokens) {
        return Status(Code::kUnsupported, kWhere, Text("at most ", kMaxAddedTokens, " control and user-defined tokens"),
                      "more");
      }
      AddedToken token;
      token.id = static_cast<TokenId>(i);
      token.content = data.tokens[i];
      token.special = special;
      parts.added.push_back(std::move(token));
    }
    if (!special) MOXIE_TRY(parts.vocabulary.add(i, data.tokens[i]));
  }
  return parts.vocabulary.index(seed);
}

Status read_special(std::optional<TokenId> id, std::string_view name, const TokenizerParts& parts,
                    std::optional<TokenId>& out) {
  if (id && !parts.has(*id)) {
    return Status(Code::kFormat, kWhere, Text(name, " as the id of a token below ", parts.size), Text(*id));
  }
  out = id;
  return {};
}

// Where no key names it, the token of that type.
std::optional<TokenId> unknown_token(const TokenizerData& data) {
  if (data.unk) return data.unk;
  const auto found = std::find(data.types.begin(), data.types.end(), TokenType::kUnknown);
  if (found == data.types.end()) return std::nullopt;
  return static_cast<TokenId>(found - data.types.begin());
}

// add_bos, add_eos: what tokenizers of this kind do where the data do not say.
Status read_around(const TokenizerData& data, bool add_bos, bool add_eos, TokenizerParts& parts) {
  MOXIE_TRY(read_special(data.bos, "bos_token_id", parts, parts.bos));
  MOXIE_TRY(read_special(data.eos, "eos_token_id", parts, parts.eos));
  MOXIE_TRY(read_special(unknown_token(data), "unknown_token_id", parts, parts.unk));
  MOXIE_TRY(read_special(data.pad, "padding_token_id", parts, parts.pad));
  const auto need = [&](bool wanted, std::optional<TokenId> id, std::string_view flag, std::vector<TokenId>& out) {
    if (!wanted) return Status();
    if (!id) return Status(Code::kFormat, kWhere, Text("the token that ", flag, " asks for"), "none");
    out.push_back(*id);
    return Status();
  };
  MOXIE_TRY(need(data.add_bos.value_or(add_bos && data.bos), data.bos, "add_bos_token", parts.prefix));
  return need(data.add_eos.value_or(add_eos && data.eos), data.eos, "add_eos_token", parts.suffix);
}

Status make_byte_level(const TokenizerData& data, std::uint64_t seed, TokenizerParts& parts, bool& add_bos) {
  const PreNamed* pre = find_pre(data.pre.empty() ? "default" : data.pre);
  if (pre == nullptr) {
    std::string names;
    for (const std::string_view name : pre_tokenizer_names()) names.append(names.empty() ? "" : ", ").append(name);
    return Status(Code::kUnsupported, kWhere, "pre as one of " + names, data.pre.substr(0, 60));
  }
  if (pre->nfc) parts.normalizer.add(UnicodeForm::make(UnicodeForm::Kind::kNfc));
  const auto cut_at = [&](std::span<const std::string_view> patterns) -> Status {
    for (const std::string_view expression : patterns) {
      MOXIE_TRY_LET(Pattern pattern, Pattern::regex(expression));
      parts.pre_tokenizer.add(SplitStep{std::move(pattern), Behavior::kIsolated, false});
    }
    return {};
  };
  MOXIE_TRY(cut_at(pre->patterns));
  parts.pre_tokenizer.add(ByteLevelStep{});
  MOXIE_TRY(cut_at(pre->byte_patterns));
  add_bos = pre->add_bos;

  parts.merges = MergeTable(seed);
  parts.merges.expect(data.merges.size());
  std::string joined;
  for (std::size_t rank = 0; rank < data.merges.size(); ++rank) {
    const std::string_view merge = data.merges[rank];
    // A token may begin with the space between the two only where it is no byte-level one, so the first one is it.
    const std::size_t space = merge.find(' ', 1);
    const std::string_view left = merge.substr(0, space);
    const std::string_view right = space == std::string_view::npos ? std::string_view() : merge.substr(space + 1);
    joined.assign(left).append(right);
    const auto l = parts.vocabulary.find(left);
    const auto r = parts.vocabulary.find(right);
    const auto both = parts.vocabulary.find(joined);
    if (!l || !r || !both) {
      return Status(Code::kFormat, kWhere, Text("merge ", rank, " of tokens in the vocabulary"),
                    Text("'", merge.substr(0, 120), "'"));
    }
    parts.merges.add(*l, *r, static_cast<std::uint32_t>(rank), *both);
  }
  parts.vocabulary.to_bytes();
  MOXIE_TRY(parts.vocabulary.index(seed));
  BpeOptions options;
  options.byte_level = true;
  options.ignore_merges = pre->ignore_merges;
  parts.model = std::make_unique<Bpe>(parts.vocabulary, parts.merges, parts.controls, std::move(options));
  parts.decoder.add(ByteLevelDecode{});
  parts.description = "byte-level BPE";
  return {};
}

Status check_scores(const TokenizerData& data) {
  if (data.scores.empty()) return Status(Code::kFormat, kWhere, "scores", "none");
  for (const float score : data.scores) {
    if (!std::isfinite(score)) return Status(Code::kFormat, kWhere, "finite scores", "one that is not");
  }
  return {};
}

// SentencePiece merges the two neighbours whose joined text has the best score. As a table: every way to cut a token
// into two tokens is a merge, and its rank is the place of its score among all scores, best first.
template <class Use>
Status each_cut(const TokenizerData& data, const TokenizerParts& parts, const Use& use) {
  for (std::size_t id = 0; id < data.tokens.size(); ++id) {
    const TokenType type = type_of(data, id);
    if (type != TokenType::kNormal && type != TokenType::kUserDefined) continue;
    const std::string_view text = data.tokens[id];
    if (text.size() > kMaxPieceBytes) {
      return Status(Code::kUnsupported, kWhere, Text("tokens of at most ", kMaxPieceBytes, " bytes"),
                    Text(text.size()));
    }
    for (std::size_t cut = 0; cut < text.size();) {
      cut += utf8::character_size(text[cut]);
      if (cut >= text.size()) break;
      const auto left = parts.vocabulary.find(text.substr(0, cut));
      const auto right = left ? parts.vocabulary.find(text.substr(cut)) : std::nullopt;
      if (right) use(*left, *right, id);
    }
  }
  return {};
}

Status score_merges(const TokenizerData& data, std::uint64_t seed, TokenizerParts& parts) {
  // Published vocabularies have two or three cuts for each token. A hostile one may have as many as it has characters;
  // it must not cost more than in proportion to its size.
  std::size_t bytes = 0;
  for (const std::string_view token : data.tokens) bytes += token.size() + 16;
  const std::size_t most = (2 * bytes + (8U << 20)) / MergeTable::kBytesPerMerge;
  std::size_t count = 0;
  MOXIE_TRY(each_cut(data, parts, [&](TokenId, TokenId, std::size_t) { ++count; }));
  if (count > most) {
    return Status(Code::kUnsupported, kWhere, Text("at most ", most, " ways to make a token of two tokens"),
                  Text(count));
  }
  std::vector<float> scores = data.scores;
  std::sort(scores.begin(), scores.end(), std::greater<>());
  scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
  parts.merges = MergeTable(seed);
  parts.merges.expect(count);
  return each_cut(data, parts, [&](TokenId left, TokenId right, std::size_t id) {
    const auto rank = std::lower_bound(scores.begin(), scores.end(), data.scores[id], std::greater<>());
    parts.merges.add(left, right, static_cast<std::uint32_t>(rank - scores.begin()), static_cast<TokenId>(id));
  });
}

Status make_sentencepiece(const TokenizerData& data, std::uint64_t seed, TokenizerParts& parts) {
  MOXIE_TRY(check_scores(data));
  const bool prefix = data.add_space_prefix.value_or(true);
  if (prefix) parts.normalizer.add(Prepend{std::string(kMark)});
  parts.normalizer.add(Replace{Pattern::literal(" "), std::string(kMark)});
  MOXIE_TRY(score_merges(data, seed, parts));
  BpeOptions options;
  options.byte_fallback = true;
  options.fuse_unk = true;
  options.unk = unknown_token(data);
  parts.model = std::make_unique<Bpe>(parts.vocabulary, parts.merges, parts.controls, std::move(options));
  parts.decoder.add(ReplaceDecode{Pattern::literal(kMark), " "});
  parts.decoder.add(ByteFallbackDecode{});
  parts.decoder.add(FuseDecode{});
  if (prefix) parts.decoder.add(StripDecode{" ", 1, 0});
  parts.description = "SentencePiece BPE with byte fallback";
  return {};
}

Status make_unigram(const TokenizerData& data, std::uint64_t seed, TokenizerParts& parts) {
  MOXIE_TRY(check_scores(data));
  if (parts.vocabulary.longest() > Unigram::kMaxTokenBytes) {
    return Status(Code::kUnsupported, kWhere, Text("tokens of at most ", Unigram::kMaxTokenBytes, " bytes"),
                  Text(parts.vocabulary.longest()));
  }
  if (data.remove_extra_spaces.value_or(false)) {
    parts.normalizer.add(Strip{});
    MOXIE_TRY_LET(Pattern spaces, Pattern::regex(" {2,}"));
    parts.normalizer.add(Replace{std::move(spaces), " "});
  }
  const bool prefix = data.add_space_prefix.value_or(true);
  using Prepend = MetaspaceStep::Prepend;
  parts.pre_tokenizer.add(MetaspaceStep{std::string(kMark), prefix ? Prepend::kAlways : Prepend::kNever, true});
  UnigramOptions options;
  options.unk = unknown_token(data);
  options.byte_fallback = std::find(data.types.begin(), data.types.end(), TokenType::kByte) != data.types.end();
  std::vector<double> scores(data.scores.begin(), data.scores.end());
  parts.model = std::make_unique<Unigram>(parts.vocabulary, parts.controls, std::move(scores), options, seed);
  if (options.byte_fallback) parts.decoder.add(ByteFallbackDecode{});
  parts.decoder.add(MetaspaceDecode{std::string(kMark), prefix});
  parts.description = options.byte_fallback ? "Unigram with byte fallback" : "Unigram";
  return {};
}

}  // namespace

Result<std::shared_ptr<const TokenizerParts>> read_tokenizer_data(const TokenizerData& data) {
  const bool byte_level = data.model == "gpt2";
  const bool unigram = data.model == "t5";
  if (!byte_level && !unigram && data.model != "llama") {
    return Status(Code::kUnsupported, kWhere, "model gpt2, llama or t5",
                  data.model.empty() ? std::string_view("none") : data.model.substr(0, 60));
  }
  MOXIE_TRY(check_sizes(data));
  auto parts = std::make_shared<TokenizerParts>(kWhere);
  const std::uint64_t seed = seed_of(data);
  MOXIE_TRY(read_tokens(data, seed, *parts));
  bool add_bos = !unigram;
  if (byte_level) {
    MOXIE_TRY(make_byte_level(data, seed, *parts, add_bos));
  } else {
    MOXIE_TRY(unigram ? make_unigram(data, seed, *parts) : make_sentencepiece(data, seed, *parts));
  }
  MOXIE_TRY(finish_added_tokens(*parts, kWhere));
  MOXIE_TRY(read_around(data, add_bos, unigram, *parts));
  describe(*parts);
  return std::shared_ptr<const TokenizerParts>(std::move(parts));
}

}  // namespace moxie::text
