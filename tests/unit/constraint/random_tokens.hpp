// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/constraint/matcher.hpp>
#include <moxie/constraint/vocabulary.hpp>

namespace moxie::test {

/// A vocabulary of every byte and of many pieces of `sample`, of one to twelve bytes, so that tokens end and begin
/// anywhere in such texts. Some tokens are there twice, and one adds nothing.
inline std::vector<std::string> tokens_from(std::string_view sample, std::size_t pieces, std::uint32_t seed) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
  tokens.emplace_back();
  std::mt19937 random(seed);
  for (std::size_t i = 0; i < pieces && !sample.empty(); ++i) {
    const std::size_t size = 1 + random() % 12;
    const std::size_t at = random() % sample.size();
    tokens.emplace_back(sample.substr(at, size));
  }
  return tokens;
}

inline Vocabulary vocabulary_of(const std::vector<std::string>& tokens) {
  const std::vector<std::string_view> views(tokens.begin(), tokens.end());
  return Vocabulary::create(views).value();
}

/// Walks through masks at random and looks at each: it must be exactly the tokens whose bytes fit one by one. Returns
/// the text where it ends by itself, or what it has after `most` tokens; `ended` says which.
struct Walk {
  std::string text;
  bool ended = false;
  std::size_t states = 0;
  std::string mistake;  ///< empty: none
};

inline Walk walk_masks(Matcher matcher, const Vocabulary& vocabulary, std::mt19937& random, std::size_t most,
                       bool check = true) {
  Walk walk;
  std::vector<std::uint64_t> words((vocabulary.size() + 63) / 64);
  for (std::size_t n = 0; n < most; ++n) {
    if (const Status status = matcher.allowed(words); !status.ok()) {
      walk.mistake = std::string(status.message());
      return walk;
    }
    ++walk.states;
    std::vector<TokenId> fit;
    for (std::size_t id = 0; id < vocabulary.size(); ++id) {
      const auto token = static_cast<TokenId>(id);
      const bool is = (words[id / 64] >> id % 64 & 1U) != 0;
      if (is) fit.push_back(token);
      if (!check) continue;
      const bool fits = matcher.accept(token).ok();
      if (fits && !matcher.rollback(1).ok()) walk.mistake = "rollback";
      if (fits != is) {
        walk.mistake = "token '" + std::string(vocabulary.bytes(token)) + "' behind '" + walk.text + "': mask " +
                       (is ? "allows" : "forbids");
        return walk;
      }
    }
    const bool may_end = matcher.may_end();
    if (fit.empty() && !may_end) {
      walk.mistake = "a dead end behind '" + walk.text + "'";
      return walk;
    }
    if (may_end && (fit.empty() || random() % 4 == 0)) {
      walk.ended = true;
      return walk;
    }
    const TokenId token = fit[random() % fit.size()];
    if (const Status status = matcher.accept(token); !status.ok()) {
      walk.mistake = "a token of the mask is refused: " + std::string(status.message());
      return walk;
    }
    walk.text += vocabulary.bytes(token);
  }
  return walk;
}

}  // namespace moxie::test
