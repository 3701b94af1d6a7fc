// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"

#include <ctime>

#include "small_tokenizer.hpp"

namespace moxie::test {

namespace {

std::string repeated(const std::string& unit, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

/// Of this thread's processor: what else runs on the machine does not count.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_of(const Tokenizer& tokenizer, const std::string& text) {
  const double begin = processor_seconds();
  const auto ids = tokenizer.encode(text);
  const double seconds = processor_seconds() - begin;
  if (!ids.ok() || tokenizer.decode(*ids).value() != text) throw std::runtime_error("no round trip");
  return seconds;
}

/// Every byte a token, and merges that double "a", " " and so on up to 256.
Tokenizer doubling(std::string_view pre) {
  static std::vector<std::string> texts;
  texts.clear();
  std::vector<std::string> merges;
  for (int byte = 0; byte < 256; ++byte) texts.push_back(byte_character(byte));
  for (const char c : {'a', ' ', '7', '!', '\n'}) {
    std::string unit = byte_character(c);
    for (int i = 0; i < 8; ++i) {
      merges.push_back(unit + " " + unit);
      unit += unit;
      texts.push_back(unit);
    }
  }
  TokenizerData data;
  data.model = "gpt2";
  data.pre = pre;
  data.tokens.assign(texts.begin(), texts.end());
  data.merges.assign(merges.begin(), merges.end());
  return Tokenizer::create(data).value();
}

}  // namespace

// 8 times the text may take 8 times as long; squared it would be 64. Between the two lies room for caches that others
// fill.
TEST_CASE("long runs of one kind of character take time in proportion") {
  // One name for each list of patterns.
  for (const std::string_view pre : {"default", "gpt-2", "llama3", "qwen2", "gpt-4o", "tekken", "deepseek-llm",
                                     "deepseek-coder", "deepseek-v3", "starcoder", "falcon"}) {
    const Tokenizer tokenizer = doubling(pre);
    for (const std::string unit :
         {"a", " ", "7", "!", "\n", "\r\n", "\xe4\xb8\xad", "\xcc\x81", "\xff", "A", "aA", " a", "' ",
          "\xe4\xb8\xad"
          "A",
          "  \n", "\t"}) {
      INFO(pre << " of '" << unit << "'");
      for (const std::string tail : {"", "\xe4\xb8\xad"}) {
        const std::string small = repeated(unit, 1 << 13) + tail;
        const std::string large = repeated(unit, 1 << 16) + tail;
        bool linear = false;
        for (int attempt = 0; attempt < 5 && !linear; ++attempt) {
          linear = seconds_of(tokenizer, large) < 30 * seconds_of(tokenizer, small) + 0.02;
        }
        REQUIRE(linear);
      }
    }
  }
}

}  // namespace moxie::test
