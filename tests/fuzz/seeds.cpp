// SPDX-License-Identifier: Apache-2.0
// Writes the inputs that the fuzzers start from: good ones of each kind, so that they begin behind the first checks.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/text/call_form.hpp>

#include "fuzz/checkpoint_input.hpp"
#include "support/gguf_writer.hpp"
#include "support/safetensors_writer.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

// A fuzzer adds what it finds to its folder; each run of the tests begins with the same.
std::filesystem::path new_folder(const std::filesystem::path& folder) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

std::string header_of(const std::vector<WrittenTensor>& tensors) {
  const std::string file = safetensors_bytes(tensors);
  std::size_t data = 0;
  for (const WrittenTensor& tensor : tensors) data += tensor.bytes.size();
  return file.substr(8, file.size() - 8 - data);
}

void write_gguf_seeds(const std::filesystem::path& folder) {
  GgufFile file;
  file.keys = {gguf_string("general.architecture", "qwen3moe"),
               gguf_u32("general.alignment", 32),
               gguf_f32("qwen3moe.rope.freq_base", 1e6f),
               gguf_strings("tokenizer.ggml.tokens", {"a", "", "bc"}),
               gguf_array("types", GgufValue::kI32, 2, joined({raw(1), raw(3)})),
               gguf_array("flags", GgufValue::kBool, 2, std::string(2, '\1'))};
  file.tensors = {{"token_embd.weight", ElementType::kQ4_K, {2, 256}, std::vector<std::byte>(288)},
                  {"blk.0.attn_norm.weight", ElementType::kF32, {3}, std::vector<std::byte>(12)},
                  {"blk.0.ffn_up_exps.weight", ElementType::kQ8_0, {2, 1, 32}, std::vector<std::byte>(68)}};
  write_file(folder / "gguf", fuzz_input(FuzzKind::kGguf, file.bytes()));
  file.version = 2;
  write_file(folder / "gguf_v2", fuzz_input(FuzzKind::kGguf, file.bytes()));
  const std::string whole = file.bytes();
  const std::size_t data = 288 + 32 + 68;
  write_file(folder / "gguf_body", fuzz_input(FuzzKind::kGgufBody, data, whole.substr(8, whole.size() - data - 8)));
  write_file(folder / "gguf_empty", fuzz_input(FuzzKind::kGguf, GgufFile().bytes()));
  GgufFile first;
  first.keys = split_keys(0, 2, 2);
  first.tensors = {{"a", ElementType::kF16, {2}, std::vector<std::byte>(4)}};
  write_file(folder / "gguf_split", fuzz_input(FuzzKind::kSplit, first.bytes()));
  GgufFile second;
  second.keys = split_keys(1, 2, 2);
  second.tensors = {{"b", ElementType::kI8, {3}, std::vector<std::byte>(3)}};
  write_file(folder / "gguf_split_end", fuzz_input(FuzzKind::kSplitEnd, second.bytes()));
}

