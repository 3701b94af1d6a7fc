// SPDX-License-Identifier: Apache-2.0
// What encoding a text of one kind of character may cost, for every kind of normalizer, pre-tokenizer and model.
#include "within.hpp"

namespace moxie::test {

namespace {

/// One for each kind of normalizer, pre-tokenizer and model.
constexpr std::string_view kTokenizers[] = {"gpt2",
                                            "gpt2-prefix",
                                            "qwen2",
                                            "deepseek-llm",
                                            "falcon",
                                            "llama2",
                                            "unigram",
                                            "nfkd-strip",
                                            "nfkc-lower",
                                            "replace-regex",
                                            "split-own",
                                            "metaspace-always",
                                            "mixtral-metaspace",
                                            "unigram-bytes",
                                            "suffix",
                                            "whole"};

constexpr std::string_view kUnits[] = {"a",
                                       " ",
                                       "\n",
                                       "7",
                                       "!",
                                       "ab c",
                                       "\xff",
                                       "\xe4\xb8\xad",
                                       "\xcc\x81",
                                       "\xcc\x81\xcc\xa3",
                                       "\xea\xb0\x81",
                                       "\xe3\x80\x80",
                                       "\xe2\x96\x81",
                                       "\xef\xb7\xba",
                                       "<s>",
                                       "\xf0\x9f\x98\x80"};

}  // namespace

// Small texts and a small part of what a text of any size may take, so that this hides nothing. Two of the 7 MiB are
// addresses alone, out of which large buffers are cut.
TEST_CASE("encoding and decoding stay within their memory, whatever the text") {
  constexpr std::size_t kBytes = 1U << 19;
  std::vector<TextSpan> spans;
  for (std::size_t at = 0; at + 1 < kBytes; at += 64) spans.push_back({at, at + 32});
  for (const std::string_view name : kTokenizers) {
    const Tokenizer tokenizer = load(name);
    encoding_within(tokenizer, std::string(name).append(" of noise"), noise(kBytes), 7U << 20);
    for (const std::string_view unit : kUnits) {
      const std::string what = std::string(name).append(" of ").append(unit);
      const std::string text = repeated(unit, kBytes);
      encoding_within(tokenizer, what, text, 7U << 20);
      encoding_within(tokenizer, what + ", untrusted", text, 7U << 20, spans);
    }
  }
}

TEST_CASE("encoding a long text stays within its memory") {
  for (const std::string_view name : {"qwen2", "llama2", "unigram-bytes"}) {
    const Tokenizer tokenizer = load(name);
    for (const std::string_view unit : {" ", "\xff", "\xcc\x81", "\xcc\x81\xcc\xa3"}) {
      encoding_within(tokenizer, std::string(name).append(" of ").append(unit), repeated(unit, 8U << 20), 7U << 20);
    }
  }
}

}  // namespace moxie::test
