// SPDX-License-Identifier: Apache-2.0
// Each family as GGUF: the same bits as from safetensors, packed or not; what cannot be said there is refused.
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/model/convert.hpp>
#include <moxie/model/pack.hpp>

#include "converted.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// Longer than a window, a page and half of llama3_rope's first length.
std::vector<TokenId> long_prompt() {
  std::vector<TokenId> tokens;
  for (TokenId i = 0; i < 50; ++i) tokens.push_back((i * 7 + 3) % 64);
  return tokens;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

struct Sayable {
  const char* folder;
  const char* model_type = nullptr;  ///< that the file's architecture stands for, where it is another
};
const Sayable kSayable[] = {{"afmoe"},
                            {"cohere2_moe"},
                            {"deepseek_v2_lite"},
                            {"deepseek_v3"},
                            {"dots1"},
                            {"ernie4_5_moe"},
                            {"gemma2"},
                            {"gemma3"},
                            {"gemma4_moe"},
                            {"gemma4_small"},
                            {"exaone_moe"},
                            {"glm4_moe"},
                            {"glm4_moe_lite", "deepseek_v3"},
                            {"gpt_oss"},
                            {"gpt_oss_mxfp4"},
                            {"granite"},
                            {"granitemoe"},
                            {"hunyuan_v1_moe"},
                            {"hy_v3"},
                            {"kimi_k25", "deepseek_v3"},
                            {"laguna"},
                            {"llama_biases"},
                            {"llama_early"},
                            {"llama3_rope"},
                            {"llama_linear_rope"},
                            {"minimax_m2"},
                            {"ministral3"},
                            {"mistral4"},
                            {"mixtral"},
                            {"olmo2"},
                            {"olmo3"},
                            {"olmoe"},
                            {"qwen2"},
                            {"qwen2_moe"},
                            {"qwen3"},
                            {"seed_oss"},
                            {"smollm3"},
                            {"solar_open", "glm4_moe"}};

}  // namespace

TEST_CASE("a family gives the same bits from GGUF as from safetensors") {
  const std::vector<TokenId> tokens = long_prompt();
  for (const Sayable& sayable : kSayable) {
    const std::string name = sayable.folder;
    const Model expected = Model::load(data_folder(name), native()).value();
    const TemporaryFolder folder;
    const Status status = convert(name, folder / "m.gguf");
    INFO(name << ": " << status.message());
    REQUIRE(status.ok());
    const Result<Model> model = Model::load(folder / "m.gguf", native());
    INFO(model.status().message());
    REQUIRE(model.ok());
    CHECK(same_bits(logits(*model, tokens).value(), logits(expected, tokens).value()));
    const ModelConfig& a = model->config();
    const ModelConfig& b = expected.config();
    CHECK(a.model_type == (sayable.model_type == nullptr ? b.model_type : sayable.model_type));
    CHECK(model->unread().empty());
    CHECK(a.moe_layers == b.moe_layers);
    CHECK(a.rotary_dim == b.rotary_dim);
    CHECK(a.norm_after_rope == b.norm_after_rope);
    CHECK(a.selection_bias == b.selection_bias);
    CHECK(a.routed_scaling_factor == static_cast<double>(static_cast<float>(b.routed_scaling_factor)));
    CHECK(a.attention_bias == b.attention_bias);
    CHECK(a.attention_output_bias == b.attention_output_bias);
    CHECK(a.mlp_bias == b.mlp_bias);
    CHECK(a.query_key_norm == b.query_key_norm);
    CHECK(a.tie_word_embeddings == b.tie_word_embeddings);
    CHECK(a.norm_topk_prob == b.norm_topk_prob);
    CHECK(a.shared_expert_intermediate_size == b.shared_expert_intermediate_size);
    CHECK(a.expert_bias == b.expert_bias);
    CHECK(a.attention_sinks == b.attention_sinks);
    CHECK(a.activation == b.activation);
    CHECK(a.sliding_windows == b.sliding_windows);
    CHECK(a.layer_attention == b.layer_attention);
    CHECK(a.layer_ropes == b.layer_ropes);
    CHECK(a.dense_sizes == b.dense_sizes);
    CHECK(a.norm_kind == b.norm_kind);
    CHECK(a.attention_gate == b.attention_gate);
    CHECK(a.rope_scaling.truncate == b.rope_scaling.truncate);
  }
}

