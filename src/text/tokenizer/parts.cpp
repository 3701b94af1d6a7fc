// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/parts.hpp"

#include <algorithm>

#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

#include "text/tokenizer/unicode.hpp"

namespace moxie::inline abi1::text {
namespace {

bool is_blank(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Character c = utf8::decode_at(text, at);
    if (!is_space(c.code)) return false;
    at += c.size;
  }
  return true;
}

}  // namespace

const AddedToken* TokenizerParts::added_token(TokenId id) const noexcept {
  const auto found = std::lower_bound(added.begin(), added.end(), id,
                                      [](const AddedToken& token, TokenId wanted) { return token.id < wanted; });
  return found != added.end() && found->id == id ? &*found : nullptr;
}

std::string_view TokenizerParts::text(TokenId id) const noexcept {
  const AddedToken* token = added_token(id);
  return token != nullptr ? std::string_view(token->content) : vocabulary.text(id);
}

std::optional<TokenId> TokenizerParts::find(std::string_view token) const noexcept {
  for (const AddedToken& one : added) {
    if (one.content == token) return one.id;
  }
  return vocabulary.find(token);
}

void describe(TokenizerParts& parts) {
  std::size_t patterns = 0;
  std::size_t by_jit = 0;
  std::size_t published = 0;
  const auto count = [&](const Pattern& pattern) {
    if (pattern.is_literal()) return;
    ++patterns;
    by_jit += pattern.by_jit() ? 1U : 0U;
    published += pattern.published() ? 1U : 0U;
  };
  for (const PreTokenizer::Step& step : parts.pre_tokenizer.steps()) {
    if (const auto* split = std::get_if<SplitStep>(&step)) count(split->pattern);
    if (const auto* level = std::get_if<ByteLevelStep>(&step)) {
      for (const Pattern& pattern : level->pattern) count(pattern);
    }
  }
  parts.description += Text(", ", parts.vocabulary.count(), " tokens, ", parts.added.size(), " added, ", patterns,
                            " patterns (", published, " published, ", by_jit, " by JIT)")
                           .view();
}

Status finish_added_tokens(TokenizerParts& parts, std::string_view where) {
  auto& added = parts.added;
  std::stable_sort(added.begin(), added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  const auto twin = std::adjacent_find(added.begin(), added.end(),
                                       [](const AddedToken& a, const AddedToken& b) { return a.id == b.id; });
  if (twin != added.end()) {
    return Status(Code::kFormat, where, "each added token with an id of its own", Text("id ", twin->id, " twice"));
  }
  parts.size = parts.vocabulary.size();
  Matcher matcher;
  Normalizer::Buffers buffers;
  for (const AddedToken& token : added) {
    if (token.content.size() > AddedMatcher::kMaxBytes) {
      return Status(Code::kUnsupported, where, Text("added tokens of at most ", AddedMatcher::kMaxBytes, " bytes"),
                    Text("id ", token.id, " of ", token.content.size()));
    }
    // Far beyond the vocabulary it would make every table of ids as large as it likes.
    if (token.id < 0 ||
        static_cast<std::size_t>(token.id) > 2 * (parts.vocabulary.size() + added.size()) + (1U << 20)) {
      return Status(Code::kFormat, where, Text("an id near the ", parts.vocabulary.size(), " of the vocabulary"),
                    Text("'", token.content.substr(0, 60), "' as ", token.id));
    }
    parts.size = std::max(parts.size, static_cast<std::size_t>(token.id) + 1);
    const bool harmless = !token.special && is_blank(token.content);
    if (!harmless) parts.controls.insert(token.id);
    if (token.special) parts.specials.insert(token.id);
    if (!token.normalized || parts.normalizer.empty()) {
      (token.normalized ? parts.normalized_matcher : parts.raw_matcher).add(token, token.content, harmless);
      continue;
    }
    matcher.allow(Matcher::allowance(token.content.size()));
    MOXIE_TRY_LET(const MarkedView normal, parts.normalizer.apply({.text = token.content}, false, matcher, buffers));
    if (normal.text.size() > 16 * AddedMatcher::kMaxBytes) {
      return Status(Code::kFormat, where, "added tokens that stay short when normalized", Text("id ", token.id));
    }
    parts.normalized_matcher.add(token, normal.text, harmless);
  }
  if (parts.size == 0) return Status(Code::kFormat, where, "at least one token", "none");
  parts.raw_matcher.finish();
  parts.normalized_matcher.finish();
  return {};
}

}  // namespace moxie::text
