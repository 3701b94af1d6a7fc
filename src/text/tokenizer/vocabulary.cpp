// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/vocabulary.hpp"

#include <algorithm>
#include <limits>

#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

#include "text/tokenizer/byte_alphabet.hpp"
#include "text/tokenizer/hash.hpp"

namespace moxie::inline abi1::text {

Status Vocabulary::add(std::uint64_t id, std::string_view text) {
  if (id >= kMaxTokens) return Status(Code::kFormat, where_, Text("token ids below ", kMaxTokens), Text(id));
  // Memory for ids that no token has must not outgrow the file.
  if (id > 2 * count_ + (1U << 20)) {
    return Status(Code::kFormat, where_, Text("ids near the number of tokens, ", count_ + 1), Text(id));
  }
  if (text.size() >= kHidden || texts_.size() + text.size() > std::numeric_limits<std::uint32_t>::max()) {
    return Status(Code::kUnsupported, where_, "less than 4 GiB of tokens", "more");
  }
  const auto index = static_cast<std::size_t>(id);
  if (index >= entries_.size()) entries_.resize(index + 1);
  if (entries_[index].flags_and_size != kAbsent) {
    return Status(Code::kFormat, where_, "each id once",
                  Text("id ", id, " for '", this->text(static_cast<TokenId>(id)).substr(0, 60), "' and '",
                       text.substr(0, 60), "'"));
  }
  entries_[index] = {.offset = static_cast<std::uint32_t>(texts_.size()),
                     .flags_and_size = static_cast<std::uint32_t>(text.size())};
  texts_.insert(texts_.end(), text.begin(), text.end());
  longest_ = std::max(longest_, text.size());
  ++count_;
  return {};
}

Status Vocabulary::index(std::uint64_t seed) {
  seed_ = seed;
  slots_.clear();
  slots_.assign(count_ + count_ / 2 + 1, -1);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (!findable(id)) continue;
    const std::string_view text = this->text(id);
    std::size_t slot = place(hash_bytes(text, seed_), slots_.size());
    while (slots_[slot] >= 0) {
      if (this->text(slots_[slot]) == text) {
        return Status(Code::kFormat, where_, "each token once",
                      Text("'", text.substr(0, 60), "' as ", slots_[slot], " and ", id));
      }
      if (++slot == slots_.size()) slot = 0;
    }
    slots_[slot] = id;
  }
  return {};
}

void Vocabulary::to_bytes() {
  longest_ = 0;
  for (Entry& entry : entries_) {
    if (entry.flags_and_size == kAbsent) continue;
    const std::string_view text(texts_.data() + entry.offset, entry.size());
    bool in_alphabet = true;
    for (std::size_t at = 0; at < text.size() && in_alphabet;) {
      const utf8::Character c = utf8::decode_at(text, at);
      in_alphabet = kByteAlphabet.byte_of(c.code).has_value();
      at += c.size;
    }
    longest_ = std::max(longest_, text.size());
    if (!in_alphabet) {
      entry.flags_and_size |= kHidden;
      continue;
    }
    // A byte is never longer than its character, so this can be done in place.
    std::size_t size = 0;
    for (std::size_t at = 0; at < text.size();) {
      const utf8::Character c = utf8::decode_at(text, at);
      at += c.size;
      texts_[entry.offset + size++] = *kByteAlphabet.byte_of(c.code);
    }
    entry.flags_and_size = static_cast<std::uint32_t>(size);
  }
}

std::optional<TokenId> Vocabulary::find(std::string_view text) const noexcept {
  if (slots_.empty()) return std::nullopt;
  std::size_t slot = place(hash_bytes(text, seed_), slots_.size());
  while (slots_[slot] >= 0) {
    if (this->text(slots_[slot]) == text) return slots_[slot];
    if (++slot == slots_.size()) slot = 0;
  }
  return std::nullopt;
}

}  // namespace moxie::text
