// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <moxie/backend/executors.hpp>
#include <moxie/backend/quant.hpp>
#include <moxie/model/convert.hpp>
#include <moxie/text/tokenizer.hpp>

#include "gguf_parts.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

std::vector<float> widened(const Tensor& tensor, std::size_t count) {
  std::vector<float> values(count);
  if (!dequantize(tensor.type, tensor.bytes, values).ok()) throw std::runtime_error("cannot widen");
  return values;
}

constexpr const char* kTokenizer = R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<s>":4},
 "merges":[["a","b"]]},"added_tokens":[{"id":3,"content":"<e>","special":true},{"id":4,"content":"<s>","special":false}]})";

/// How Qwen2's tokenizer.json cuts words, with a comma behind it.
std::string published_words() {
  std::ifstream published(data_folder("tokenizers") / "qwen2" / "tokenizer.json");
  std::ostringstream whole;
  whole << published.rdbuf();
  const std::string text = whole.str();
  const std::size_t begin = text.find("\"pre_tokenizer\"");
  const std::size_t end = text.find("\"post_processor\"");
  REQUIRE(begin < end);
  REQUIRE(end != std::string::npos);
  return text.substr(begin, end - begin);
}

}  // namespace

TEST_CASE("a converted model gives the same logits, bit for bit, where nothing is rounded") {
  for (const char* name : {"gqa_6_heads_2_kv", "bf16", "tiny_tied", "top_all"}) {
    const Model expected = Model::load(data_folder(name), native()).value();
    const TemporaryFolder folder;
    const GgufFileType type = std::string(name) == "bf16" ? GgufFileType::kBF16 : GgufFileType::kF32;
    const Status status =
        convert_to_gguf(data_folder(name), folder / "m.gguf", {.type = type, .executor = nullptr, .callbacks = {}});
    INFO(name << ": " << status.message());
    REQUIRE(status.ok());
    const Result<Model> model = Model::load(folder / "m.gguf", native());
    INFO(model.status().message());
    REQUIRE(model.ok());
    // bf16 folders store norms and routers as bf16 too; widened they are the same numbers.
    CHECK(same_bits(logits(*model).value(), logits(expected).value()));
  }
}

TEST_CASE("every tensor is where it belongs, in the type that it should have, whatever carries the work") {
  const TemporaryFolder folder;
  const std::unique_ptr<Executor> threads = make_executor(ExecutorKind::kThreads, 3).value();
  const GgufFileType type = GENERATE(GgufFileType::kF16, GgufFileType::kQ8_0, GgufFileType::kQ4_K_M);
  REQUIRE(convert_to_gguf(data_folder("gqa_6_heads_2_kv"), folder / "a.gguf",
                          {.type = type, .executor = nullptr, .callbacks = {}})
              .ok());
  REQUIRE(convert_to_gguf(data_folder("gqa_6_heads_2_kv"), folder / "b.gguf",
                          {.type = type, .executor = threads.get(), .callbacks = {}})
              .ok());
  const Checkpoint a = Checkpoint::open(folder / "a.gguf").value();
  const Checkpoint b = Checkpoint::open(folder / "b.gguf").value();
  const GgufParts expected = GgufParts::of("gqa_6_heads_2_kv");
  REQUIRE(a.tensors().size() == expected.tensors.size());
  for (const WrittenTensor& tensor : expected.tensors) {
    INFO(tensor.name);
    const Tensor found = a.find(tensor.name).value();
    CHECK(std::vector<std::uint64_t>(found.dims.begin(), found.dims.end()) == tensor.dims);
    CHECK(std::ranges::equal(found.bytes, b.find(tensor.name)->bytes));
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    std::vector<std::byte> quantized(found.bytes.size());
    REQUIRE(quantize(found.type, values, quantized).ok());
    CHECK(std::ranges::equal(found.bytes, quantized));
    CHECK(widened(found, values.size()).size() == values.size());
  }
}

TEST_CASE("what GGUF's qwen3moe cannot say is refused, and no file is left") {
  const TemporaryFolder folder;
  for (const auto& [name, culprit] :
       {std::pair("untied_norm_topk_false", "norm_topk_prob"), std::pair("sparse_step_2", "experts in every layer"),
        std::pair("mlp_only_layers", "experts in every layer"), std::pair("biases", "attention_bias")}) {
    const Status status = convert_to_gguf(data_folder(name), folder / "m.gguf");
    INFO(name << ": " << status.message());
    CHECK(status.code() == Code::kUnsupported);
    CHECK(status.message().find(culprit) != std::string_view::npos);
    CHECK(std::filesystem::is_empty(folder.path()));
  }
  CHECK(convert_to_gguf(folder / "none", folder / "m.gguf").code() == Code::kNotFound);
}

