// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"

#include "small_tokenizer.hpp"

namespace moxie::test {

namespace {

/// The small tokenizer as GGUF has it; `texts` holds what the data points at.
TokenizerData small_data(std::vector<std::string>& texts) {
  texts.clear();
  for (int byte = 0; byte < 256; ++byte) texts.push_back(byte_character(byte));
  for (const char* text : {"ab", "abc",
                           "\xc4\xa0"
                           "a",
                           "<|end|>", "<tool>", "a b", "ab c", "\xc4\xa0 a"})
    texts.emplace_back(text);
  TokenizerData data;
  data.model = "gpt2";
  data.pre = "gpt-2";
  data.tokens.assign(texts.begin(), texts.begin() + 261);
  data.types.assign(261, TokenType::kNormal);
  data.types[259] = TokenType::kControl;
  data.types[260] = TokenType::kUserDefined;
  data.merges.assign(texts.begin() + 261, texts.end());
  data.eos = 259;
  return data;
}

/// 0 <unk>, 1 <s>, 2 </s>, 3 to 258 the bytes, then pieces with their scores.
TokenizerData piece_data(std::vector<std::string>& texts) {
  texts = {"<unk>", "<s>", "</s>"};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", byte);
    texts.emplace_back(name);
  }
  TokenizerData data;
  data.model = "llama";
  data.scores.assign(259, 0.0f);
  float score = -1;
  for (const char* text : {"bc", "ab", "abc",
                           "\xe2\x96\x81"
                           "a",
                           "\xe2\x96\x81", "a", "b", "c"}) {
    texts.emplace_back(text);
    data.scores.push_back(score--);
  }
  data.tokens.assign(texts.begin(), texts.end());
  data.types.assign(texts.size(), TokenType::kNormal);
  data.types[0] = TokenType::kUnknown;
  data.types[1] = data.types[2] = TokenType::kControl;
  for (std::size_t i = 3; i < 259; ++i) data.types[i] = TokenType::kByte;
  data.bos = 1;
  data.unk = 0;
  return data;
}

}  // namespace

TEST_CASE("GGUF's byte-level data give the tokenizer that tokenizer.json gives") {
  std::vector<std::string> texts;
  const Tokenizer gguf = Tokenizer::create(small_data(texts)).value();
  texts.clear();  // only borrowed
  Json json = small_json();
  json["added_tokens"].erase(2);
  const Tokenizer file = load(json).value();
  for (const std::string text : {"abcab a<|end|>x<tool>", "  ab\n\n don't 123", "\xff\xe6\x97\xa5"}) {
    CHECK(gguf.encode(text).value() == file.encode(text).value());
    CHECK(gguf.decode(gguf.encode(text).value()).value() == text);
  }
  CHECK(gguf.eos() == 259);
  CHECK(gguf.is_special(259));
  CHECK(gguf.is_control(260));
  CHECK(!gguf.is_special(260));
}

TEST_CASE("SentencePiece's data merge by score and fall back to bytes") {
  std::vector<std::string> texts;
  const Tokenizer tokenizer = Tokenizer::create(piece_data(texts)).value();
  const auto id = [&](std::string_view text) { return tokenizer.find(text).value(); };
  // By hand: of "▁ a b c", "bc" has the best score; then "abc" is better than "▁a".
  CHECK(tokenizer.encode("abc").value() == std::vector<TokenId>{1, id("\xe2\x96\x81"), id("abc")});
  CHECK(tokenizer.encode("cabc", {.add_special = false}).value() ==
        std::vector<TokenId>{id("\xe2\x96\x81"), id("c"), id("abc")});
  CHECK(tokenizer.encode("\n", {.add_special = false}).value() == std::vector<TokenId>{id("\xe2\x96\x81"), 3 + 10});
  CHECK(tokenizer.encode("<s>", EncodeOptions::plain_text()).value().size() == 4);
  for (const std::string text : {"abc cab", " a", "\xe6\x97\xa5\xff", ""}) {
    CHECK(tokenizer.decode(tokenizer.encode(text, {.add_special = false}).value()).value() == text);
  }
}

TEST_CASE("the unknown token is the one of that type where no key names it") {
  std::vector<std::string> texts;
  TokenizerData data = piece_data(texts);
  data.unk.reset();
  CHECK(Tokenizer::create(data).value().unk() == 0);
  data.unk = 5;
  CHECK(Tokenizer::create(data).value().unk() == 5);
}

TEST_CASE("every name of a pre-tokenizer makes a tokenizer") {
  std::vector<std::string> texts;
  TokenizerData data = small_data(texts);
  CHECK(pre_tokenizer_names().size() >= 20);
  for (const std::string_view name : pre_tokenizer_names()) {
    data.pre = name;
    const Tokenizer tokenizer = Tokenizer::create(data).value();
    const std::string text = "The abc's 12345 caf\xc3\xa9, \xe6\x97\xa5\xe6\x9c\xac!\r\n\n  x  ";
    CHECK(tokenizer.decode(tokenizer.encode(text).value()).value() == text);
  }
}

TEST_CASE("GGUF data that contradict themselves are refused") {
  std::vector<std::string> texts;
  const auto code = [&](auto change) {
    TokenizerData data = small_data(texts);
    change(data);
    return Tokenizer::create(data).status().code();
  };
  CHECK(code([](TokenizerData&) {}) == Code::kOk);
  CHECK(code([](TokenizerData& d) { d.model = "rwkv"; }) == Code::kUnsupported);
  CHECK(code([](TokenizerData& d) { d.pre = "nobody"; }) == Code::kUnsupported);
  CHECK(code([](TokenizerData& d) { d.tokens.clear(); }) == Code::kFormat);
  CHECK(code([](TokenizerData& d) { d.types.pop_back(); }) == Code::kFormat);
  CHECK(code([](TokenizerData& d) { d.types[3] = TokenType(9); }) == Code::kFormat);
  CHECK(code([](TokenizerData& d) { d.scores.assign(3, 0.0f); }) == Code::kFormat);
  CHECK(code([](TokenizerData& d) { d.tokens[7] = d.tokens[8]; }) == Code::kFormat);
  CHECK(code([](TokenizerData& d) { d.tokens[7] = "\xff"; }) == Code::kFormat);
  CHECK(code([](TokenizerData& d) { d.merges[0] = "zz a"; }) == Code::kFormat);
  CHECK(code([](TokenizerData& d) { d.merges[0] = ""; }) == Code::kFormat);
  CHECK(code([](TokenizerData& d) { d.eos = 261; }) == Code::kFormat);
  CHECK(code([](TokenizerData& d) { d.bos = -1; }) == Code::kFormat);
  CHECK(code([](TokenizerData& d) { d.add_bos = true; }) == Code::kFormat);
  TokenizerData pieces = piece_data(texts);
  pieces.scores[300 - 40] = std::numeric_limits<float>::quiet_NaN();
  CHECK(Tokenizer::create(pieces).status().code() == Code::kFormat);
}

}  // namespace moxie::test
