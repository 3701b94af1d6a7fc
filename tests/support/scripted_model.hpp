// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/kernel/kernel.hpp>
#include <moxie/model/model.hpp>

#include "support/safetensors_writer.hpp"
#include "support/temporary_folder.hpp"

// A checkpoint that says what a test wants: its next token depends on the last one alone. Embeddings are one-hot,
// attention and experts add nothing, and the head is a table of what follows what.

namespace moxie::test {

/// How byte-level BPE writes a byte, by the definition in GPT-2's code.
inline std::string byte_letter(unsigned byte) {
  const auto printable = [](unsigned b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
  unsigned code = byte;
  if (!printable(byte)) {
    code = 256;
    for (unsigned b = 0; b < byte; ++b) code += printable(b) ? 0U : 1U;
  }
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

/// Answers by script: what is said behind a byte, piece by piece, each piece one token.
///
///     ScriptedModel scripts;
///     scripts.say('A', {"Hello", " world"});         // behind a prompt that ends in A; then the end token
///     const Model model = scripts.load();
///
/// No piece may be there twice. Its template writes <|role|>content for each message, and <|end|> behind an answer;
/// there is nothing before the answer, so the last byte of the last message chooses the script.
class ScriptedModel {
 public:
  static constexpr int kEnd = 256;  // <|end|>; then <|system|>, <|user|>, <|assistant|>, <|tool|>, <tool_call>, ...

  /// In a template: the control token of m.role. Written out, for what comes from a message is no part of one.
  static constexpr std::string_view kRole =
      "{% if m.role == 'system' %}<|system|>{% elif m.role == 'user' %}<|user|>{% elif m.role == 'tool' %}<|tool|>"
      "{% else %}<|assistant|>{% endif %}";

  /// `more`: control tokens, behind the others.
  explicit ScriptedModel(const std::vector<std::string>& more = {}) {
    for (unsigned byte = 0; byte < 256; ++byte) vocab_.emplace_back(byte_letter(byte));
    controls_.insert(controls_.end(), more.begin(), more.end());
  }

  void say(char behind, const std::vector<std::string>& pieces, bool ends = true) {
    int from = static_cast<unsigned char>(behind);
    for (const std::string& piece : pieces) {
      const int id = token(piece);
      follows_[from] = id;
      from = id;
    }
    if (ends) follows_[from] = kEnd;
  }
  /// Lets `piece` be followed by another that is there already.
  void loop(const std::string& piece, const std::string& next) { follows_[token(piece)] = token(next); }

  [[nodiscard]] Model load(const ModelOptions& options = {}) const {
    const TemporaryFolder folder;
    write(folder.path());
    return Model::load(folder.path(), options).value();
  }

  void write(const std::filesystem::path& folder) const {
    const std::size_t V = vocab_.size() + controls_.size() + pieces_.size();
    const std::size_t D = (V + 15) / 16 * 16;
    write_file(folder / "config.json",
               joined({R"({"architectures":["Qwen3MoeForCausalLM"],"model_type":"qwen3_moe","attention_bias":false,)",
                       R"("decoder_sparse_step":1,"eos_token_id":256,"head_dim":16,"hidden_act":"silu",)",
                       R"("intermediate_size":16,"max_position_embeddings":4096,"mlp_only_layers":[],)",
                       R"("moe_intermediate_size":16,"norm_topk_prob":true,"num_attention_heads":1,"num_experts":2,)",
                       R"("num_experts_per_tok":1,"num_hidden_layers":1,"num_key_value_heads":1,"rms_norm_eps":1e-6,)",
                       R"("rope_theta":10000.0,"tie_word_embeddings":false,"hidden_size":)", std::to_string(D),
                       R"(,"vocab_size":)", std::to_string(V), "}"}));
    write_file(folder / "tokenizer.json", tokenizer_json());
    write_file(folder / "chat_template.jinja",
               joined({"{% if tools %}<|system|>{{ tools | tojson }}{% endif %}{% for m in messages %}", kRole,
                       "{{ m.content }}{% for c in m.tool_calls %}<tool_call>{{ c.function.name }}{% endfor %}"
                       "{% if m.role == 'assistant' %}<|end|>{% endif %}{% endfor %}"}));
    std::vector<WrittenTensor> tensors;
    const auto add = [&](const std::string& name, std::size_t rows, std::size_t width, auto&& value) {
      std::vector<float> values(rows * width);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = value(i / width, i % width);
      const auto bytes = std::as_bytes(std::span(values));
      std::vector<std::uint64_t> dims = {rows, width};
      if (rows == 1) dims = {width};
      tensors.push_back(
          {.name = name + ".weight", .type = ElementType::kF32, .dims = dims, .bytes = {bytes.begin(), bytes.end()}});
    };
    const auto zero = [](std::size_t, std::size_t) { return 0.0f; };
    const auto one = [](std::size_t, std::size_t) { return 1.0f; };
    add("model.embed_tokens", V, D, [](std::size_t r, std::size_t c) { return r == c ? 1.0f : 0.0f; });
    add("model.norm", 1, D, one);
    const std::string layer = "model.layers.0.";
    add(layer + "input_layernorm", 1, D, one);
    add(layer + "post_attention_layernorm", 1, D, one);
    for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
      add(layer + "self_attn." + name, 16, D, [](std::size_t r, std::size_t c) { return r == c % 16 ? 0.1f : 0.0f; });
    }
    add(layer + "self_attn.o_proj", D, 16, zero);
    add(layer + "self_attn.q_norm", 1, 16, one);
    add(layer + "self_attn.k_norm", 1, 16, one);
    add(layer + "mlp.gate", 2, D, zero);
    for (const char* expert : {"0", "1"}) {
      const std::string prefix = layer + "mlp.experts." + expert + ".";
      add(prefix + "gate_proj", 16, D, zero);
      add(prefix + "up_proj", 16, D, zero);
      add(prefix + "down_proj", D, 16, zero);
    }
    add("lm_head", V, D, [this](std::size_t next, std::size_t token) {
      const auto found = follows_.find(static_cast<int>(token));
      return found != follows_.end() && found->second == static_cast<int>(next) ? 1.0f : 0.0f;
    });
    write_safetensors(folder / "model.safetensors", tensors);
  }

 private:
  std::vector<std::string> controls_ = {"<|end|>",     "<|system|>",   "<|user|>", "<|assistant|>", "<|tool|>",
                                        "<tool_call>", "</tool_call>", "<think>",  "</think>"};

  int token(const std::string& piece) {
    for (std::size_t i = 0; i < controls_.size(); ++i) {
      if (controls_[i] == piece) return kEnd + static_cast<int>(i);
    }
    if (piece.size() == 1) return static_cast<unsigned char>(piece[0]);
    const int id = kEnd + static_cast<int>(controls_.size() + pieces_.size());
    return pieces_.emplace(piece, id).first->second;
  }

  [[nodiscard]] std::string tokenizer_json() const {
    std::string vocab;
    const auto add = [&vocab](std::string_view text, int id) {
      vocab += joined({vocab.empty() ? "" : ",", json_quoted(text), ":", std::to_string(id)});
    };
    for (std::size_t byte = 0; byte < 256; ++byte) add(vocab_[byte], static_cast<int>(byte));
    for (const auto& [piece, id] : pieces_) {
      std::string letters;
      for (const char c : piece) letters += vocab_[static_cast<unsigned char>(c)];
      add(letters, id);
    }
    std::string added;
    for (std::size_t i = 0; i < controls_.size(); ++i) {
      added += joined({added.empty() ? "" : ",", R"({"id":)", std::to_string(kEnd + static_cast<int>(i)),
                       R"(,"content":)", json_quoted(controls_[i]),
                       R"(,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":)",
                       controls_[i].starts_with("<|") ? "true}" : "false}"});
    }
    return joined({R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[)", added,
                   R"(],"normalizer":null,"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split",)",
                   R"("behavior":"Isolated","invert":false,"pattern":{"Regex":)", json_quoted(kWords), R"(}},)",
                   R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}]},)",
                   R"("post_processor":null,"decoder":{"type":"ByteLevel"},"model":{"type":"BPE",)",
                   R"("dropout":null,"unk_token":null,"merges":[],"vocab":{)", vocab, "}}}"});
  }

  // As Qwen2 and Qwen3 cut words: what GGUF has a name for.
  static constexpr std::string_view kWords =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
      "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  std::vector<std::string> vocab_;
  std::map<std::string, int> pieces_;
  std::map<int, int> follows_;
};

}  // namespace moxie::test
