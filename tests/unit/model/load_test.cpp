// SPDX-License-Identifier: Apache-2.0
// Checkpoints whose tensors are not those that config.json promises.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints.hpp"
#include "support/catch.hpp"

using namespace moxie;
using test::Parts;

namespace {

// Together they have every kind of tensor: tied and untied heads, biases, dense layers and experts.
const std::vector<std::string> kFolders = {"tiny_tied", "biases", "mlp_only_layers"};

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string text_of(const std::vector<std::uint64_t>& dims) {
  std::string text;
  for (const std::uint64_t dim : dims) text += (text.empty() ? "" : ", ") + std::to_string(dim);
  return "[" + text + "]";
}

std::uint64_t product(const std::vector<std::uint64_t>& dims) {
  return std::accumulate(dims.begin(), dims.end(), std::uint64_t{1}, std::multiplies<>());
}

/// Shapes that a tensor of `dims` must not have, all of which a safetensors file may.
std::vector<std::vector<std::uint64_t>> wrong_shapes(const std::vector<std::uint64_t>& dims) {
  std::vector<std::vector<std::uint64_t>> wrong = {{}, {product(dims)}, {product(dims), 1}, {0}};
  for (std::size_t i = 0; i < dims.size(); ++i) {
    for (const std::uint64_t other : {dims[i] + 1, dims[i] - 1, dims[i] * 2, std::uint64_t{0}}) {
      wrong.push_back(dims);
      wrong.back()[i] = other;
    }
  }
  wrong.emplace_back(dims.rbegin(), dims.rend());
  wrong.push_back(dims);
  wrong.back().insert(wrong.back().begin(), 1);
  wrong.push_back(dims);
  wrong.back().push_back(1);
  std::erase(wrong, dims);  // of a square, or where a vector is its own product
  return wrong;
}

Status status_of(const Parts& parts) { return test::load(parts).status(); }

}  // namespace

TEST_CASE("the checkpoints that the others are made from load") {
  for (const std::string& folder : kFolders) {
    const Parts parts = Parts::of(folder);
    INFO(folder);
    const Model rewritten = test::load(parts).value();
    const Model original = Model::load(test::data_folder(folder), test::native()).value();
    CHECK(test::same_bits(test::logits(rewritten).value(), test::logits(original).value()));
  }
}

TEST_CASE("each tensor that is missing is named") {
  for (const std::string& folder : kFolders) {
    const Parts good = Parts::of(folder);
    for (std::size_t i = 0; i < good.tensors.size(); ++i) {
      Parts parts = good;
      parts.tensors.erase(parts.tensors.begin() + static_cast<std::ptrdiff_t>(i));
      const Status status = status_of(parts);
      INFO(good.tensors[i].name << ": " << status.message());
      CHECK(status.code() == Code::kNotFound);
      CHECK(contains(status.needed(), "'" + good.tensors[i].name + "'"));
    }
  }
}

TEST_CASE("a tensor under a name that only resembles its own is missing") {
  const Parts good = Parts::of("tiny_tied");
  for (const std::string name :
       {"Model.norm.weight", "model.norm.weight ", "model.norm", "norm.weight", "model.norm.weight.weight"}) {
    Parts parts = good;
    parts.tensor("model.norm.weight").name = name;
    const Status status = status_of(parts);
    INFO(name << ": " << status.message());
    CHECK(status.code() == Code::kNotFound);
  }
}

TEST_CASE("each tensor of another shape is named with both shapes") {
  for (const std::string& folder : kFolders) {
    const Parts good = Parts::of(folder);
    for (std::size_t i = 0; i < good.tensors.size(); ++i) {
      // Experts are all alike; the first and the last of them say enough.
      if (contains(good.tensors[i].name, "experts.") && !contains(good.tensors[i].name, "experts.0.") &&
          !contains(good.tensors[i].name, "experts.7.")) {
        continue;
      }
      for (const std::vector<std::uint64_t>& dims : wrong_shapes(good.tensors[i].dims)) {
        Parts parts = good;
        parts.tensors[i].dims = dims;
        parts.tensors[i].bytes.resize(product(dims) * size_of(parts.tensors[i].type));
        const Status status = status_of(parts);
        INFO(good.tensors[i].name << " " << text_of(dims) << ": " << status.message());
        CHECK(status.code() == Code::kFormat);
        CHECK(status.where() == good.tensors[i].name);
        CHECK(contains(status.needed(), text_of(good.tensors[i].dims)));
        CHECK(status.came() == text_of(dims));
      }
    }
  }
}

