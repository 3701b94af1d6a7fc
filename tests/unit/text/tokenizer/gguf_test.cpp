// SPDX-License-Identifier: Apache-2.0
// A tokenizer as a .gguf file, written by the tests' own writer, gives the ids of its tokenizer.json, which are those
// of the `tokenizers` library (reference_test.cpp).
#include "support/catch.hpp"
#include "support/data.hpp"

#include <map>

#include <moxie/format/checkpoint.hpp>

#include "read_text.hpp"
#include "small_tokenizer.hpp"
#include "support/gguf_writer.hpp"
#include "support/temporary_folder.hpp"

namespace moxie::test {

namespace {

const std::filesystem::path kRoot = moxie::test::test_data() / "tokenizers";

std::string gguf_bool(std::string_view key, bool value) {
  return gguf_key(key, GgufValue::kBool, std::string(1, value ? '\1' : '\0'));
}
template <class T>
std::string gguf_numbers(std::string_view key, GgufValue type, const std::vector<T>& values) {
  std::string bytes;
  for (const T value : values) bytes += raw(value);
  return gguf_array(key, type, values.size(), bytes);
}

bool is_byte_token(const std::string& token) { return token.size() == 6 && token.starts_with("<0x"); }

/// What GGUF can say of a tokenizer.json: no flags of added tokens, no normalizer but the one of its kind.
Json expressible(Json json, bool unigram) {
  Json added = Json::array();
  for (Json& token : json["added_tokens"]) {
    if (is_byte_token(token["content"])) continue;
    for (const char* flag : {"single_word", "lstrip", "rstrip", "normalized"}) token[flag] = false;
    added.push_back(token);
  }
  json["added_tokens"] = added;
  if (unigram) {
    json["normalizer"] = nullptr;
    // Exact as float.
    for (Json& entry : json["model"]["vocab"]) entry[1] = std::round(entry[1].get<double>() * 64) / 64;
  }
  return json;
}

/// Every cut of a token into two is a merge, in the order of the tokens' ids: SentencePiece's rule, where scores fall.
Json merges_of_scores(const Json& json) {
  std::map<std::string, int> vocab;
  for (const auto& [token, id] : json["model"]["vocab"].items()) vocab[token] = id.get<int>();
  std::vector<std::pair<int, Json>> merges;
  for (const auto& [token, id] : vocab) {
    for (std::size_t cut = 1; cut < token.size() && !is_byte_token(token) && id > 2; ++cut) {
      const auto left = vocab.find(token.substr(0, cut));
      const auto right = vocab.find(token.substr(cut));
      if (left != vocab.end() && right != vocab.end()) merges.push_back({id, Json{left->first, right->first}});
    }
  }
  std::stable_sort(merges.begin(), merges.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Json list = Json::array();
  for (const auto& [id, merge] : merges) list.push_back(merge);
  return list;
}

struct Written {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  std::vector<float> scores;

  void put(std::size_t id, const std::string& text, std::int32_t type, double score) {
    if (tokens.size() <= id) {
      tokens.resize(id + 1);
      types.resize(id + 1, 5);
      scores.resize(id + 1, -1e9f);
    }
    tokens[id] = text;
    types[id] = type;
    scores[id] = static_cast<float>(score);
  }
};

std::vector<std::string> gguf_keys(const Json& json, const std::string& model, const std::string& pre) {
  Written written;
  if (model == "t5") {
    std::size_t id = 0;
    for (const Json& entry : json["model"]["vocab"]) written.put(id++, entry[0], 1, entry[1]);
  } else {
    for (const auto& [token, id] : json["model"]["vocab"].items()) {
      written.put(id, token, model == "llama" && is_byte_token(token) ? 6 : 1, -id.get<double>());
    }
  }
  for (const Json& token : json["added_tokens"]) {
    const bool unknown = model != "gpt2" && token["content"] == "<unk>";
    written.put(token["id"], token["content"], unknown ? 2 : token["special"].get<bool>() ? 3 : 4, 0);
  }
  const std::string around = json["post_processor"]["single"].dump();
  std::vector<std::string> keys = {gguf_string("general.architecture", "llama"),
                                   gguf_string("tokenizer.ggml.model", model),
                                   gguf_strings("tokenizer.ggml.tokens", written.tokens),
                                   gguf_numbers("tokenizer.ggml.token_type", GgufValue::kI32, written.types),
                                   gguf_u32("tokenizer.ggml.bos_token_id", 1),
                                   gguf_u32("tokenizer.ggml.eos_token_id", 2),
                                   gguf_bool("tokenizer.ggml.add_bos_token", around.find("<s>") != std::string::npos),
                                   gguf_bool("tokenizer.ggml.add_eos_token", around.find("</s>") != std::string::npos)};
  if (!pre.empty()) keys.push_back(gguf_string("tokenizer.ggml.pre", pre));
  if (model != "gpt2") {
    keys.push_back(gguf_numbers("tokenizer.ggml.scores", GgufValue::kF32, written.scores));
    return keys;
  }
  std::vector<std::string> merges;
  for (const Json& merge : json["model"]["merges"]) {
    merges.push_back(merge.is_string() ? merge.get<std::string>()
                                       : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  }
  keys.push_back(gguf_strings("tokenizer.ggml.merges", merges));
  return keys;
}

}  // namespace

TEST_CASE("a .gguf file gives the ids that its tokenizer.json gives") {
  const std::string text = read_text(kRoot / "text.txt");
  const TemporaryFolder folder;
  const std::map<std::string, std::pair<std::string, std::string>> kinds = {
      {"gpt2", {"gpt2", "gpt-2"}},
      {"qwen2", {"gpt2", "qwen2"}},
      {"qwen35", {"gpt2", "qwen35"}},
      {"llama3", {"gpt2", "llama-bpe"}},
      {"o200k", {"gpt2", "gpt-4o"}},
      {"tekken", {"gpt2", "tekken"}},
      {"deepseek-llm", {"gpt2", "deepseek-llm"}},
      {"deepseek-coder", {"gpt2", "deepseek-coder"}},
      {"deepseek-v3", {"gpt2", "deepseek-v3"}},
      {"starcoder", {"gpt2", "starcoder"}},
      {"falcon", {"gpt2", "falcon"}},
      {"llama2", {"llama", ""}},
      {"unigram", {"t5", ""}},
  };
  for (const auto& [name, kind] : kinds) {
    INFO(name);
    Json json = expressible(Json::parse(read_text(kRoot / name / "tokenizer.json")), kind.first == "t5");
    if (kind.first == "llama") json["model"]["merges"] = merges_of_scores(json);
    const Tokenizer file = load(json).value();
    write_file(folder / (name + ".gguf"), GgufFile{.keys = gguf_keys(json, kind.first, kind.second)}.bytes());
    const auto gguf = Tokenizer::load(folder / (name + ".gguf"));
    INFO(gguf.status().message());
    REQUIRE(gguf.ok());
    const auto ids = gguf->encode(text).value();
    REQUIRE(ids.size() > 500);
    CHECK(ids == file.encode(text).value());
    CHECK(gguf->encode(text, EncodeOptions::plain_text()).value() ==
          file.encode(text, EncodeOptions::plain_text()).value());
    CHECK(gguf->decode(ids).value() == file.decode(ids).value());
    CHECK(gguf->bos() == 1);
    CHECK(gguf->eos() == 2);
  }
}

TEST_CASE("a beginning-of-sequence token comes first where the file, or else the kind of tokenizer, says so") {
  const Json json = expressible(Json::parse(read_text(kRoot / "llama3" / "tokenizer.json")), false);
  const TemporaryFolder folder;
  const auto first = [&](const std::string& pre, std::optional<bool> add_bos) {
    auto keys = gguf_keys(json, "gpt2", pre);
    std::erase_if(keys, [](const std::string& key) { return key.find("add_") != std::string::npos; });
    if (add_bos) keys.push_back(gguf_bool("tokenizer.ggml.add_bos_token", *add_bos));
    write_file(folder / "m.gguf", GgufFile{.keys = keys}.bytes());
    return Tokenizer::load(folder / "m.gguf").value().encode("abc").value().front() == 1;
  };
  CHECK(first("llama-bpe", {}));
  CHECK(first("tekken", {}));
  CHECK(!first("qwen2", {}));
  CHECK(!first("llama-bpe", false));
  CHECK(first("qwen2", true));
}

TEST_CASE("metadata that are no tokenizer are refused, and the key is named") {
  const Json json = expressible(Json::parse(read_text(kRoot / "gpt2" / "tokenizer.json")), false);
  const TemporaryFolder folder;
  // The key's value replaced, or, where `value` is empty, taken away.
  const auto loaded = [&](std::string_view key, const std::string& value) {
    auto keys = gguf_keys(json, "gpt2", "gpt-2");
    std::erase_if(keys, [&](const std::string& one) { return one.substr(8, key.size()) == key; });
    if (!value.empty()) keys.push_back(value);
    write_file(folder / "m.gguf", GgufFile{.keys = keys}.bytes());
    return Tokenizer::load(folder / "m.gguf").status();
  };
  const auto refused = [&](std::string_view key, const std::string& value, Code code, std::string_view named) {
    const Status status = loaded(key, value);
    INFO(status.message());
    CHECK(status.code() == code);
    CHECK(status.message().find(named) != std::string_view::npos);
  };
  CHECK(loaded("none", "").ok());
  refused("tokenizer.ggml.model", "", Code::kNotFound, "tokenizer.ggml.model");
  refused("tokenizer.ggml.model", gguf_u32("tokenizer.ggml.model", 1), Code::kFormat, "tokenizer.ggml.model");
  refused("tokenizer.ggml.model", gguf_string("tokenizer.ggml.model", "rwkv"), Code::kUnsupported, "rwkv");
  refused("tokenizer.ggml.pre", gguf_string("tokenizer.ggml.pre", "nobody"), Code::kUnsupported, "nobody");
  refused("tokenizer.ggml.tokens", "", Code::kFormat, "token");
  refused("tokenizer.ggml.tokens", gguf_numbers<std::int32_t>("tokenizer.ggml.tokens", GgufValue::kI32, {1, 2}),
          Code::kFormat, "tokenizer.ggml.tokens");
  refused("tokenizer.ggml.token_type", gguf_numbers<std::int32_t>("tokenizer.ggml.token_type", GgufValue::kI32, {0}),
          Code::kFormat, "tokenizer.ggml.token_type");
  refused("tokenizer.ggml.token_type", gguf_numbers<std::int32_t>("tokenizer.ggml.token_type", GgufValue::kI32, {1}),
          Code::kFormat, "token_type");
  refused("tokenizer.ggml.token_type", gguf_strings("tokenizer.ggml.token_type", {"a"}), Code::kFormat, "token_type");
  refused("tokenizer.ggml.scores", gguf_strings("tokenizer.ggml.scores", {"a"}), Code::kFormat, "scores");
  refused("tokenizer.ggml.merges", gguf_string("tokenizer.ggml.merges", "a b"), Code::kFormat, "merges");
  refused("tokenizer.ggml.merges", gguf_strings("tokenizer.ggml.merges", {"a nobody"}), Code::kFormat, "merge 0");
  for (const std::uint64_t id : {std::uint64_t{100'000}, std::uint64_t{0x7fffffff}, std::uint64_t{0x80000000},
                                 std::uint64_t{1} << 63U, ~std::uint64_t{0}}) {
    refused("tokenizer.ggml.eos_token_id", gguf_key("tokenizer.ggml.eos_token_id", GgufValue::kU64, raw(id)),
            Code::kFormat, "eos_token_id");
  }
  CHECK(loaded("tokenizer.ggml.eos_token_id", gguf_u32("tokenizer.ggml.eos_token_id", 0xffffffff)).ok());
  refused("tokenizer.ggml.add_bos_token", gguf_u32("tokenizer.ggml.add_bos_token", 1), Code::kFormat, "add_bos_token");
  refused("none", gguf_array("tokenizer.ggml.precompiled_charsmap", GgufValue::kU8, 3, "abc"), Code::kUnsupported,
          "precompiled_charsmap");
  CHECK(Tokenizer::load(folder / "absent.gguf").status().code() == Code::kNotFound);
}

}  // namespace moxie::test
