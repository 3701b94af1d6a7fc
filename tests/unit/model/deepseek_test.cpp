// SPDX-License-Identifier: Apache-2.0
// DeepSeek's latent attention as files have it: split or not, quantized, packed; and what keys may say of it.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <moxie/backend/quant.hpp>
#include <moxie/model/pack.hpp>

#include "converted.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// As llama.cpp's converter wrote it before it split kv_b: keys and values of each head follow each other.
Converted unsplit(const std::string& name, ElementType type = ElementType::kF32) {
  Converted made(name);
  const ModelConfig c = Model::load(data_folder(name), native()).value().config();
  std::erase_if(made.parts.tensors, [](const WrittenTensor& tensor) {
    return tensor.name.ends_with(".attn_k_b.weight") || tensor.name.ends_with(".attn_v_b.weight");
  });
  Parts folder = Parts::of(name);
  for (std::size_t layer = 0; layer < c.num_hidden_layers; ++layer) {
    WrittenTensor kv_b = folder.tensor("model.layers." + std::to_string(layer) + ".self_attn.kv_b_proj.weight");
    kv_b.name = "blk." + std::to_string(layer) + ".attn_kv_b.weight";
    if (type != ElementType::kF32) {
      std::vector<float> values(kv_b.bytes.size() / sizeof(float));
      std::memcpy(values.data(), kv_b.bytes.data(), kv_b.bytes.size());
      kv_b.bytes.resize(values.size() / traits(type).block_elements * size_of(type));
      REQUIRE(quantize(type, values, kv_b.bytes).ok());
      kv_b.type = type;
    }
    made.parts.tensors.push_back(kv_b);
  }
  const auto number = [&](const std::string& key, std::size_t value) {
    made.parts.set("deepseek2." + key, gguf_u32("deepseek2." + key, static_cast<std::uint32_t>(value)));
  };
  made.parts.keys.erase("deepseek2.attention.key_length_mla");
  made.parts.keys.erase("deepseek2.attention.value_length_mla");
  number("attention.key_length", c.qk_nope_head_dim + c.qk_rope_head_dim);
  number("attention.value_length", c.v_head_dim);
  number("attention.head_count_kv", c.num_attention_heads);
  return made;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double difference = 0;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
  }
  return difference / largest;
}

std::vector<float> bits(const std::string& name) {
  return logits(Model::load(data_folder(name), native()).value()).value();
}

}  // namespace

TEST_CASE("a file in which kv_b is not split gives the same bits") {
  for (const std::string name : {"deepseek_v2_lite", "deepseek_v3"}) {
    const Result<Model> model = load(unsplit(name).parts);
    INFO(name << ": " << model.status().message());
    REQUIRE(model.ok());
    CHECK(same_bits(logits(*model).value(), bits(name)));
  }
}

TEST_CASE("blocks of an unsplit kv_b are rotated as what they stand for") {
  const std::vector<float> expected = bits("deepseek_v2_lite");
  const std::vector<float> quantized =
      logits(load(unsplit("deepseek_v2_lite", ElementType::kQ8_0).parts).value()).value();
  CHECK_FALSE(same_bits(quantized, expected));
  CHECK(largest_difference(quantized, expected) < 0.05);
  // Packing leaves such a tensor as it is.
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", unsplit("deepseek_v2_lite", ElementType::kQ8_0).parts.bytes());
  REQUIRE(pack_gguf(folder / "m.gguf", folder / "packed.gguf", {}).ok());
  CHECK(same_bits(logits(Model::load(folder / "packed.gguf", native()).value()).value(), quantized));
}

TEST_CASE("quantized heads of a split kv_b are used as they lie") {
  const TemporaryFolder folder;
  REQUIRE(convert("deepseek_v2_lite", folder / "m.gguf", GgufFileType::kQ8_0).ok());
  const Checkpoint checkpoint = Checkpoint::open(folder / "m.gguf").value();
  const Tensor keys = checkpoint.find("blk.0.attn_k_b.weight").value();
  CHECK(keys.type == ElementType::kQ8_0);
  CHECK(std::ranges::equal(keys.dims, std::vector<std::uint64_t>{4, 32, 32}));  // [A, rank, nope]
  CHECK(checkpoint.find("blk.1.attn_v_b.weight")->type == ElementType::kQ8_0);
  CHECK(checkpoint.find("blk.1.ffn_gate_inp.weight")->type == ElementType::kF32);
  const std::vector<float> quantized = logits(Model::load(folder / "m.gguf", native()).value()).value();
  CHECK(largest_difference(quantized, bits("deepseek_v2_lite")) < 0.1);
}

TEST_CASE("keys of a head are rotated, and its values are not") {
  const TemporaryFolder folder;
  REQUIRE(convert("deepseek_v3", folder / "m.gguf").ok());
  const Checkpoint from = Checkpoint::open(data_folder("deepseek_v3")).value();
  const Checkpoint to = Checkpoint::open(folder / "m.gguf").value();
  const ModelConfig c = Model::load(data_folder("deepseek_v3"), native()).value().config();
  const auto floats = [](const Tensor& tensor) {
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
  };
  const std::vector<float> whole = floats(from.find("model.layers.1.self_attn.kv_b_proj.weight").value());
  const std::vector<float> keys = floats(to.find("blk.1.attn_k_b.weight").value());
  const std::vector<float> values = floats(to.find("blk.1.attn_v_b.weight").value());
  const std::size_t rank = c.kv_lora_rank, nope = c.qk_nope_head_dim, value = c.v_head_dim;
  REQUIRE(keys.size() == c.num_attention_heads * rank * nope);
  for (std::size_t h = 0; h < c.num_attention_heads; ++h) {
    const float* const head = whole.data() + h * (nope + value) * rank;
    for (std::size_t r = 0; r < rank; ++r) {
      for (std::size_t j = 0; j < nope; ++j) REQUIRE(keys[(h * rank + r) * nope + j] == head[j * rank + r]);
      for (std::size_t j = 0; j < value; ++j) {
        REQUIRE(values[(h * value + j) * rank + r] == head[(nope + j) * rank + r]);
      }
    }
  }
}

