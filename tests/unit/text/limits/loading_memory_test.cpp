// SPDX-License-Identifier: Apache-2.0
// What reading a large vocabulary may cost at its height, the file's bytes among it: 4 times its size and 16 MiB.
#include "within.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "support/gguf_writer.hpp"
#include "support/temporary_folder.hpp"

namespace moxie::test {

namespace {

void loading_within(std::string_view what, const std::filesystem::path& path, std::uintmax_t bytes, bool good) {
  const std::size_t before = live_bytes();
  start_peak();
  {
    const auto tokenizer = Tokenizer::load(path);
    INFO(what << ": " << tokenizer.status().message());
    CHECK(tokenizer.ok() == good);
  }
  const std::size_t cost = peak_bytes() - before;
  INFO(what << " of " << bytes << ": " << cost << " bytes, " << static_cast<double>(cost) / static_cast<double>(bytes));
  CHECK(cost <= 4 * bytes + (16U << 20));
  // Nothing stays of what is gone.
  CHECK(live_bytes() <= before + 4096);
}

void loading_json_within(std::string_view what, const std::string& json, bool good = true) {
  const TemporaryFolder folder;
  std::ofstream(folder / "tokenizer.json", std::ios::binary) << json;
  loading_within(what, folder.path(), json.size(), good);
}

/// item(0), item(1), ... with commas.
std::string listed(std::size_t count, const std::function<std::string(std::size_t)>& item) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out.push_back(',');
    out.append(item(i));
  }
  return out;
}

/// A word for each number, none the beginning of another.
std::string word(std::size_t i) {
  std::string text = "w";
  for (; i > 0 || text.size() < 2; i /= 20) text.push_back(static_cast<char>('a' + i % 20));
  return text += 'z';
}

template <class T>
std::string gguf_numbers(std::string_view key, GgufValue type, const std::vector<T>& values) {
  std::string bytes;
  for (const T value : values) bytes += raw(value);
  return gguf_array(key, type, values.size(), bytes);
}

std::string quoted(const std::string& text) { return std::string("\"") + text + "\""; }

constexpr std::size_t kMany = 300'000;

std::string bpe(const std::string& vocab, const std::string& merges, const std::string& more = "") {
  return R"({"pre_tokenizer":{"type":"ByteLevel","use_regex":true},)" + more + R"("model":{"type":"BPE","vocab":{)" +
         vocab + R"(},"merges":[)" + merges + "]}}";
}

std::string words() {
  return listed(kMany, [](std::size_t i) { return quoted(word(i)) + ":" + std::to_string(i); });
}

}  // namespace

TEST_CASE("reading a large tokenizer.json stays within its memory") {
  // Each word but the last letter, and the last letter; twice as many tokens as merges.
  loading_json_within("words and merges", bpe(listed(kMany / 2,
                                                     [](std::size_t i) {
                                                       const std::string id = std::to_string(2 * i);
                                                       std::string text = word(i);
                                                       text += "\":" + id + ",\"" + word(i) +
                                                               "z\":" + std::to_string(2 * i + 1);
                                                       return std::string("\"") + text;
                                                     }) +
                                                  ",\"z\":" + std::to_string(kMany),
                                              listed(kMany / 2, [](std::size_t i) { return quoted(word(i) + " z"); })));
  loading_json_within("merges as pairs",
                      bpe(R"("a":0,"b":1,"ab":2)", listed(kMany, [](std::size_t) { return R"(["a","b"])"; })));
  loading_json_within("the shortest merges",
                      bpe(R"("a":0,"b":1,"ab":2)", listed(1'000'000, [](std::size_t) { return "\"a b\""; })));
  loading_json_within("words alone", bpe(words(), ""));
  loading_json_within("one long word", bpe("\"a\":0,\"" + std::string(4U << 20, 'b') + "\":1", ""), false);
  loading_json_within("long words", bpe(listed(1000,
                                               [](std::size_t i) {
                                                 return std::string("\"") + word(i) + std::string(4096, 'x') +
                                                        "\":" + std::to_string(i);
                                               }),
                                        ""));
  loading_json_within("scores", R"({"model":{"type":"Unigram","unk_id":0,"vocab":[)" + listed(kMany, [](std::size_t i) {
                                  return std::string("[\"") + word(i) + "\",-1." + std::to_string(i) + "]";
                                }) + "]}}");
  loading_json_within("short scores",
                      R"({"model":{"type":"Unigram","unk_id":0,"vocab":[)" +
                          listed(kMany, [](std::size_t i) { return std::string("[\"") + word(i) + "\",-1]"; }) + "]}}");
  loading_json_within("long scored words",
                      R"({"model":{"type":"Unigram","unk_id":0,"vocab":[)" + listed(10'000, [](std::size_t i) {
                        return std::string("[\"") + word(i) + std::string(500, 'x') + "\",-1]";
                      }) + "]}}");
  loading_json_within("added tokens", bpe("\"a\":0", "", R"("added_tokens":[)" + listed(60'000, [](std::size_t i) {
                                                           return std::string("{\"id\":") + std::to_string(i + 1) +
                                                                  ",\"content\":\"" + word(i) + "\"}";
                                                         }) + "],"));
  loading_json_within(
      "far ids", bpe(listed(kMany, [](std::size_t i) { return quoted(word(i)) + ":" + std::to_string(2 * i); }), ""));
}