TEST_CASE("yarn gives the same bits from GGUF as from safetensors") {
  Parts parts = Parts::of("qwen3");
  parts.set(
      "rope_scaling",
      R"({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "beta_fast": 8, "beta_slow": 2})");
  const TemporaryFolder folder;
  parts.write(folder.path());
  REQUIRE(convert_to_gguf(folder.path(), folder / "m.gguf", {.type = GgufFileType::kF32}).ok());
  const Model expected = Model::load(folder.path(), native()).value();
  const Model model = Model::load(folder / "m.gguf", native()).value();
  const std::vector<TokenId> tokens = long_prompt();
  const std::vector<float> bits = logits(model, tokens).value();
  CHECK(same_bits(bits, logits(expected, tokens).value()));
  CHECK_FALSE(same_bits(bits, logits(Model::load(data_folder("qwen3"), native()).value(), tokens).value()));
}

TEST_CASE("rows that llama.cpp interleaves are put in order when a file is packed") {
  for (const std::string name :
       {"llama3_rope", "mixtral", "qwen2_moe", "deepseek_v2_lite", "ernie4_5_moe", "ministral3"}) {
    const TemporaryFolder folder;
    REQUIRE(convert(name, folder / "m.gguf", GgufFileType::kQ8_0).ok());
    const Status status = pack_gguf(folder / "m.gguf", folder / "packed.gguf", {});
    INFO(name << ": " << status.message());
    REQUIRE(status.ok());
    const Model expected = Model::load(folder / "m.gguf", native()).value();
    const Model packed = Model::load(folder / "packed.gguf", native()).value();
    CHECK(same_bits(logits(packed).value(), logits(expected).value()));
  }
}

TEST_CASE("rows of queries and keys are interleaved in GGUF's llama, and in no other") {
  const auto rows_of = [](const std::string& name) {
    const TemporaryFolder folder;
    REQUIRE(convert(name, folder / "m.gguf").ok());
    const Checkpoint from = Checkpoint::open(data_folder(name)).value();
    const Checkpoint to = Checkpoint::open(folder / "m.gguf").value();
    const Tensor a = from.find("model.layers.1.self_attn.k_proj.weight").value();
    const Tensor b = to.find("blk.1.attn_k.weight").value();
    const std::size_t width = a.bytes.size() / static_cast<std::size_t>(a.dims[0]);
    std::vector<std::size_t> rows;  // of the folder, in the order of the file
    for (std::size_t row = 0; row < a.dims[0]; ++row) {
      for (std::size_t other = 0; other < a.dims[0]; ++other) {
        if (std::ranges::equal(b.bytes.subspan(row * width, width), a.bytes.subspan(other * width, width))) {
          rows.push_back(other);
        }
      }
    }
    return rows;
  };
  // Two heads of eight: as LlamaModel.permute of llama.cpp's converter has them.
  CHECK(rows_of("mixtral") == std::vector<std::size_t>{0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15});
  // In ERNIE's folders neighbours are turned too.
  for (const std::string name : {"qwen2", "ernie4_5_moe"}) {
    CHECK(rows_of(name) == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  }
}

TEST_CASE("what a family's GGUF cannot say is refused, and no file is left") {
  const TemporaryFolder folder;
  for (const auto& [name, culprit] :
       {std::pair("deepseek_v2", "groups of experts by their two best"),
        std::pair("deepseek_v3_halves", "rope_interleave true"), std::pair("mistral_window", "sliding_window"),
        std::pair("mixtral_window", "sliding_window"), std::pair("ernie4_5_moe_step", "experts in every layer behind"),
        std::pair("olmoe_normalised", "norm_topk_prob false"), std::pair("qwen2_window_above", "sliding_window"),
        std::pair("qwen2_moe_mixed", "experts in every layer"), std::pair("qwen3_yarn", "sliding_window"),
        std::pair("gpt_oss_listed", "sliding_attention in even layers")}) {
    const Status status = convert(name, folder / "m.gguf");
    INFO(name << ": " << status.message());
    CHECK(status.code() == Code::kUnsupported);
    CHECK(status.message().find(culprit) != std::string_view::npos);
    CHECK(std::filesystem::is_empty(folder.path()));
  }
  for (const std::string name : {"olmoe", "qwen2_moe", "gpt_oss"}) {
    Parts tied = Parts::of(name);
    tied.set("tie_word_embeddings", "true");
    std::erase_if(tied.tensors, [](const WrittenTensor& tensor) { return tensor.name == "lm_head.weight"; });
    const TemporaryFolder tied_source;
    tied.write(tied_source.path());
    REQUIRE(Model::load(tied_source.path(), native()).ok());
    CHECK(contains(convert_to_gguf(tied_source.path(), folder / "m.gguf").message(), "tie_word_embeddings false"));
  }
  Parts grouped = Parts::of("olmoe_normalised");
  grouped.set("norm_topk_prob", "false");
  const TemporaryFolder source;
  grouped.write(source.path());
  CHECK(contains(convert_to_gguf(source.path(), folder / "m.gguf").message(), "num_key_value_heads * head_dim 32"));
  const auto scaled = [&](std::string_view rope) {
    Parts parts = Parts::of("qwen3");
    parts.set("rope_scaling", rope);
    const TemporaryFolder scaled_source;
    parts.write(scaled_source.path());
    return std::string(convert_to_gguf(scaled_source.path(), folder / "m.gguf").message());
  };
  CHECK(scaled(R"({"type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4})").find("llama3") !=
        std::string::npos);
  CHECK(scaled(R"({"type": "yarn", "factor": 4, "attention_factor": 1})").find("attention_factor") !=
        std::string::npos);
  CHECK(scaled(R"({"type": "yarn", "factor": 4, "truncate": false})").find("truncate") != std::string::npos);
}

