// SPDX-License-Identifier: Apache-2.0
#pragma once

// Checkpoints of tests/data as GGUF, put together by hand: names, shapes and keys as llama.cpp's files have them.

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoints.hpp"
#include "support/gguf_writer.hpp"

namespace moxie::test {

inline std::string gguf_name_of(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kWhole = {
      {{"model.embed_tokens.weight", "token_embd.weight"},
       {"model.norm.weight", "output_norm.weight"},
       {"lm_head.weight", "output.weight"}}};
  for (const auto& [from, to] : kWhole) {
    if (name == from) return std::string(to);
  }
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kParts = {
      {{"input_layernorm.", "attn_norm."},
       {"post_attention_layernorm.", "ffn_norm."},
       {"self_attn.q_proj.", "attn_q."},
       {"self_attn.k_proj.", "attn_k."},
       {"self_attn.v_proj.", "attn_v."},
       {"self_attn.o_proj.", "attn_output."},
       {"self_attn.q_norm.", "attn_q_norm."},
       {"self_attn.k_norm.", "attn_k_norm."},
       {"mlp.gate.", "ffn_gate_inp."},
       {"mlp.gate_proj.", "ffn_gate."},
       {"mlp.up_proj.", "ffn_up."},
       {"mlp.down_proj.", "ffn_down."}}};
  constexpr std::string_view kLayers = "model.layers.";
  const std::size_t dot = name.find('.', kLayers.size());
  const std::string layer(name.substr(kLayers.size(), dot - kLayers.size()));
  for (const auto& [from, to] : kParts) {
    if (const std::string_view rest = name.substr(dot + 1); rest.starts_with(from)) {
      return "blk." + layer + "." + std::string(to) + std::string(rest.substr(from.size()));
    }
  }
  throw std::runtime_error("no GGUF name for " + std::string(name));
}

/// The tensors of `parts` with those of all experts joined, in the order of the names.
inline std::vector<WrittenTensor> gguf_tensors(const Parts& parts, std::size_t n_experts) {
  std::map<std::string, WrittenTensor> tensors;
  for (const WrittenTensor& tensor : parts.tensors) {
    const std::size_t at = tensor.name.find(".mlp.experts.");
    if (at == std::string::npos) {
      WrittenTensor renamed = tensor;
      renamed.name = gguf_name_of(tensor.name);
      tensors[renamed.name] = renamed;
      continue;
    }
    const std::string rest = tensor.name.substr(at + 13);  // 7.gate_proj.weight
    const std::size_t expert = std::stoul(rest);
    const std::string part = rest.substr(rest.find('.') + 1);
    std::string name = gguf_name_of(tensor.name.substr(0, at) + ".mlp." + part);
    name.insert(name.rfind('.'), "_exps");
    WrittenTensor& all = tensors[name];
    all.name = name;
    all.type = tensor.type;
    all.dims = {n_experts, tensor.dims[0], tensor.dims[1]};
    all.bytes.resize(n_experts * tensor.bytes.size());
    std::copy(tensor.bytes.begin(), tensor.bytes.end(),
              all.bytes.begin() + static_cast<std::ptrdiff_t>(expert * tensor.bytes.size()));
  }
  std::vector<WrittenTensor> list;
  for (auto& [name, tensor] : tensors) list.push_back(std::move(tensor));
  return list;
}

/// A GGUF file taken apart: keys by name, each as it lies in the file, and tensors.
struct GgufParts {
  std::map<std::string, std::string> keys;
  std::vector<WrittenTensor> tensors;

  static GgufParts of(std::string_view name) {
    const ModelConfig c = Model::load(data_folder(name), native()).value().config();
    GgufParts parts{.keys = {}, .tensors = gguf_tensors(Parts::of(name), c.num_experts)};
    parts.keys["general.architecture"] = gguf_string("general.architecture", "qwen3moe");
    const auto number = [&](const std::string& key, std::size_t value) {
      parts.set("qwen3moe." + key, gguf_u32("qwen3moe." + key, static_cast<std::uint32_t>(value)));
    };
    number("block_count", c.num_hidden_layers);
    number("context_length", c.max_position_embeddings);
    number("embedding_length", c.hidden_size);
    number("feed_forward_length", c.intermediate_size == 0 ? 64 : c.intermediate_size);
    number("attention.head_count", c.num_attention_heads);
    number("attention.head_count_kv", c.num_key_value_heads);
    number("attention.key_length", c.head_dim);
    number("attention.value_length", c.head_dim);
    number("expert_count", c.num_experts);
    number("expert_used_count", c.num_experts_per_tok);
    number("expert_feed_forward_length", c.moe_intermediate_size);
    for (const auto& [key, value] :
         {std::pair("attention.layer_norm_rms_epsilon", c.rms_norm_eps), std::pair("rope.freq_base", c.rope_theta)}) {
      const std::string full = std::string("qwen3moe.") + key;
      // As a double, so that nothing is rounded that config.json did not round.
      parts.set(full, gguf_key(full, GgufValue::kF64, raw(value)));
    }
    return parts;
  }

  /// `bytes`: gguf_key() and its kin.
  void set(const std::string& key, const std::string& bytes) { keys[key] = bytes; }

  WrittenTensor& tensor(std::string_view name) {
    const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == name; });
    if (found == tensors.end()) throw std::runtime_error("no tensor " + std::string(name));
    return *found;
  }

  [[nodiscard]] std::string bytes() const {
    GgufFile file{.tensors = tensors};
    for (const auto& [key, bytes] : keys) file.keys.push_back(bytes);
    return file.bytes();
  }
};

inline Result<Model> load(const GgufParts& parts, const ModelOptions& options = native()) {
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", parts.bytes());
  return Model::load(folder / "m.gguf", options);
}

}  // namespace moxie::test