TEST_CASE("a weight that no scale holds is refused by its name, and floats keep it") {
  Parts parts = Parts::of("tiny_tied");
  const std::string name = "model.layers.0.mlp.experts.1.up_proj.weight";
  const float infinite = INFINITY;
  std::memcpy(parts.tensor(name).bytes.data() + 40, &infinite, sizeof(infinite));
  const TemporaryFolder folder;
  parts.write(folder.path());
  const Status status = convert_to_gguf(folder.path(), folder / "m.gguf",
                                        {.type = GgufFileType::kQ8_0, .executor = nullptr, .callbacks = {}});
  INFO(status.message());
  CHECK(status.code() == Code::kInvalidArgument);
  CHECK(status.where() == name);
  CHECK_FALSE(std::filesystem::exists(folder / "m.gguf"));
  CHECK(convert_to_gguf(folder.path(), folder / "m.gguf",
                        {.type = GgufFileType::kF32, .executor = nullptr, .callbacks = {}})
            .ok());
}

TEST_CASE("a tokenizer comes along: tokens by id, types, merges, template and special ids") {
  Parts parts = Parts::of("gqa_6_heads_2_kv");
  const TemporaryFolder folder;
  parts.write(folder.path());
  write_file(folder / "tokenizer.json", kTokenizer);
  write_file(folder / "tokenizer_config.json",
             R"({"chat_template":[{"name":"default","template":"{{ x }}"},{"name":"tool_use","template":"{{ y }}"}]})");
  REQUIRE(convert_to_gguf(folder.path(), folder / "m.gguf").ok());
  const Checkpoint checkpoint = Checkpoint::open(folder / "m.gguf").value();
  const Metadata metadata = checkpoint.metadata();
  CHECK(metadata.find("tokenizer.ggml.model").as_string() == "gpt2");
  const MetadataValue tokens = metadata.find("tokenizer.ggml.tokens");
  REQUIRE(tokens.size() == 64);
  CHECK(tokens[0].as_string() == "a");
  CHECK(tokens[2].as_string() == "ab");
  CHECK(tokens[3].as_string() == "<e>");
  CHECK(tokens[63].as_string() == "[PAD63]");
  const MetadataValue types = metadata.find("tokenizer.ggml.token_type");
  CHECK(types[0].as_i64() == 1);
  CHECK(types[3].as_i64() == 3);
  CHECK(types[4].as_i64() == 4);
  CHECK(types[63].as_i64() == 5);
  CHECK(metadata.find("tokenizer.ggml.merges")[0].as_string() == "a b");
  CHECK(metadata.find("tokenizer.chat_template").as_string() == "{{ x }}");
  CHECK(metadata.find("tokenizer.chat_template.tool_use").as_string() == "{{ y }}");
  REQUIRE(metadata.find("tokenizer.chat_templates").size() == 1);
  CHECK(metadata.find("tokenizer.chat_templates")[0].as_string() == "tool_use");
}

TEST_CASE("tokenizers that contradict themselves are refused") {
  const Parts parts = Parts::of("gqa_6_heads_2_kv");
  struct Case {
    const char* what;
    std::string text;
    Code code;
  };
  const std::vector<Case> cases = {
      {"no JSON", "{", Code::kFormat},
      {"unigram", R"({"model":{"type":"Unigram"}})", Code::kUnsupported},
      {"byte fallback", R"({"model":{"type":"BPE","byte_fallback":true}})", Code::kUnsupported},
      {"no vocabulary", R"({"model":{"type":"BPE","merges":[]}})", Code::kFormat},
      {"an id beyond", R"({"model":{"type":"BPE","vocab":{"a":64},"merges":[]}})", Code::kFormat},
      {"a negative id", R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})", Code::kFormat},
      {"an id twice", R"({"model":{"type":"BPE","vocab":{"a":1,"b":1},"merges":[]}})", Code::kFormat},
      {"an added token in another's place",
       R"({"model":{"type":"BPE","vocab":{"a":1},"merges":[]},"added_tokens":[{"id":1,"content":"b"}]})",
       Code::kFormat},
      {"no merges", R"({"model":{"type":"BPE","vocab":{"a":1}}})", Code::kFormat},
      {"a merge of three", R"({"model":{"type":"BPE","vocab":{"a":1},"merges":[["a","b","c"]]}})", Code::kFormat},
      {"a merge of numbers", R"({"model":{"type":"BPE","vocab":{"a":1},"merges":[[1,2]]}})", Code::kFormat},
  };
  for (const Case& wrong : cases) {
    const TemporaryFolder folder;
    parts.write(folder.path());
    write_file(folder / "tokenizer.json", wrong.text);
    const Status status = convert_to_gguf(folder.path(), folder / "m.gguf");
    INFO(wrong.what << ": " << status.message());
    CHECK(name(status.code()) == name(wrong.code));
    CHECK_FALSE(std::filesystem::exists(folder / "m.gguf"));
  }
}