void write_seeds(const std::filesystem::path& folder) {
  const std::vector<WrittenTensor> two = {
      {"model.embed_tokens.weight", ElementType::kBF16, {2, 3}, std::vector<std::byte>(12)},
      {"lm_head.weight", ElementType::kU8, {5}, std::vector<std::byte>(5)}};
  std::vector<WrittenTensor> types;
  for (int i = 0; i <= static_cast<int>(ElementType::kF64); ++i) {
    const auto type = static_cast<ElementType>(i);
    types.push_back({std::string(1, static_cast<char>('a' + i)), type, {1}, std::vector<std::byte>(size_of(type))});
  }
  const std::vector<WrittenTensor> none = {{"a", ElementType::kF32, {0, 7, 1, 2}, {}}};
  const std::vector<std::pair<std::string, std::string>> map = {{"a", "a.safetensors"}, {"b", "b.safetensors"}};
  const std::string index = shard_index(map);

  const std::filesystem::path checkpoint = new_folder(folder / "checkpoint");
  write_file(checkpoint / "file", fuzz_input(FuzzKind::kFile, safetensors_bytes(two)));
  write_file(checkpoint / "file_empty", fuzz_input(FuzzKind::kFile, safetensors_bytes({})));
  write_file(checkpoint / "file_types", fuzz_input(FuzzKind::kFile, safetensors_bytes(types)));
  write_file(checkpoint / "header", fuzz_input(FuzzKind::kHeader, 17, header_of(two)));
  write_file(checkpoint / "header_types", fuzz_input(FuzzKind::kHeader, 46, header_of(types)));
  write_file(checkpoint / "header_none", fuzz_input(FuzzKind::kHeader, 0, header_of(none)));
  write_file(checkpoint / "index", fuzz_input(FuzzKind::kIndex, index));
  write_file(checkpoint / "sharded", fuzz_input(FuzzKind::kSharded, index.size(), joined({index, header_of(none)})));
  write_file(checkpoint / "config", fuzz_input(FuzzKind::kConfig, R"({"model_type":"qwen3_moe"})"));

  write_gguf_seeds(checkpoint);

  const std::filesystem::path json = new_folder(folder / "json");
  write_file(json / "config", R"({"hidden_size": 2048, "rms_norm_eps": 1e-06, "tie_word_embeddings": false,
 "architectures": ["Qwen3MoeForCausalLM"], "rope_scaling": null, "mlp_only_layers": [], "x": {"y": [-1, "\u00e9\n"]}})");
  write_file(json / "index", index);
  write_file(json / "header", header_of(two));
  write_file(json / "numbers",
             "[0,-0,-1,18446744073709551615,18446744073709551616,1e308,5e-324,0.1,-9223372036854775808]");
  write_file(json / "strings", R"(["","\"\\\/\b\f\n\r\t","\u0000\ud83d\ude00","ä€😀"])");

  // Both forms in which transformers writes it.
  const std::filesystem::path config = new_folder(folder / "config");
  write_file(config / "published", R"({"attention_bias": false, "decoder_sparse_step": 1, "head_dim": 128,
 "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 6144, "max_position_embeddings": 40960,
 "mlp_only_layers": [], "model_type": "qwen3_moe", "moe_intermediate_size": 768, "norm_topk_prob": true,
 "num_attention_heads": 32, "num_experts": 128, "num_experts_per_tok": 8, "num_hidden_layers": 48,
 "num_key_value_heads": 4, "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 1000000.0,
 "tie_word_embeddings": false, "use_sliding_window": false, "vocab_size": 151936})");
  write_file(config / "newer", R"({"hidden_size": 32, "intermediate_size": 48, "max_position_embeddings": 128,
 "mlp_only_layers": [0], "model_type": "qwen3_moe", "moe_intermediate_size": 16, "num_attention_heads": 4,
 "num_experts_per_tok": 2, "num_hidden_layers": 2, "num_key_value_heads": null, "num_local_experts": 8,
 "rms_norm_eps": 1e-05, "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}, "vocab_size": 64})");
  const std::string shape = R"("hidden_size": 32, "intermediate_size": 48, "max_position_embeddings": 128,
 "num_attention_heads": 4, "num_hidden_layers": 3, "num_key_value_heads": 2, "rms_norm_eps": 1e-05, "vocab_size": 64,)";
  const auto family = [&](const char* name, const char* more) { write_file(config / name, "{" + shape + more + "}"); };
  family("llama3", R"("model_type": "llama", "architectures": ["LlamaForCausalLM"], "mlp_bias": true,
 "rope_theta": 500000.0, "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
 "original_max_position_embeddings": 32, "rope_type": "llama3"})");
  family("yarn", R"("model_type": "qwen3", "head_dim": 16, "use_sliding_window": true, "sliding_window": 9,
 "layer_types": ["sliding_attention", "full_attention", "sliding_attention"], "rope_parameters": {"type": "yarn",
 "rope_theta": 1e6, "factor": 4.0, "beta_fast": 32, "beta_slow": 1, "truncate": false, "mscale": 1.0,
 "mscale_all_dim": 0.5, "attention_factor": 1.2})");
  family("mixtral", R"("model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2,
 "sliding_window": 33, "rope_scaling": {"type": "linear", "factor": 2.5})");
  family("shared", R"("model_type": "qwen2_moe", "moe_intermediate_size": 16, "num_experts": 8, "qkv_bias": true,
 "num_experts_per_tok": 3, "shared_expert_intermediate_size": 40, "decoder_sparse_step": 2, "rope_theta": 1e6,
 "use_sliding_window": true, "sliding_window": 5, "max_window_layers": 2})");
  family("olmoe", R"("model_type": "olmoe", "num_experts": 8, "num_experts_per_tok": 3, "clip_qkv": null)");
}