TEST_CASE("each tensor of a type that no kernel takes is named with the types that are") {
  const Parts good = Parts::of("biases");
  for (std::size_t i = 0; i < good.tensors.size(); ++i) {
    for (const ElementType type :
         {ElementType::kBool, ElementType::kU8, ElementType::kI8, ElementType::kF8E5M2, ElementType::kF8E4M3,
          ElementType::kI16, ElementType::kI32, ElementType::kI64, ElementType::kF64}) {
      Parts parts = good;
      parts.tensors[i].type = type;
      parts.tensors[i].bytes.resize(product(parts.tensors[i].dims) * size_of(type));
      const Status status = status_of(parts);
      INFO(good.tensors[i].name << ": " << status.message());
      CHECK(status.code() == Code::kUnsupported);
      CHECK(status.where() == good.tensors[i].name);
      for (const std::string_view supported : {"F32", "BF16", "F16"}) CHECK(contains(status.needed(), supported));
      CHECK(status.came() == name(type));
    }
  }
}

TEST_CASE("a configuration that promises other tensors is refused by the first that differs") {
  struct Case {
    const char* field;
    const char* value;
    Code code;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"num_hidden_layers", "3", Code::kNotFound, "'model.layers.2.input_layernorm.weight'"},
           {"num_hidden_layers", "4096", Code::kNotFound, "'model.layers.2.input_layernorm.weight'"},
           {"hidden_size", "16", Code::kFormat, "model.embed_tokens.weight: needed [64, 16]"},
           {"hidden_size", "1048576", Code::kFormat, "model.embed_tokens.weight: needed [64, 1048576]"},
           {"vocab_size", "65", Code::kFormat, "model.embed_tokens.weight: needed [65, 32]"},
           {"vocab_size", "16777216", Code::kFormat, "model.embed_tokens.weight: needed [16777216, 32]"},
           // No head_dim in this file: it becomes 32 / 8, and the matrix of 8 * 4 rows still fits.
           {"num_attention_heads", "8", Code::kFormat, "k_proj.weight: needed [8, 32]"},
           {"num_key_value_heads", "4", Code::kFormat, "k_proj.weight: needed [32, 32]"},
           {"num_local_experts", "7", Code::kFormat, "model.layers.0.mlp.gate.weight: needed [7, 32]"},
           {"num_local_experts", "9", Code::kFormat, "model.layers.0.mlp.gate.weight: needed [9, 32]"},
           {"num_local_experts", "1048576", Code::kFormat, "model.layers.0.mlp.gate.weight: needed [1048576, 32]"},
           {"moe_intermediate_size", "32", Code::kFormat, "experts.0.gate_proj.weight: needed [32, 32]"},
           {"decoder_sparse_step", "2", Code::kNotFound, "'model.layers.0.mlp.gate_proj.weight'"},
           {"mlp_only_layers", "[1]", Code::kNotFound, "'model.layers.1.mlp.gate_proj.weight'"},
           {"attention_bias", "true", Code::kNotFound, "'model.layers.0.self_attn.q_proj.bias'"},
           {"tie_word_embeddings", "false", Code::kNotFound, "'lm_head.weight'"},
           {"model_type", "\"gemma\"", Code::kUnsupported, "qwen3, qwen3_moe, "},
           {"model_type", "\"qwen2_moe\"", Code::kUnsupported, "architectures [Qwen2MoeForCausalLM]"},
           {"hidden_act", "\"gelu\"", Code::kUnsupported, "hidden_act silu"},
           {"rms_norm_eps", "0", Code::kFormat, "rms_norm_eps"},
       }) {
    Parts parts = Parts::of("tiny_tied");
    parts.set(c.field, c.value);
    const Status status = status_of(parts);
    INFO(c.field << " " << c.value << ": " << status.message());
    CHECK(status.code() == c.code);
    CHECK(contains(status.message(), c.message));
  }
}