TEST_CASE("layers that predict further tokens are not read") {
  Parts parts = Parts::of("deepseek_v3");
  WrittenTensor more = parts.tensor("model.layers.2.input_layernorm.weight");
  more.name = "model.layers.3.input_layernorm.weight";
  parts.tensors.push_back(more);
  more.name = "model.layers.3.eh_proj.weight";
  parts.tensors.push_back(more);
  CHECK(same_bits(logits(load(parts).value()).value(), bits("deepseek_v3")));
}

TEST_CASE("keys of deepseek2 that contradict each other or mean another model are refused") {
  const Converted good("deepseek_v3");
  REQUIRE(load(good.parts).ok());
  const auto with = [&](const std::string& key, std::uint32_t value) {
    Converted made = good;
    made.parts.set("deepseek2." + key, gguf_u32("deepseek2." + key, value));
    return made;
  };
  const auto without = [&](const std::string& key) {
    Converted made = good;
    made.parts.keys.erase("deepseek2." + key);
    return made;
  };
  refused(with("attention.key_length", 27), Code::kUnsupported, "attention.key_length 28");
  refused(with("attention.value_length", 28), Code::kUnsupported, "attention.value_length 20");
  refused(with("attention.head_count_kv", 4), Code::kUnsupported, "head_count_kv 1");
  refused(with("attention.key_length_mla", 8), Code::kFormat, "key_length_mla");
  refused(with("rope.dimension_count", 7), Code::kFormat, "even");
  refused(without("rope.dimension_count"), Code::kFormat, "rope.dimension_count");
  refused(without("attention.kv_lora_rank"), Code::kFormat, "kv_lora_rank");
  refused(without("rope.scaling.yarn_log_multiplier"), Code::kFormat, "yarn_log_multiplier");
  refused(with("leading_dense_block_count", 2), Code::kFormat, "leading_dense_block_count 2");
  CHECK(load(without("leading_dense_block_count").parts).ok());  // routers say it too
  refused(with("expert_group_count", 3), Code::kFormat, "expert_group_count that divides 8");
  refused(with("expert_group_used_count", 5), Code::kFormat, "expert_group_used_count in [1, 4]");
  refused(without("expert_group_used_count"), Code::kFormat, "expert_group_used_count");
  refused(with("expert_gating_func", 4), Code::kUnsupported, "expert_gating_func");
  refused(with("nextn_predict_layers", 9), Code::kFormat, "nextn_predict_layers");
  refused(with("expert_weights_norm", 1), Code::kFormat, "expert_weights_norm");
  refused(with("attention.q_lora_rank", 0), Code::kNotFound, "attn_q.weight");
}

TEST_CASE("what keys of deepseek2 leave out has llama.cpp's meaning") {
  Converted made("deepseek_v3");
  for (const char* key : {"expert_weights_norm", "expert_weights_scale", "expert_group_count"}) {
    made.parts.keys.erase("deepseek2." + std::string(key));
  }
  std::erase_if(made.parts.tensors, [](const WrittenTensor& t) { return t.name.ends_with("exp_probs_b.bias"); });
  const Model model = load(made.parts).value();
  CHECK_FALSE(model.config().norm_topk_prob);
  CHECK(model.config().routed_scaling_factor == 1);
  CHECK(model.config().n_group == 1);
  CHECK_FALSE(model.config().selection_bias);
  CHECK(logits(model).ok());
  // Without a gating function a file is of DeepSeek-V2, whose groups count by their best.
  made = Converted("deepseek_v3");
  made.parts.keys.erase("deepseek2.expert_gating_func");
  const Model softmax = load(made.parts).value();
  CHECK(softmax.config().model_type == "deepseek_v2");
  CHECK(softmax.config().group_score == GroupScore::kBest);
  CHECK(softmax.config().n_group == 4);
}

TEST_CASE("a scale of yarn that GGUF cannot say is refused") {
  const TemporaryFolder folder;
  for (const std::string_view rope : {R"({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32})",
                                      R"({"type": "yarn", "factor": 4.0, "mscale": 1.0, "mscale_all_dim": 0.5})"}) {
    Parts parts = Parts::of("deepseek_v3");
    const std::size_t begin = parts.config.find('{', parts.config.find("\"rope_scaling\""));
    parts.config.replace(begin, parts.config.find('}', begin) + 1 - begin, rope);
    const TemporaryFolder source;
    parts.write(source.path());
    REQUIRE(Model::load(source.path(), native()).ok());
    const Status status = convert_to_gguf(source.path(), folder / "m.gguf", {});
    CHECK(status.code() == Code::kUnsupported);
    CHECK(status.message().find("mscale_all_dim") != std::string_view::npos);
  }
}

TEST_CASE("weights in FP8 are refused by the tensor's name") {
  Parts parts = Parts::of("deepseek_v3");
  WrittenTensor& tensor = parts.tensor("model.layers.1.self_attn.kv_b_proj.weight");
  tensor.type = ElementType::kF8E4M3;
  tensor.bytes.resize(tensor.bytes.size() / sizeof(float));
  const Status status = load(parts).status();
  INFO(status.message());
  CHECK(status.code() == Code::kUnsupported);
  CHECK(status.where() == "model.layers.1.self_attn.kv_b_proj.weight");
  CHECK(status.came() == "F8_E4M3");
}
