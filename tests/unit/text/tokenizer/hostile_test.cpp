// SPDX-License-Identifier: Apache-2.0
// HOSTILE_INPUT.md's row on tokenizers: each class, written by a generator, must end in a typed error or a right
// answer.
#include "support/catch.hpp"

#include <functional>

#include "small_tokenizer.hpp"

namespace moxie::test {

namespace {

struct Case {
  std::string name;
  std::function<void(Json&)> change;
  Code code;
  std::string names;  ///< what the message must speak of
};

Json regex(const std::string& expression, const std::string& behavior = "Isolated") {
  return {{"type", "Sequence"},
          {"pretokenizers",
           {{{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", behavior}, {"invert", false}},
            {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
}

std::vector<Case> cases() {
  std::vector<Case> all = {
      {"a merge of an absent left token", [](Json& j) { j["model"]["merges"].push_back("zz a"); }, Code::kFormat, "zz"},
      {"a merge of an absent right token",
       [](Json& j) {
         j["model"]["merges"].push_back({"a", "zz"});
       },
       Code::kFormat, "zz"},
      {"a merge whose result is absent", [](Json& j) { j["model"]["merges"].push_back("a c"); }, Code::kFormat, "ac"},
      {"a merge of one token", [](Json& j) { j["model"]["merges"].push_back("ab"); }, Code::kFormat, "merge 3"},
      {"a merge of three tokens", [](Json& j) { j["model"]["merges"].push_back("a b c"); }, Code::kFormat, "merge 3"},
      {"a merge as a number", [](Json& j) { j["model"]["merges"].push_back(7); }, Code::kFormat, "merge 3"},
      {"merges as a number", [](Json& j) { j["model"]["merges"] = 7; }, Code::kFormat, "merges"},
      {"an id twice", [](Json& j) { j["model"]["vocab"]["zz"] = 5; }, Code::kFormat, "id 5"},
      {"an id far away", [](Json& j) { j["model"]["vocab"]["zz"] = 5000000; }, Code::kFormat, "5000000"},
      {"an id of 2^64-1", [](Json& j) { j["model"]["vocab"]["zz"] = 18446744073709551615ULL; }, Code::kFormat, "id"},
      {"an id of 2^31", [](Json& j) { j["model"]["vocab"]["zz"] = 2147483648ULL; }, Code::kFormat, "id"},
      {"a negative id", [](Json& j) { j["model"]["vocab"]["zz"] = -1; }, Code::kFormat, "zz"},
      {"an id with a fraction", [](Json& j) { j["model"]["vocab"]["zz"] = 1.5; }, Code::kFormat, "zz"},
      {"a vocabulary of numbers",
       [](Json& j) {
         j["model"]["vocab"] = {1, 2};
       },
       Code::kFormat, "vocab"},
      {"no token at all",
       [](Json& j) {
         j["model"]["vocab"] = Json::object();
         j["model"]["merges"] = Json::array();
         j["added_tokens"] = Json::array();
       },
       Code::kFormat, "token"},
      {"an added token beyond the vocabulary", [](Json& j) { j["added_tokens"][0]["id"] = 9000000; }, Code::kFormat,
       "9000000"},
      {"an added token with another's id", [](Json& j) { j["added_tokens"][0]["id"] = 5; }, Code::kFormat, "5"},
      {"an added token twice", [](Json& j) { j["added_tokens"][1]["content"] = "<|end|>"; }, Code::kFormat, "<|end|>"},
      {"two added tokens with one id", [](Json& j) { j["added_tokens"][1]["id"] = 259; }, Code::kFormat, "259"},
      {"an added token with a negative id", [](Json& j) { j["added_tokens"][0]["id"] = -3; }, Code::kFormat, "id"},
      {"a huge added token", [](Json& j) { j["added_tokens"][0]["content"] = std::string(5000, '<'); },
       Code::kUnsupported, "5000"},
      {"text with a lone surrogate", [](Json& j) { j["model"]["vocab"]["SURROGATE"] = 262; }, Code::kFormat, ""},
      {"an unknown token that is absent", [](Json& j) { j["model"]["unk_token"] = "<unk>"; }, Code::kFormat,
       "unk_token"},
      {"dropout", [](Json& j) { j["model"]["dropout"] = 0.1; }, Code::kUnsupported, "dropout"},
      {"an unknown model", [](Json& j) { j["model"]["type"] = "WordPiece"; }, Code::kUnsupported, "WordPiece"},
      {"no model", [](Json& j) { j.erase("model"); }, Code::kUnsupported, "BPE"},
      {"an unknown normalizer",
       [](Json& j) {
         j["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", "AAAA"}};
       },
       Code::kUnsupported, "Precompiled"},
      {"an unknown pre-tokenizer",
       [](Json& j) {
         j["pre_tokenizer"] = {{"type", "UnicodeScripts"}};
       },
       Code::kUnsupported, "UnicodeScripts"},
      {"an unknown decoder",
       [](Json& j) {
         j["decoder"] = {{"type", "CTC"}};
       },
       Code::kUnsupported, "CTC"},
      {"an unknown post-processor",
       [](Json& j) {
         j["post_processor"] = {{"type", "Magic"}};
       },
       Code::kUnsupported, "Magic"},
      {"a template with an absent id",
       [](Json& j) {
         j["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", {{{"SpecialToken", {{"id", "x"}}}}, {{"Sequence", {{"id", "A"}}}}}},
                                {"special_tokens", {{"x", {{"ids", {70000}}}}}}};
       },
       Code::kFormat, "70000"},
      {"two byte levels",
       [](Json& j) {
         const Json level = j["pre_tokenizer"];
         j["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {level, level}}};
       },
       Code::kUnsupported, "ByteLevel"},
      {"a hundred steps",
       [](Json& j) {
         Json list = Json::array();
         for (int i = 0; i < 100; ++i) list.push_back({{"type", "NFC"}});
         j["normalizer"] = {{"type", "Sequence"}, {"normalizers", list}};
       },
       Code::kUnsupported, "steps"},
      {"Metaspace without a character",
       [](Json& j) {
         j["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", ""}};
       },
       Code::kFormat, "replacement"},
  };
  for (const std::string expression : {"(", "[", "a)", "(?R)", "(*LIMIT_MATCH=1)a", "\\C", "[a[b]]", "[a&&b]",
                                       "(?<n>a)\\k<n>", "a{1,2", "\\", "(?~a)", "\\p{Nonsense}", "a**", "\\1", "(?:"}) {
    all.push_back({"the pattern " + expression, [expression](Json& j) { j["pre_tokenizer"] = regex(expression); },
                   Code::kOk, ""});
  }
  return all;
}

}  // namespace

TEST_CASE("a tokenizer.json that contradicts itself or asks for the unknown is refused by name") {
  REQUIRE(load(small_json()).ok());
  for (const Case& one : cases()) {
    INFO(one.name);
    Json json = small_json();
    one.change(json);
    std::string text = json.dump();
    // JSON can write half of a character, which no text has.
    if (const std::size_t at = text.find("SURROGATE"); at != std::string::npos) text.replace(at, 9, "\\ud800");
    const auto tokenizer = Tokenizer::from_json(text);
    REQUIRE(!tokenizer.ok());
    INFO(tokenizer.status().message());
    const Code code = tokenizer.status().code();
    if (one.code == Code::kOk) {
      CHECK((code == Code::kUnsupported || code == Code::kFormat));
    } else {
      CHECK(code == one.code);
    }
    CHECK(tokenizer.status().message().find(one.names) != std::string_view::npos);
  }
}

TEST_CASE("text that is not a tokenizer.json is refused") {
  std::string deep(100000, '[');
  const std::string good = small_json().dump();
  for (const std::string& text : {std::string(), std::string("{}"), std::string("[]"), std::string("null"), deep,
                                  std::string("{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"vocab\":{}}}"),
                                  std::string("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"\xff\":1}}}")}) {
    const auto tokenizer = Tokenizer::from_json(text);
    REQUIRE(!tokenizer.ok());
    CHECK((tokenizer.status().code() == Code::kFormat || tokenizer.status().code() == Code::kUnsupported));
  }
  for (std::size_t size = 0; size < good.size(); size += 7) {
    CHECK(Tokenizer::from_json(std::string_view(good).substr(0, size)).status().code() == Code::kFormat);
  }
}

TEST_CASE("merges may stand before the vocabulary") {
  const Json json = small_json();
  Json turned = json;
  turned["model"] = {{"type", "BPE"}, {"merges", json["model"]["merges"]}, {"vocab", json["model"]["vocab"]}};
  CHECK(load(turned).value().encode("abcab a").value() == load(json).value().encode("abcab a").value());
}

TEST_CASE("ids with a hole, and tokens that look like bytes, are harmless") {
  Json json = small_json();
  json["model"]["vocab"]["<0x-1>"] = 300;
  json["model"]["vocab"]["<0xGG>"] = 301;
  json["model"]["vocab"]["<0x100>"] = 302;
  const Tokenizer tokenizer = load(json).value();
  CHECK(tokenizer.size() == 303);
  CHECK(tokenizer.token(280).empty());
  CHECK(tokenizer.decode(std::vector<TokenId>{280}).status().code() == Code::kInvalidArgument);
  CHECK(tokenizer.decode(std::vector<TokenId>{300, 301}).value() == "<0x-1><0xGG>");
}

TEST_CASE("a tokenizer_config.json is no way in either") {
  const auto code = [](const std::string& config) {
    return Tokenizer::from_json(small_json().dump(), config).status().code();
  };
  CHECK(code("{}") == Code::kOk);
  CHECK(code(R"({"bos_token": "absent", "add_bos_token": true})") == Code::kOk);
  for (const std::string config : {"[]", "{", R"({"bos_token": 7})", R"({"eos_token": {"content": 7}})",
                                   R"({"add_bos_token": "yes"})", R"({"eos_token": "\ud800"})", "{\"a\": \"\xff\"}"}) {
    INFO(config);
    CHECK(code(config) == Code::kFormat);
  }
  CHECK(code(std::string(1000, '[')) == Code::kFormat);
}

TEST_CASE("control tokens in text from somebody else stay text, wherever they lie") {
  const Tokenizer tokenizer = small_tokenizer();
  for (const std::string text : {"<|end|>", "a<|end|>b", "<|end|><|end|>", "<tool>", " <tool> x<|end|"}) {
    const auto ids = tokenizer.encode(text, EncodeOptions::plain_text()).value();
    for (const TokenId id : ids) CHECK(!tokenizer.is_control(id));
    CHECK(tokenizer.decode(ids).value() == text);
  }
}

TEST_CASE("a pattern that would go on for ever is stopped") {
  for (const std::string expression : {"(a+)+b", "(a|a)*b", "\\s+x", "(?:a*)*c", "(?>a+)b|(?>a+)c"}) {
    INFO(expression);
    Json json = small_json();
    json["pre_tokenizer"] = regex(expression);
    const Tokenizer tokenizer = load(json).value();
    for (const char c : {'a', ' '}) {
      const auto ids = tokenizer.encode(std::string(200000, c));
      if (!ids.ok()) CHECK(ids.status().code() == Code::kFormat);
    }
    CHECK(tokenizer.encode("abc").ok());
  }
}

TEST_CASE("a normalizer that swells its text is stopped") {
  Json json = small_json();
  Json steps = Json::array();
  for (int i = 0; i < 30; ++i) {
    steps.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(1000, 'a')}});
  }
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
  const Tokenizer tokenizer = load(json).value();
  CHECK(tokenizer.encode(std::string(1000, 'a')).status().code() == Code::kFormat);
  CHECK(tokenizer.encode("xyz").ok());
}

TEST_CASE("merges that reach far are done in windows that are wide enough, or refused") {
  // A token for 2, 4, 8 ... letters.
  Json json = small_json();
  json["pre_tokenizer"]["use_regex"] = false;
  std::string unit = "a";
  for (int id = 300; unit.size() < (1U << 18); ++id) {
    json["model"]["merges"].push_back(unit + " " + unit);
    unit += unit;
    json["model"]["vocab"][unit] = id;
    const Tokenizer tokenizer = load(json).value();
    if (unit.size() < (1U << 11)) continue;
    INFO(unit.size());
    const auto ids = tokenizer.encode(std::string(1U << 18, 'a'));
    // Windows are of 65536 symbols at most.
    if (unit.size() >= (1U << 17)) {
      REQUIRE(ids.status().code() == Code::kFormat);
      continue;
    }
    if (!ids.ok() && unit.size() > (1U << 12)) continue;
    REQUIRE(ids.ok());
    CHECK(*ids == std::vector<TokenId>((1U << 18) / unit.size(), id));
  }
}

}  // namespace moxie::test
