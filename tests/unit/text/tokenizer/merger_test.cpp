// SPDX-License-Identifier: Apache-2.0
// The three ways to merge a word, against each other and against looking over all pairs again and again.
#include "text/tokenizer/merger.hpp"

#include <map>
#include <optional>
#include <random>

#include "support/catch.hpp"

namespace moxie::test {

namespace {

using text::Merge;
using text::Merger;

/// Merges at random, in an order at random: also ones that no training would find.
class RandomMerges {
 public:
  explicit RandomMerges(std::mt19937& random) : letters_(1 + static_cast<TokenId>(random() % 4)) {
    TokenId tokens = letters_;
    std::vector<std::uint32_t> ranks(1 + random() % 60);
    for (std::size_t i = 0; i < ranks.size(); ++i) ranks[i] = static_cast<std::uint32_t>(i);
    if (random() % 2 == 0) std::shuffle(ranks.begin(), ranks.end(), random);
    for (const std::uint32_t rank : ranks) {
      const auto left = static_cast<TokenId>(random() % static_cast<unsigned>(tokens));
      const auto right = random() % 3 == 0 ? left : static_cast<TokenId>(random() % static_cast<unsigned>(tokens));
      if (merges_.try_emplace({left, right}, Merge{.rank = rank, .id = tokens}).second) ++tokens;
    }
  }

  Merge operator()(TokenId left, TokenId right) const {
    const auto found = merges_.find({left, right});
    return found == merges_.end() ? Merge{} : found->second;
  }

  /// Noise, a repetition, or one letter with a few others.
  [[nodiscard]] std::vector<TokenId> word(std::mt19937& random, std::size_t size) const {
    std::vector<TokenId> ids(size);
    const auto kind = random() % 3;
    const auto letters = static_cast<unsigned>(letters_);
    for (std::size_t i = 0; i < size; ++i) {
      const auto any = static_cast<TokenId>(random() % letters);
      ids[i] = kind == 0 ? any : kind == 1 ? static_cast<TokenId>(i % letters) : random() % 50 == 0 ? any : 0;
    }
    return ids;
  }

 private:
  TokenId letters_;
  std::map<std::pair<TokenId, TokenId>, Merge> merges_;
};

std::vector<TokenId> by_definition(std::vector<TokenId> ids, const RandomMerges& find) {
  while (true) {
    std::size_t best = ids.size();
    Merge merge;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const Merge one = find(ids[i], ids[i + 1]);
      if (one.rank < merge.rank) merge = one, best = i;
    }
    if (best == ids.size()) return ids;
    ids[best] = merge.id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

}  // namespace

TEST_CASE("words of every length are merged by rank, and from the left") {
  std::mt19937 random(1);
  Merger merger;
  for (int round = 0; round < 300; ++round) {
    INFO(round);
    const RandomMerges find(random);
    std::vector<TokenId> ids = find.word(random, random() % 120);
    const std::vector<TokenId> wanted = by_definition(ids, find);
    merger.run(ids, find);
    REQUIRE(ids == wanted);
  }
}

namespace {

/// What merging in windows makes of a word; nothing where the windows do not do.
template <class Find>
std::optional<std::vector<TokenId>> in_windows(const std::vector<TokenId>& word, std::size_t window, const Find& find) {
  std::size_t read = 0;
  const auto fill = [&](std::vector<TokenId>& ids, std::size_t enough) {
    while (read < word.size() && ids.size() < enough) ids.push_back(word[read++]);
  };
  std::vector<TokenId> out;
  Merger merger;
  if (!merger.run_windows(window, fill, find, [&](auto ids) { out.insert(out.end(), ids.begin(), ids.end()); })) {
    return std::nullopt;
  }
  return out;
}

}  // namespace

TEST_CASE("words of many windows are merged as if they were one") {
  std::mt19937 random(2);
  std::size_t done = 0;
  for (int round = 0; round < 300; ++round) {
    INFO(round);
    const RandomMerges find(random);
    const std::size_t window = round % 5 == 0 ? Merger::kWindow : std::size_t{64} << random() % 6;
    const std::vector<TokenId> word = find.word(random, random() % (3 * window));
    std::vector<TokenId> whole = word;
    Merger().run(whole, find);
    const auto ids = in_windows(word, window, find);
    if (!ids) continue;
    ++done;
    REQUIRE(*ids == whole);
  }
  CHECK(done > 200);
}

TEST_CASE("a token that fills a window is not cut") {
  // Token i is 2^i letters: one of 2^15 symbols, twice the window.
  const auto find = [](TokenId left, TokenId right) {
    return left == right && left < 15 ? Merge{.rank = static_cast<std::uint32_t>(left), .id = left + 1} : Merge{};
  };
  std::vector<TokenId> ids(4 * Merger::kWindow, 0);
  CHECK(!in_windows(ids, Merger::kWindow, find));
  Merger().run(ids, find);
  CHECK(ids == std::vector<TokenId>{15, 15});
}

}  // namespace moxie::test
