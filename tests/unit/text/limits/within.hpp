// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/catch.hpp"
#include "support/data.hpp"

#include <filesystem>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include <moxie/text/tokenizer.hpp>

#include "support/peak_memory.hpp"

namespace moxie::test {

/// At most 4 times the input and 16 MiB, counted at every allocation.
inline void within(std::string_view what, std::size_t input_bytes, const std::function<void()>& body) {
  const std::size_t before = live_bytes();
  start_peak();
  body();
  const std::size_t cost = peak_bytes() - before;
  INFO(what << ": " << cost << " bytes for " << input_bytes << ", "
            << static_cast<double>(cost) / static_cast<double>(input_bytes));
  CHECK(cost <= 4 * input_bytes + (16U << 20));
}

inline std::string repeated(std::string_view unit, std::size_t bytes) {
  std::string text;
  text.reserve(bytes + unit.size());
  while (text.size() < bytes) text += unit;
  return text;
}

inline std::string noise(std::size_t bytes) {
  std::mt19937 random(1);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

/// The same for encoding, beyond the ids. `fixed`: what a text of any size may take.
inline void encoding_within(const Tokenizer& tokenizer, std::string_view what, const std::string& text,
                            std::size_t fixed, std::span<const TextSpan> untrusted = {}) {
  const std::size_t before = live_bytes();
  start_peak();
  const auto ids = tokenizer.encode(text, {.untrusted = untrusted});
  const std::size_t cost = peak_bytes() - before;
  INFO(what << " of " << text.size() << ": " << cost << " bytes");
  if (!ids.ok()) {
    // A text whose normal form is many times as long.
    REQUIRE(ids.status().code() == Code::kFormat);
    CHECK(cost <= 4 * text.size() + fixed);
    return;
  }
  INFO(static_cast<double>(cost - 4 * ids->size()) / static_cast<double>(text.size()) << " beyond the ids");
  CHECK(cost <= 4 * ids->size() + 4 * (text.size() + untrusted.size_bytes()) + fixed);
  within("decode", 4 * ids->size(), [&] { CHECK(tokenizer.decode(*ids).ok()); });
}

inline Tokenizer load(std::string_view name) { return Tokenizer::load(test_data() / "tokenizers" / name).value(); }

}  // namespace moxie::test