TEST_CASE("a tokenizer that cuts words in another way than the family's is not passed off as it") {
  const std::string model = R"("model":{"type":"BPE","vocab":{"a":0},"merges":[]})";
  const std::string qwen2 = published_words();
  const Parts parts = Parts::of("tiny_tied");
  const auto convert = [&](const std::string& tokenizer) {
    const TemporaryFolder folder;
    parts.write(folder.path());
    write_file(folder / "tokenizer.json", tokenizer);
    return convert_to_gguf(folder.path(), folder / "m.gguf");
  };
  CHECK(convert(joined({"{", qwen2, model, "}"})).ok());
  for (const char* other : {R"("pre_tokenizer":{"type":"ByteLevel","use_regex":true},)", R"("pre_tokenizer":7,)",
                            R"("pre_tokenizer":{"type":"Split","pattern":{"Regex":"x+"}},)"}) {
    const Status status = convert(joined({"{", other, model, "}"}));
    INFO(other << ": " << status.message());
    CHECK(status.code() == Code::kUnsupported);
    CHECK(status.message().find("tokenizer.json") != std::string_view::npos);
  }
}

TEST_CASE("a converted tokenizer gives the folder's tokens, and what is put around a text") {
  const std::string begin = joined({R"({"normalizer":{"type":"NFC"},)", published_words()});
  const std::string model = R"("model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"\u0120":3,"\u0120a":7},
    "merges":["a b","\u0120 a"]},"added_tokens":[{"id":4,"content":"<s>","special":true},
    {"id":5,"content":"</s>","special":true},{"id":6,"content":"<think>","special":false}]})";
  const std::string before = R"({"SpecialToken":{"id":"<s>","type_id":0}},)";
  const std::string behind = R"(,{"SpecialToken":{"id":"</s>","type_id":0}})";
  const auto tokenizer = [&](std::string_view first, std::string_view last) {
    return joined({begin, R"("post_processor":{"type":"TemplateProcessing","single":[)", first,
                   R"({"Sequence":{"id":"A","type_id":0}})", last, R"(],"pair":[],"special_tokens":{
                     "<s>":{"id":"<s>","ids":[4],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[5],"tokens":["</s>"]}}},)",
                   model});
  };
  Parts parts = Parts::of("tiny_tied");
  const auto convert = [&](const TemporaryFolder& folder, const std::string& text) {
    parts.write(folder.path());
    write_file(folder / "tokenizer.json", text);
    return convert_to_gguf(folder.path(), folder / "m.gguf");
  };
  const auto refused = [&](const std::string& text, std::string_view why) {
    const TemporaryFolder folder;
    const Status status = convert(folder, text);
    INFO(status.message());
    CHECK(status.code() == Code::kUnsupported);
    CHECK(status.message().find(why) != std::string_view::npos);
  };
  // config.json says 1 and 2.
  refused(tokenizer(before, ""), "bos_token_id");
  refused(tokenizer("", behind), "eos_token_id");
  parts.set("bos_token_id", "4");
  parts.set("eos_token_id", "5");
  refused(tokenizer(before + before, ""), "one token put before");
  for (const std::string flag : {"lstrip", "rstrip", "single_word"}) {
    std::string text = tokenizer("", "");
    text.insert(text.find("\"special\":false"), joined({"\"", flag, "\":true,"}));
    refused(text, flag);
  }
  for (const bool bos : {false, true}) {
    for (const bool eos : {false, true}) {
      INFO(bos << ' ' << eos);
      const TemporaryFolder folder;
      const Status status = convert(folder, tokenizer(bos ? before : "", eos ? behind : ""));
      INFO(status.message());
      REQUIRE(status.ok());
      const Tokenizer from_folder = Tokenizer::load(folder.path()).value();
      const Tokenizer from_gguf = Tokenizer::load(folder / "m.gguf").value();
      for (const std::string text : {"", "ab a<think>b ab</s> a", "<s>ab", "aab ab"}) {
        for (const bool around : {false, true}) {
          const auto wanted = from_folder.encode(text, {.add_special = around, .untrusted = {}}).value();
          CHECK(from_gguf.encode(text, {.add_special = around, .untrusted = {}}).value() == wanted);
        }
      }
      CHECK(from_gguf.encode("", {}).value().size() == std::size_t{bos} + std::size_t{eos});
      CHECK(from_gguf.bos() == 4);
      CHECK(from_gguf.eos() == 5);
    }
  }
}
