// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"

#include "small_tokenizer.hpp"

namespace moxie::test {

using Ids = std::vector<TokenId>;

TEST_CASE("merges go by rank, the leftmost first") {
  const Tokenizer tokenizer = small_tokenizer();
  CHECK(tokenizer.encode("abcab").value() == Ids{257, 256});
  CHECK(tokenizer.encode("x ab").value() == Ids{'x', ' ', 256});  // "a b" comes before "Ġ a"
  CHECK(tokenizer.encode("x ac").value() == Ids{'x', 258, 'c'});
  CHECK(tokenizer.encode("").value().empty());
}

TEST_CASE("added tokens are found in trusted text alone") {
  const Tokenizer tokenizer = small_tokenizer();
  const std::string text = "ab<|end|>ab<tool>  ab";
  CHECK(tokenizer.encode(text).value() == Ids{256, 259, 256, 260, 261, 256});

  const Ids plain = tokenizer.encode(text, EncodeOptions::plain_text()).value();
  CHECK(std::count(plain.begin(), plain.end(), 259) == 0);
  CHECK(std::count(plain.begin(), plain.end(), 260) == 0);
  CHECK(std::count(plain.begin(), plain.end(), 261) == 1);  // white space steers nothing
  CHECK(tokenizer.decode(plain).value() == text);
}

TEST_CASE("a control token that touches an untrusted byte stays text") {
  const Tokenizer tokenizer = small_tokenizer();
  const std::string text = "<|end|><|end|><|end|>";  // 7 bytes each
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    for (std::size_t end = begin + 1; end <= text.size(); ++end) {
      const TextSpan span{begin, end};
      const Ids ids = tokenizer.encode(text, {.untrusted = {&span, 1}}).value();
      std::ptrdiff_t trusted = 0;
      for (std::size_t at = 0; at < text.size(); at += 7) trusted += at + 7 <= begin || at >= end ? 1 : 0;
      REQUIRE(std::count(ids.begin(), ids.end(), 259) == trusted);
      REQUIRE(tokenizer.decode(ids).value() == text);
    }
  }
}

TEST_CASE("a control token cannot be put together from trusted and untrusted parts") {
  Json json = small_json();
  json["normalizer"] = {
      {"type", "Sequence"},
      {"normalizers", {{{"type", "NFC"}}, {{"type", "Replace"}, {"pattern", {{"String", "~"}}}, {"content", "|"}}}}};
  json["added_tokens"][0]["normalized"] = true;
  const Tokenizer tokenizer = load(json).value();
  CHECK(tokenizer.encode("<~end~>").value() == Ids{259});
  const TextSpan span{1, 2};
  const Ids ids = tokenizer.encode("<~end~><|end|>", {.untrusted = {&span, 1}}).value();
  CHECK(std::count(ids.begin(), ids.end(), 259) == 1);
  CHECK(tokenizer.decode(ids).value() == "<|end|><|end|>");
}

TEST_CASE("spans that are out of order are refused") {
  const Tokenizer tokenizer = small_tokenizer();
  const TextSpan twice[] = {{0, 3}, {2, 4}};
  CHECK(tokenizer.encode("abcdef", {.untrusted = twice}).status().code() == Code::kInvalidArgument);
  const TextSpan backwards{3, 1};
  CHECK(tokenizer.encode("abcdef", {.untrusted = {&backwards, 1}}).status().code() == Code::kInvalidArgument);
}

TEST_CASE("a model's own vocabulary does not yield control tokens from untrusted text") {
  Json json = small_json();
  // A token of the vocabulary that is special too, and a model that takes whole pieces.
  json["model"]["vocab"]["Done"] = 262;
  json["model"]["ignore_merges"] = true;
  json["added_tokens"].push_back(json["added_tokens"][0]);
  json["added_tokens"][3]["id"] = 262;
  json["added_tokens"][3]["content"] = "Done";
  const Tokenizer tokenizer = load(json).value();
  CHECK(tokenizer.encode("Done").value() == Ids{262});
  CHECK(tokenizer.encode("Done", EncodeOptions::plain_text()).value() == Ids{'D', 'o', 'n', 'e'});
}

TEST_CASE("any bytes make the round trip") {
  const Tokenizer tokenizer = small_tokenizer();
  std::string all;
  for (int first = 0; first < 256; ++first) {
    for (const int second : {0x20, 0x61, 0x80, 0xbf, 0xc3, 0xe2, 0xed, 0xf4, 0xff}) {
      all += static_cast<char>(first);
      all += static_cast<char>(second);
    }
  }
  for (const std::string& text : {all, std::string("\xed\xa0\x80 ab \xff"), std::string("\xf4\x8f\xbc\x81\xff"),
                                  std::string("a\0b", 3), std::string("\xf0\x9f\x98")}) {
    const Ids ids = tokenizer.encode(text).value();
    CHECK(tokenizer.decode(ids).value() == text);
  }
}

TEST_CASE("what is put around a text can be left out") {
  Json json = small_json();
  json["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<|end|>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
      {"special_tokens", {{"<|end|>", {{"id", "<|end|>"}, {"ids", {259}}, {"tokens", {"<|end|>"}}}}}}};
  const Tokenizer tokenizer = load(json).value();
  CHECK(tokenizer.encode("ab").value() == Ids{259, 256});
  CHECK(tokenizer.encode("ab", {.add_special = false}).value() == Ids{256});
  CHECK(tokenizer.encode("").value() == Ids{259});

  const Json config = {{"bos_token", "<|end|>"},
                       {"eos_token", {{"content", "<tool>"}}},
                       {"add_bos_token", true},
                       {"add_eos_token", true}};
  const Tokenizer around = load(small_json(), config).value();
  CHECK(around.bos() == 259);
  CHECK(around.eos() == 260);
  CHECK(around.encode("ab").value() == Ids{259, 256, 260});
}

}  // namespace moxie::test