TEST_CASE("keys of stretched rope that contradict each other or say more are refused") {
  const Converted good("qwen3");
  const auto with = [&](std::vector<std::pair<std::string, std::string>> keys) {
    Converted made = good;
    for (const auto& [key, bytes] : keys) made.parts.set("qwen3." + key, bytes);
    return made;
  };
  const auto text = [](const std::string& value) { return gguf_string("qwen3.rope.scaling.type", value); };
  const auto number = [](const std::string& key, float value) {
    return std::pair(key, gguf_f32("qwen3." + key, value));
  };
  const std::string type = "rope.scaling.type";
  const std::string factor = "rope.scaling.factor";
  CHECK(load(with({{type, text("linear")}, number(factor, 2)}).parts).ok());
  CHECK(load(with({{type, text("yarn")}, number(factor, 2)}).parts).ok());
  refused(with({{type, text("linear")}}), Code::kFormat, factor);
  refused(with({{type, text("linear")}, number(factor, 0.5f)}), Code::kFormat, factor);
  refused(with({{type, text("linear")}, number(factor, NAN)}), Code::kFormat, factor);
  refused(with({{type, text("longrope")}, number(factor, 2)}), Code::kUnsupported, "rope.scaling");
  refused(with({number(factor, 2)}), Code::kUnsupported, "rope.scaling");
  refused(with({{type, text("yarn")}, number(factor, 2), number("rope.scaling.attn_factor", 2)}), Code::kUnsupported,
          "attn_factor");
  refused(with({{type, text("yarn")}, number(factor, 2), number("rope.scaling.yarn_beta_fast", 0)}), Code::kFormat,
          "yarn_beta_fast");
  refused(with({{type, text("yarn")}, number(factor, 2), number("rope.scaling.original_context_length", 3)}),
          Code::kFormat, "original_context_length");
  refused(with({{type, text("yarn")}, number(factor, 2), number("rope.freq_base", 1)}), Code::kFormat, "freq_base");
  refused(with({number("rope.scale_linear", 2)}), Code::kUnsupported, "scale_linear");
  refused(with({number("attention.clamp_kqv", 8)}), Code::kUnsupported, "clamp_kqv");
  refused(with({number("expert_count", 8)}), Code::kUnsupported, "expert_count");
}