TEST_CASE("tensors that the model does not know change nothing") {
  Parts parts = Parts::of("tiny_tied");
  const std::vector<float> expected = test::logits(test::load(parts).value()).value();
  const std::vector<std::byte> noise(24, std::byte{0x7f});
  parts.tensors.push_back({"aaa", ElementType::kF64, {3}, noise});
  parts.tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", ElementType::kF32, {6}, noise});
  parts.tensors.push_back({"model.layers.0.mlp.experts.8.up_proj.weight", ElementType::kI8, {4, 6}, noise});
  parts.tensors.push_back({"model.layers.99.input_layernorm.weight", ElementType::kBool, {24}, noise});
  parts.tensors.push_back({"scalar", ElementType::kF64, {}, {noise.begin(), noise.begin() + 8}});
  parts.tensors.push_back({"zzz", ElementType::kF32, {0, 5}, {}});
  const Model model = test::load(parts).value();
  CHECK(test::same_bits(test::logits(model).value(), expected));
}

TEST_CASE("a bias in the file that config.json denies is not passed over") {
  Parts parts = Parts::of("biases");
  parts.set("attention_bias", "false");
  const Status status = status_of(parts);
  INFO(status.message());
  CHECK(status.code() == Code::kFormat);
  CHECK(contains(status.message(), "model.layers.0.self_attn.q_proj.bias"));

  Parts gate = Parts::of("tiny_tied");
  gate.tensors.push_back({"model.layers.1.mlp.gate.bias", ElementType::kF32, {8}, std::vector<std::byte>(32)});
  const Status refused = status_of(gate);
  INFO(refused.message());
  CHECK(refused.code() == Code::kFormat);
  CHECK(contains(refused.message(), "model.layers.1.mlp.gate.bias"));
}

TEST_CASE("a head beside tied embeddings must be the embeddings") {
  const Parts good = Parts::of("tiny_tied");
  const std::vector<float> expected = test::logits(test::load(good).value()).value();
  Parts parts = good;
  parts.tensors.push_back(parts.tensor("model.embed_tokens.weight"));
  parts.tensors.back().name = "lm_head.weight";
  CHECK(test::same_bits(test::logits(test::load(parts).value()).value(), expected));

  for (const std::size_t byte : {std::size_t{0}, parts.tensors.back().bytes.size() - 1}) {
    Parts other = parts;
    other.tensors.back().bytes[byte] ^= std::byte{1};
    const Status status = status_of(other);
    INFO(status.message());
    CHECK(status.code() == Code::kFormat);
    CHECK(status.where() == "lm_head.weight");
  }
  Parts narrow = parts;
  narrow.tensors.back().dims = {128, 16};
  CHECK(status_of(narrow).code() == Code::kFormat);
  Parts typed = parts;
  typed.tensors.back().type = ElementType::kI32;
  CHECK(status_of(typed).code() == Code::kFormat);
}

TEST_CASE("a shard without its tensor is no matter of the model: the checkpoint says so") {
  const Parts parts = Parts::of("tiny_tied");
  const test::TemporaryFolder folder;
  test::write_file(folder / "config.json", parts.config);
  std::vector<std::vector<test::WrittenTensor>> shards(3);
  for (std::size_t i = 0; i < parts.tensors.size(); ++i) shards[i % 3].push_back(parts.tensors[i]);
  test::write_sharded(folder.path(), shards);
  const Model sharded = Model::load(folder.path(), test::native()).value();
  CHECK(test::same_bits(test::logits(sharded).value(), test::logits(test::load(parts).value()).value()));

  shards[1].pop_back();
  test::write_safetensors(folder / "model-00002-of-00003.safetensors", shards[1]);
  CHECK(Model::load(folder.path(), test::native()).status().code() == Code::kFormat);
  std::filesystem::remove(folder / "model-00003-of-00003.safetensors");
  CHECK(Model::load(folder.path(), test::native()).status().code() == Code::kNotFound);
}

TEST_CASE("what is no checkpoint at all is a typed error") {
  const test::TemporaryFolder folder;
  CHECK(Model::load(folder / "nothing").status().code() == Code::kNotFound);
  CHECK(Model::load(folder.path()).status().code() == Code::kNotFound);
  test::write_file(folder / "config.json", "{}");
  CHECK(Model::load(folder.path()).status().code() == Code::kNotFound);
  test::write_file(folder / "model.safetensors", "");
  CHECK(Model::load(folder.path()).status().code() == Code::kFormat);
  test::write_safetensors(folder / "model.safetensors", std::vector<test::WrittenTensor>{});
  CHECK(Model::load(folder.path()).status().code() == Code::kUnsupported);  // {} has no model_type
  test::write_file(folder / "config.json", Parts::of("tiny_tied").config);
  const Status status = Model::load(folder.path()).status();
  CHECK(status.code() == Code::kNotFound);
  CHECK(contains(status.needed(), "'model.embed_tokens.weight'"));
}
