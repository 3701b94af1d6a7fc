// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/added_tokens.hpp"

#include <algorithm>

#include <moxie/core/utf8.hpp>

#include "text/tokenizer/unicode.hpp"

namespace moxie::inline abi1::text {
namespace {

bool word_before(std::string_view text, std::size_t at) noexcept {
  return at > 0 && is_word(utf8::character_before(text, at).code);
}
bool word_behind(std::string_view text, std::size_t at) noexcept {
  return at < text.size() && is_word(utf8::decode_at(text, at).code);
}

}  // namespace

void AddedMatcher::add(const AddedToken& token, std::string_view content, bool harmless) {
  if (content.empty()) return;
  entries_.push_back({.content = std::string(content),
                      .id = token.id,
                      .single_word = token.single_word,
                      .lstrip = token.lstrip,
                      .rstrip = token.rstrip,
                      .harmless = harmless});
}

void AddedMatcher::finish() {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.content < b.content; });
  // Two tokens that normalize to one text: the first is found.
  entries_.erase(std::unique(entries_.begin(), entries_.end(),
                             [](const Entry& a, const Entry& b) { return a.content == b.content; }),
                 entries_.end());
  std::size_t i = 0;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    while (i < entries_.size() && static_cast<unsigned char>(entries_[i].content[0]) < byte) ++i;
    first_[byte] = static_cast<std::uint32_t>(i);
  }
  first_[256] = static_cast<std::uint32_t>(entries_.size());
}

// Those that begin like the text are neighbours: the range of them narrows byte by byte.
const AddedMatcher::Entry* AddedMatcher::longest_at(const MarkedView& in, std::size_t at) const noexcept {
  const auto byte = static_cast<unsigned char>(in.text[at]);
  auto begin = entries_.begin() + first_[byte];
  auto end = entries_.begin() + first_[byte + 1U];
  const Entry* best = nullptr;
  for (std::size_t depth = 1; begin != end; ++depth) {
    if (begin->content.size() == depth) {
      if (begin->harmless || !in.marked(at, at + depth)) best = &*begin;
      ++begin;
    }
    if (at + depth == in.text.size()) break;
    const auto next = static_cast<unsigned char>(in.text[at + depth]);
    const auto byte_at = [depth](const Entry& entry) { return static_cast<unsigned char>(entry.content[depth]); };
    begin = std::lower_bound(begin, end, next, [&](const Entry& entry, unsigned char b) { return byte_at(entry) < b; });
    end = std::upper_bound(begin, end, next, [&](unsigned char b, const Entry& entry) { return b < byte_at(entry); });
  }
  return best;
}

bool AddedMatcher::Scan::next(Segment& segment) {
  if (token_) {
    segment = *token_;
    token_.reset();
    return true;
  }
  const std::string_view text = in_.text;
  while (at_ < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at_]);
    const Entry* found = matcher_.first_[byte] == matcher_.first_[byte + 1U] ? nullptr : matcher_.longest_at(in_, at_);
    if (found == nullptr) {
      ++at_;
      continue;
    }
    std::size_t begin = at_;
    std::size_t end = at_ + found->content.size();
    at_ = end;  // whatever becomes of the match
    if (found->single_word && (word_before(text, begin) || word_behind(text, end))) continue;
    while (found->lstrip && begin > done_) {
      const utf8::Character c = utf8::character_before(text, begin);
      if (!is_space(c.code)) break;
      begin = std::max(begin - c.size, done_);
    }
    while (found->rstrip && end < text.size()) {
      const utf8::Character c = utf8::decode_at(text, end);
      if (!is_space(c.code)) break;
      end += c.size;
    }
    const Segment token{begin, end, found->id};
    segment = begin > done_ ? Segment{done_, begin, -1} : token;
    if (begin > done_) token_ = token;
    done_ = std::max(done_, end);
    return true;
  }
  if (done_ >= text.size()) return false;
  segment = {done_, text.size(), -1};
  done_ = text.size();
  return true;
}

}  // namespace moxie::text
