// SPDX-License-Identifier: Apache-2.0
#include "suggestion.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace moxie::program {

namespace {

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to make one of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> best((a.size() + 1) * width);
  std::iota(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(width), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    best[i * width] = i;
    for (std::size_t j = 1; j < width; ++j) {
      const auto at = [&](std::size_t up, std::size_t left) { return best[(i - up) * width + j - left]; };
      std::size_t cost = std::min({at(1, 0) + 1, at(0, 1) + 1, at(1, 1) + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) cost = std::min(cost, at(2, 2) + 1);
      best[i * width + j] = cost;
    }
  }
  return best.back();
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string> known) {
  std::string_view found;
  std::size_t least = word.size() / 3;  // as many slips as a word of its length may have
  for (const std::string& one : known) {
    const bool begun = std::min(word.size(), one.size()) > 2 && (one.starts_with(word) || word.starts_with(one));
    const std::size_t slips = begun ? 1 : distance(word, one);
    if (slips < least || (slips == least && found.empty() && slips > 0)) {
      found = one;
      least = slips;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> known) {
  const std::string_view found = nearest(word, known);
  return found.empty() ? std::string() : "; did you mean " + std::string(found) + "?";
}

}  // namespace moxie::program
