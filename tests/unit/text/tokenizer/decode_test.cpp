// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"

#include <random>

#include <moxie/text/decode_stream.hpp>

#include "small_tokenizer.hpp"

namespace moxie::test {

namespace {

/// SentencePiece's form: ids 0 "<unk>", 1 "▁", 2 "a", 3 "▁a", 4 to 259 the bytes.
Json sentencepiece_json() {
  Json json = small_json();
  Json vocab = {{"<unk>", 0},
                {"\xe2\x96\x81", 1},
                {"a", 2},
                {"\xe2\x96\x81"
                 "a",
                 3}};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", byte);
    vocab[name] = 4 + byte;
  }
  json["added_tokens"] = Json::array();
  json["pre_tokenizer"] = nullptr;
  json["normalizer"] = {{"type", "Sequence"},
                        {"normalizers",
                         {{{"type", "Prepend"}, {"prepend", "\xe2\x96\x81"}},
                          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\xe2\x96\x81"}}}}};
  json["decoder"] = {{"type", "Sequence"},
                     {"decoders",
                      {{{"type", "Replace"}, {"pattern", {{"String", "\xe2\x96\x81"}}}, {"content", " "}},
                       {{"type", "ByteFallback"}},
                       {{"type", "Fuse"}},
                       {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
  json["model"] = {{"type", "BPE"},         {"unk_token", "<unk>"}, {"fuse_unk", true},
                   {"byte_fallback", true}, {"vocab", vocab},       {"merges", {"\xe2\x96\x81 a"}}};
  return json;
}

bool ends_whole(std::string_view text) {
  // By hand: walk back over at most three continuation bytes and see whether the first byte asks for more.
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80) return true;
    if (byte >= 0xc2 && byte <= 0xdf) return back >= 2;
    if (byte >= 0xe0 && byte <= 0xef) return back >= 3;
    if (byte >= 0xf0) return back >= 4;
  }
  return true;
}

void check_stream(const Tokenizer& tokenizer, const std::string& text) {
  const std::vector<TokenId> ids = tokenizer.encode(text).value();
  const std::string whole = tokenizer.decode(ids).value();
  CHECK(whole == text);
  DecodeStream stream = tokenizer.stream().value();
  std::string joined;
  for (const TokenId id : ids) {
    const std::string_view piece = stream.push(id).value();
    REQUIRE(ends_whole(piece));
    joined += piece;
  }
  joined += stream.finish().value();
  CHECK(joined == whole);
}

}  // namespace

TEST_CASE("pieces of a stream end with whole characters and make up the text") {
  const std::string text = "na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80 a  b\n";
  check_stream(small_tokenizer(), text);
  check_stream(load(sentencepiece_json()).value(), text);
}

TEST_CASE("a stream of any tokens gives what decoding them at once gives") {
  std::mt19937 random(11);
  for (const Tokenizer& tokenizer : {small_tokenizer(), load(sentencepiece_json()).value()}) {
    for (int round = 0; round < 200; ++round) {
      std::vector<TokenId> ids(random() % 40);
      for (TokenId& id : ids) id = static_cast<TokenId>(random() % (tokenizer.size() - 4));
      DecodeStream stream = tokenizer.stream().value();
      std::string joined;
      for (const TokenId id : ids) joined += stream.push(id).value();
      joined += stream.finish().value();
      REQUIRE(joined == tokenizer.decode(ids).value());
    }
  }
}

TEST_CASE("bytes by fallback come back, be they UTF-8 or not") {
  const Tokenizer tokenizer = load(sentencepiece_json()).value();
  for (const std::string text : {"a a", "  a", "\xe6\x97\xa5", "\xff\xfe a", "\xe2\x96", "", " "}) {
    CHECK(tokenizer.decode(tokenizer.encode(text).value()).value() == text);
  }
  CHECK(tokenizer.encode("a\xff").value() == std::vector<TokenId>{3, 4 + 0xff});
}

TEST_CASE("an id without a token is refused and leaves the stream as it was") {
  const Tokenizer tokenizer = small_tokenizer();
  DecodeStream stream = tokenizer.stream().value();
  CHECK(stream.push(0xe2).value().empty());
  CHECK(stream.push(100000).status().code() == Code::kInvalidArgument);
  CHECK(stream.push(-1).status().code() == Code::kInvalidArgument);
  CHECK(stream.push(0x82).value().empty());
  CHECK(stream.push(0xac).value() == "\xe2\x82\xac");
  CHECK(tokenizer.decode(std::vector<TokenId>{262}).status().code() == Code::kInvalidArgument);
}

TEST_CASE("special tokens are left out where that is asked for, others are not") {
  const Tokenizer tokenizer = small_tokenizer();
  const std::vector<TokenId> ids = {256, 259, 260, 257};
  CHECK(tokenizer.decode(ids).value() == "ab<|end|><tool>abc");
  CHECK(tokenizer.decode(ids, {.skip_special = true}).value() == "ab<tool>abc");
}

}  // namespace moxie::test