TEST_CASE("reading a large tokenizer.json that is refused stays within its memory") {
  loading_json_within("a text twice", bpe(words() + ",\"" + word(7) + "\":" + std::to_string(kMany), ""), false);
  loading_json_within("no end", bpe(words(), "").substr(0, 4'000'000), false);
  loading_json_within("too many added tokens",
                      bpe("\"a\":0", "",
                          std::string(R"("added_tokens":[)") +
                              listed(180'000,
                                     [](std::size_t i) {
                                       return std::string("{\"id\":") + std::to_string(i + 1) + ",\"content\":\"" +
                                              word(i) + "\"}";
                                     }) +
                              "],"),
                      false);
  loading_json_within("other values",
                      bpe("\"a\":0", "", R"("x":[)" + listed(1'000'000, [](std::size_t) { return "1"; }) + "],"),
                      false);
  loading_json_within("other lists",
                      bpe("\"a\":0", "", R"("x":[)" + listed(400'000, [](std::size_t) { return "[]"; }) + "],"));
  loading_json_within("merges of nothing", bpe("\"a\":0", listed(kMany, [](std::size_t) { return "\"a zz\""; })),
                      false);
}

TEST_CASE("reading a large vocabulary from GGUF stays within its memory") {
  const TemporaryFolder folder;
  std::vector<std::string> tokens;
  std::vector<std::string> merges;
  for (std::size_t i = 0; i < kMany / 2; ++i) {
    tokens.push_back(word(i));
    tokens.push_back(word(i) + "z");
    merges.push_back(word(i) + " z");
  }
  tokens.emplace_back("z");
  const std::vector<std::int32_t> types(tokens.size(), 1);
  std::vector<float> scores(tokens.size());
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = -static_cast<float>(i);
  const auto file = [&](std::string_view what, const std::string& model, std::vector<std::string> more,
                        bool good = true) {
    more.push_back(gguf_string("general.architecture", "llama"));
    more.push_back(gguf_string("tokenizer.ggml.model", model));
    const std::string bytes = GgufFile{.keys = more}.bytes();
    std::ofstream(folder / "m.gguf", std::ios::binary | std::ios::trunc) << bytes;
    loading_within(what, folder / "m.gguf", bytes.size(), good);
  };
  const std::string list = gguf_strings("tokenizer.ggml.tokens", tokens);
  file("byte-level", "gpt2",
       {list, gguf_strings("tokenizer.ggml.merges", merges), gguf_string("tokenizer.ggml.pre", "qwen2")});
  file("SentencePiece", "llama",
       {list, gguf_numbers("tokenizer.ggml.scores", GgufValue::kF32, scores),
        gguf_numbers("tokenizer.ggml.token_type", GgufValue::kI32, types)});
  file("Unigram", "t5",
       {list, gguf_numbers("tokenizer.ggml.scores", GgufValue::kF32, scores),
        gguf_u32("tokenizer.ggml.unknown_token_id", 0)});
  std::vector<std::int32_t> control(tokens.size(), 3);
  file("nothing but control tokens", "gpt2",
       {list, gguf_numbers("tokenizer.ggml.token_type", GgufValue::kI32, control)}, false);
  std::fill(control.begin() + 65536, control.end(), 1);
  file("control tokens", "gpt2", {list, gguf_numbers("tokenizer.ggml.token_type", GgufValue::kI32, control)});
  std::vector<std::string> same(1'000'000, "a");
  file("one text again and again", "gpt2", {gguf_strings("tokenizer.ggml.tokens", same)}, false);
}

}  // namespace moxie::test