TEST_CASE("factors of frequencies are the right number of good floats, in a file of llama alone") {
  const Converted good("llama3_rope");
  REQUIRE(load(good.parts).ok());
  const std::string tensor = "rope_freqs.weight";
  Converted made = good;
  made.parts.tensor(tensor).dims = {4, 2};
  refused(made, Code::kFormat, tensor);
  made = good;
  made.parts.tensor(tensor).type = ElementType::kI32;
  refused(made, Code::kFormat, tensor);
  made = good;
  made.parts.tensor(tensor).dims = {4};
  made.parts.tensor(tensor).bytes.resize(16);
  refused(made, Code::kFormat, tensor);
  for (const float wrong : {0.0f, -1.0f, NAN, INFINITY, 1e29f}) {
    made = good;
    std::memcpy(made.parts.tensor(tensor).bytes.data() + 12, &wrong, sizeof(wrong));
    refused(made, Code::kFormat, tensor);
  }
  made = Converted("qwen3");
  made.parts.tensors.push_back({tensor, ElementType::kF32, {8}, std::vector<std::byte>(32)});
  refused(made, Code::kUnsupported, tensor);
}

TEST_CASE("the rotary embedding may turn part of a head, as a file of GGUF says") {
  const std::vector<TokenId> tokens = long_prompt();
  Converted made("qwen3");
  const std::vector<float> whole = logits(load(made.parts).value(), tokens).value();
  made.parts.set("qwen3.rope.dimension_count", gguf_u32("qwen3.rope.dimension_count", 8));
  const Model part = load(made.parts).value();
  CHECK(part.config().rotary_dim == 8);
  CHECK(part.config().head_dim == 16);
  CHECK_FALSE(same_bits(logits(part, tokens).value(), whole));
  made.parts.set("qwen3.rope.dimension_count", gguf_u32("qwen3.rope.dimension_count", 16));
  CHECK(same_bits(logits(load(made.parts).value(), tokens).value(), whole));
  for (const std::uint32_t wrong : {0u, 1u, 7u, 18u}) {
    made.parts.set("qwen3.rope.dimension_count", gguf_u32("qwen3.rope.dimension_count", wrong));
    refused(made, Code::kFormat, "rope.dimension_count");
  }
  // Where rows are interleaved, it would be other rows.
  made = Converted("mixtral");
  made.parts.set("llama.rope.dimension_count", gguf_u32("llama.rope.dimension_count", 4));
  refused(made, Code::kUnsupported, "rope.dimension_count");
}

TEST_CASE("a file of gpt-oss without a window, or with other keys than it has, is refused") {
  const Converted good("gpt_oss");
  REQUIRE(load(good.parts).ok());
  CHECK(load(good.parts)->config().sliding_windows == std::vector<std::size_t>{33, 0});
  Converted made = good;
  made.parts.keys.erase("gpt-oss.attention.sliding_window");
  refused(made, Code::kFormat, "attention.sliding_window");
  made = good;
  made.parts.keys.erase("gpt-oss.rope.scaling.yarn_truncate");  // as files made before there was the key
  CHECK(same_bits(logits(load(made.parts).value()).value(), logits(load(good.parts).value()).value()));
  made.parts.set("gpt-oss.rope.scaling.yarn_truncate", gguf_u32("gpt-oss.rope.scaling.yarn_truncate", 1));
  refused(made, Code::kFormat, "yarn_truncate");
  for (const std::string tensor : {"blk.1.attn_sinks.weight", "blk.0.ffn_gate_inp.bias", "blk.1.ffn_down_exps.bias",
                                   "blk.0.post_attention_norm.weight", "blk.1.attn_output.bias"}) {
    made = good;
    std::erase_if(made.parts.tensors, [&](const auto& t) { return t.name == tensor; });
    refused(made, Code::kNotFound, tensor);
    made = good;
    made.parts.tensor(tensor).dims.back() += 1;
    made.parts.tensor(tensor).bytes.resize(made.parts.tensor(tensor).bytes.size() * 2);
    CHECK_FALSE(load(made.parts).ok());
  }
}

TEST_CASE("a gate of one row may be a vector or a matrix, and nothing else") {
  const Converted good("qwen2_moe");
  const std::string tensor = "blk.0.ffn_gate_inp_shexp.weight";
  Converted made = good;
  made.parts.tensor(tensor).dims = {1, 32};
  CHECK(same_bits(logits(load(made.parts).value()).value(), logits(load(good.parts).value()).value()));
  made.parts.tensor(tensor).dims = {32, 1};
  refused(made, Code::kFormat, tensor);
  made = good;
  made.parts.tensor(tensor).dims = {16, 2};
  refused(made, Code::kFormat, tensor);
  made = good;
  made.parts.tensor(tensor).dims = {16};
  made.parts.tensor(tensor).bytes.resize(64);
  refused(made, Code::kFormat, tensor);
  made = good;
  made.parts.keys.erase("qwen2moe.expert_shared_feed_forward_length");
  refused(made, Code::kFormat, "expert_shared_feed_forward_length");
}