void write_tool_seeds(const std::filesystem::path& folder) {
  for (const char* name : {"calculate", "tool_arguments"}) new_folder(folder / name);
  write_file(folder / "calculate" / "brackets", "(1.5 + 2) * 3^4 / 7 - -2**-3 % 5e-2");
  write_file(folder / "calculate" / "large", "2^3300/3^2000+10^999-1e-999");
  write_file(folder / "tool_arguments" / "whole", R"({"x":{"flag":true,"small":-128,"large":18446744073709551615,
 "real":-1.5e-7,"text":"\u00e9\ud83d\ude00\"","unit":"metric","grid":[[1,null],[]],
 "trip":{"places":[{"city":"a"},{"city":"b","country":"c"}],"unit":"imperial \"old\"","price":3}}})");
  write_file(folder / "tool_arguments" / "least", R"({"x":{"flag":false,"small":3.0,"large":-0,"grid":[]}})");
}

// What the tests have already: tokenizers that are small enough to be changed many times a second, and templates.
void copy_seeds(const std::filesystem::path& folder, const std::filesystem::path& data) {
  const std::filesystem::path tokenizers = new_folder(folder / "tokenizer_json");
  for (const auto& entry : std::filesystem::directory_iterator(data / "tokenizers")) {
    const std::filesystem::path file = entry.path() / "tokenizer.json";
    if (!std::filesystem::exists(file) || std::filesystem::file_size(file) > 8192) continue;
    std::filesystem::copy_file(file, tokenizers / entry.path().filename());
  }
  const std::filesystem::path templates = new_folder(folder / "chat_template");
  for (const auto& entry : std::filesystem::directory_iterator(data / "templates")) {
    if (entry.path().extension() == ".jinja")
      std::filesystem::copy_file(entry.path(), templates / entry.path().filename());
  }
  // A template may spell any character.
  write_file(templates / "escapes", R"({{ '\1\47\x02\u0003\U0001f600' ~ '%c' % 1 ~ m[0].content }})");
}

void write_text_seeds(const std::filesystem::path& folder) {
  const std::filesystem::path text = new_folder(folder / "tokenizer_text");
  write_file(text / "plain", "aaThe <|end|> caf\xc3\xa9  12345 \xe6\x97\xa5\n it's a aa aaaa\xff");

  // As fuzz_tokenizer_gguf reads it: model, pre-tokenizer, keys; then kind, size and text of each entry.
  const std::filesystem::path gguf = new_folder(folder / "tokenizer_gguf");
  const auto entry = [](int kind, std::string_view text) {
    return std::string{static_cast<char>(kind), static_cast<char>(text.size())}.append(text);
  };
  std::string bpe = std::string{'\0', '\0', '\0'};
  for (const char* token : {"T", "h", "e", "a", "b", "ab", "1"}) bpe += entry(2, token);
  write_file(gguf / "bpe", bpe + entry(6, "<|end|>") + entry(1, "a b"));
  std::string unigram = std::string{'\1', '\0', '\4', '\0'} + entry(4, "<unk>");
  for (const char* token : {"\xe2\x96\x81", "T", "h", "e", "\xe2\x96\x81The", "ab", "abab"})
    unigram += entry(34, token);
  write_file(gguf / "llama", unigram);
  unigram[0] = '\2';
  write_file(gguf / "t5", unigram);

  const std::filesystem::path messages = new_folder(folder / "messages");
  const std::string chat = R"([{"role": "user", "content": "x"}, {"role": "assistant", "content": null, "tool_calls":
 [{"id": "1", "function": {"name": "f", "arguments": {"x": [1, 2.5, "\u00e9"]}}}]},
 {"role": "tool", "tool_call_id": "1", "content": "y"}])";
  write_file(messages / "chat", "\x80" + chat);
  const ToolCall call{.id = {}, .name = "f", .arguments = R"({"x": 1, "y": "z"})"};
  for (std::size_t form = 0; form < std::size(kCallForms); ++form) {
    const std::string calls = write_calls(kCallForms[form], {&call, 1}).value();
    write_file(messages / ("answer" + std::to_string(form)),
               static_cast<char>(form | 32U) + ("<think>a</think>b" + calls + "c"));
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw std::invalid_argument("usage: fuzz_seeds FOLDER TESTS-DATA");
    write_seeds(argv[1]);
    write_tool_seeds(argv[1]);
    write_text_seeds(argv[1]);
    copy_seeds(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