TEST_CASE("layers that predict further tokens are passed over in GGUF, and counted") {
  const Converted good("glm4_moe");
  const std::vector<float> expected = logits(load(good.parts).value()).value();
  Converted made = good;
  made.parts.set("glm4moe.block_count", gguf_u32("glm4moe.block_count", 4));
  refused(made, Code::kFormat, "a router in layer 3");
  made.parts.set("glm4moe.nextn_predict_layers", gguf_u32("glm4moe.nextn_predict_layers", 1));
  WrittenTensor norm = made.parts.tensor("blk.2.attn_norm.weight");
  for (const std::string name : {"blk.3.attn_norm.weight", "blk.3.nextn.enorm.weight"}) {
    norm.name = name;
    made.parts.tensors.push_back(norm);
  }
  const Model model = load(made.parts).value();
  CHECK(model.config().num_hidden_layers == 3);
  CHECK(same_bits(logits(model).value(), expected));
  REQUIRE(model.unread().size() == 1);
  CHECK(model.unread()[0].group == "blk.3");
  CHECK(model.unread()[0].count == 2);
  CHECK(model.unread()[0].bytes == 2 * norm.bytes.size());
  for (const std::uint32_t wrong : {4u, 5u}) {
    made.parts.set("glm4moe.nextn_predict_layers", gguf_u32("glm4moe.nextn_predict_layers", wrong));
    refused(made, Code::kFormat, "nextn_predict_layers");
  }
}

TEST_CASE("routers are where the keys of GGUF put experts") {
  const auto with = [](std::uint32_t leading, std::uint32_t step) {
    Converted made("ernie4_5_moe");
    made.parts.set("ernie4_5-moe.leading_dense_block_count",
                   gguf_u32("ernie4_5-moe.leading_dense_block_count", leading));
    made.parts.set("ernie4_5-moe.interleave_moe_layer_step", gguf_u32("ernie4_5-moe.interleave_moe_layer_step", step));
    return made;
  };
  CHECK(load(with(1, 1).parts)->config().moe_layers == std::vector<bool>{false, true});
  CHECK(load(with(0, 2).parts).ok());
  refused(with(0, 1), Code::kFormat, "a router in layer 0");
  refused(with(2, 1), Code::kFormat, "no router in layer 1");
  refused(with(1, 3), Code::kFormat, "interleave_moe_layer_step 3");
  refused(with(1, 0), Code::kFormat, "interleave_moe_layer_step");
}

TEST_CASE("norms on queries and keys are as the file of glm4moe has them, in all layers") {
  Converted made("glm4_moe");
  CHECK(load(made.parts)->config().query_key_norm == QueryKeyNorm::kHead);
  std::erase_if(made.parts.tensors, [](const auto& t) { return t.name == "blk.1.attn_k_norm.weight"; });
  refused(made, Code::kNotFound, "blk.1.attn_k_norm.weight");
  std::erase_if(made.parts.tensors, [](const auto& t) {
    return t.name.ends_with("attn_q_norm.weight") || t.name.ends_with("attn_k_norm.weight");
  });
  CHECK(load(made.parts)->config().query_key_norm == QueryKeyNorm::kNone);
}

TEST_CASE("a file of an unknown architecture is refused with those that are known") {
  Converted made("qwen3");
  made.parts.set("general.architecture", gguf_string("general.architecture", "gemma"));
  refused(made, Code::kUnsupported,
          "afmoe, cohere2moe, deepseek2, dots1, ernie4_5-moe, exaone-moe, gemma2, gemma3, gemma4, glm4moe, gpt-oss, "
          "granite, "
          "granitemoe, hunyuan-moe, hy_v3, laguna, llama, minimax-m2, mistral3, mistral4, olmo2, olmoe, qwen2, "
          "qwen2moe, qwen3, qwen3moe, seed_oss or smollm3");
}
