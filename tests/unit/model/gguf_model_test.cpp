// SPDX-License-Identifier: Apache-2.0
// Models from GGUF files: the same numbers as from safetensors, and a refusal for each key that says something else.
#include <functional>
#include <string>
#include <vector>

#include "gguf_parts.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

const char* const kNormalised[] = {"tiny_tied", "sparse_step_2", "mlp_only_layers", "biases",          "odd_widths",
                                   "bf16",      "top_1",         "top_all",         "gqa_6_heads_2_kv"};

struct Case {
  std::string what;
  std::function<void(GgufParts&)> change;
  Code code;
  std::string culprit;
};

void refuse_all(const std::vector<Case>& cases) {
  const GgufParts good = GgufParts::of("gqa_6_heads_2_kv");
  REQUIRE(load(good).ok());
  for (const Case& wrong : cases) {
    GgufParts parts = good;
    wrong.change(parts);
    const Status status = load(parts).status();
    INFO(wrong.what << ": " << status.message());
    CHECK(name(status.code()) == name(wrong.code));
    CHECK(status.message().find(wrong.culprit) != std::string_view::npos);
  }
}

}  // namespace

TEST_CASE("a checkpoint gives the same logits as GGUF and as safetensors, bit for bit") {
  std::size_t compared = 0;
  for (const std::string name : kNormalised) {
    const Model expected = Model::load(data_folder(name), native()).value();
    if (!expected.config().norm_topk_prob) continue;  // GGUF's family always divides by the sum
    ++compared;
    for (const bool read : {false, true}) {
      ModelOptions options = native();
      options.files.read = read;
      const Result<Model> model = load(GgufParts::of(name), options);
      INFO(name << ": " << model.status().message());
      REQUIRE(model.ok());
      const ModelConfig& a = model->config();
      const ModelConfig& b = expected.config();
      CHECK(a.model_type == b.model_type);
      CHECK(a.tie_word_embeddings == b.tie_word_embeddings);
      CHECK(a.attention_bias == b.attention_bias);
      CHECK(a.moe_layers == b.moe_layers);
      CHECK(a.vocab_size == b.vocab_size);
      CHECK(a.intermediate_size == b.intermediate_size);
      CHECK(same_bits(logits(*model).value(), logits(expected).value()));
    }
  }
  CHECK(compared >= 5);
}

TEST_CASE("half floats of a GGUF file run as they are stored") {
  for (const ElementType type : {ElementType::kF16, ElementType::kBF16}) {
    GgufParts parts = GgufParts::of("gqa_6_heads_2_kv");
    GgufParts widened = parts;
    for (std::size_t i = 0; i < parts.tensors.size(); ++i) {
      WrittenTensor& half = parts.tensors[i];
      if (half.dims.size() == 1) continue;
      std::vector<std::byte> bytes;
      for (std::size_t at = 0; at < half.bytes.size(); at += 4) {
        // The upper half of a float is a bf16. Read as f16 it is another number, but as good a one.
        bytes.push_back(half.bytes[at + 2]);
        bytes.push_back(half.bytes[at + 3] & std::byte{0xbb});  // no exponent of all ones: neither infinity nor NaN
        std::uint16_t bits = 0;
        std::memcpy(&bits, bytes.data() + bytes.size() - 2, 2);
        const float value = type == ElementType::kF16 ? widen_f16(bits) : widen_bf16(bits);
        std::memcpy(widened.tensors[i].bytes.data() + at, &value, 4);
      }
      half.type = type;
      half.bytes = bytes;
    }
    const Model a = load(parts).value();
    const Model b = load(widened).value();
    for (const WeightPath& path : a.weight_paths().value())
      CHECK(path.path.find(type == ElementType::kF16 ? "f16" : "bf16") != std::string::npos);
    CHECK(same_bits(logits(a).value(), logits(b).value()));
  }
}

TEST_CASE("every key that the configuration needs is missed by name") {
  std::vector<Case> cases;
  for (const char* key :
       {"block_count", "context_length", "embedding_length", "attention.head_count", "attention.layer_norm_rms_epsilon",
        "expert_count", "expert_used_count", "expert_feed_forward_length"}) {
    const std::string full = std::string("qwen3moe.") + key;
    cases.push_back({"without " + full, [=](GgufParts& p) { p.keys.erase(full); }, Code::kFormat, full});
    cases.push_back(
        {full + " as text", [=](GgufParts& p) { p.set(full, gguf_string(full, "7")); }, Code::kFormat, full});
    cases.push_back({full + " as an array",
                     [=](GgufParts& p) { p.set(full, gguf_array(full, GgufValue::kU32, 1, raw(7U))); }, Code::kFormat,
                     full});
    cases.push_back({full + " 0", [=](GgufParts& p) { p.set(full, gguf_u32(full, 0)); }, Code::kFormat, full});
    cases.push_back({full + " -1", [=](GgufParts& p) { p.set(full, gguf_key(full, GgufValue::kI32, raw(-1))); },
                     Code::kFormat, full});
    cases.push_back({full + " 2^63",
                     [=](GgufParts& p) { p.set(full, gguf_key(full, GgufValue::kU64, raw(std::uint64_t{1} << 63))); },
                     Code::kFormat, full});
    cases.push_back({full + " NaN", [=](GgufParts& p) { p.set(full, gguf_f32(full, NAN)); }, Code::kFormat, full});
  }
  cases.push_back(
      {"no family", [](GgufParts& p) { p.keys.erase("general.architecture"); }, Code::kFormat, "general.architecture"});
  refuse_all(cases);
}

TEST_CASE("keys that contradict the tensors are refused") {
  const auto set = [](const std::string& key, std::uint32_t value) {
    return [=](GgufParts& p) { p.set("qwen3moe." + key, gguf_u32("qwen3moe." + key, value)); };
  };
  refuse_all({
      {"more layers", set("block_count", 40), Code::kNotFound, "blk."},
      {"another width", set("embedding_length", 64), Code::kFormat, "[64, 64]"},
      {"more heads", set("attention.head_count", 12), Code::kFormat, "attn_q.weight"},
      {"heads that do not divide", set("attention.head_count_kv", 4), Code::kFormat, "multiple"},
      {"more key heads than heads", set("attention.head_count_kv", 12), Code::kFormat, "head_count_kv"},
      {"an odd head", set("attention.key_length", 15), Code::kFormat, "even"},
      {"more experts", set("expert_count", 9), Code::kFormat, "ffn_gate_inp.weight"},
      {"more experts used than there are", set("expert_used_count", 99), Code::kFormat, "expert_used_count"},
      {"wider experts", set("expert_feed_forward_length", 77), Code::kFormat, "ffn_gate_exps.weight"},
      {"another vocabulary", set("vocab_size", 5), Code::kFormat, "vocab_size"},
      {"other tokens",
       [](GgufParts& p) {
         p.set("tokenizer.ggml.tokens", gguf_strings("tokenizer.ggml.tokens", {"a", "b"}));
       },
       Code::kFormat, "tokenizer.ggml.tokens"},
      {"tokens that are numbers",
       [](GgufParts& p) {
         p.set("tokenizer.ggml.tokens", gguf_array("tokenizer.ggml.tokens", GgufValue::kU8, 97, std::string(97, 'x')));
       },
       Code::kFormat, "tokenizer.ggml.tokens"},
      {"no embedding", [](GgufParts& p) { p.tensor("token_embd.weight").name = "other"; }, Code::kNotFound,
       "token_embd.weight"},
      {"an embedding of one dimension",
       [](GgufParts& p) {
         WrittenTensor& t = p.tensor("token_embd.weight");
         t.dims = {t.dims[0] * t.dims[1]};
       },
       Code::kFormat, "token_embd.weight"},
      {"experts of two dimensions",
       [](GgufParts& p) {
         WrittenTensor& t = p.tensor("blk.0.ffn_up_exps.weight");
         t.dims = {t.dims[0] * t.dims[1], t.dims[2]};
       },
       Code::kFormat, "blk.0.ffn_up_exps.weight"},
      {"a bias of one layer alone",
       [](GgufParts& p) {
         p.tensors.push_back({"blk.1.attn_q.bias", ElementType::kF32, {96}, std::vector<std::byte>(384)});
       },
       Code::kFormat, "blk.1.attn_q.bias"},
      {"a norm of integers", [](GgufParts& p) { p.tensor("output_norm.weight").type = ElementType::kI32; },
       Code::kUnsupported, "output_norm.weight"},
      {"weights of integers", [](GgufParts& p) { p.tensor("blk.0.attn_q.weight").type = ElementType::kI32; },
       Code::kUnsupported, "blk.0.attn_q.weight"},
  });
}

TEST_CASE("what llama.cpp's keys can ask for and moxie does not run is refused by its key") {
  const auto text = [](const std::string& key, const std::string& value) {
    return [=](GgufParts& p) { p.set(key, gguf_string(key, value)); };
  };
  const auto number = [](const std::string& key, float value) {
    return [=](GgufParts& p) { p.set(key, gguf_f32(key, value)); };
  };
  refuse_all({
      {"another family", text("general.architecture", "gemma"), Code::kUnsupported, "qwen3moe"},
      {"longrope", text("qwen3moe.rope.scaling.type", "longrope"), Code::kUnsupported, "rope.scaling"},
      {"linear by its factor", number("qwen3moe.rope.scaling.factor", 4), Code::kUnsupported, "rope.scaling"},
      {"half a pair", number("qwen3moe.rope.dimension_count", 3), Code::kFormat, "dimension_count"},
      {"more than a head", number("qwen3moe.rope.dimension_count", 200), Code::kFormat, "dimension_count"},
      {"a window", number("qwen3moe.attention.sliding_window", 128), Code::kUnsupported, "sliding_window"},
      {"shared experts", number("qwen3moe.expert_shared_count", 1), Code::kUnsupported, "expert_shared_count"},
      {"sigmoid", number("qwen3moe.expert_gating_func", 2), Code::kUnsupported, "expert_gating_func"},
      {"a scale", number("qwen3moe.expert_weights_scale", 2.5f), Code::kUnsupported, "expert_weights_scale"},
      {"weights as they are",
       [](GgufParts& p) {
         p.set("qwen3moe.expert_weights_norm",
               gguf_key("qwen3moe.expert_weights_norm", GgufValue::kBool, std::string(1, '\0')));
       },
       Code::kUnsupported, "expert_weights_norm"},
      {"values of another width", number("qwen3moe.attention.value_length", 8), Code::kFormat, "value_length"},
      {"a layout of ours that is not known yet", text("moxie.layout", "tiles-9"), Code::kUnsupported, "tiles-9"},
      {"stretched frequencies",
       [](GgufParts& p) {
         p.tensors.push_back({"rope_freqs.weight", ElementType::kF32, {1}, std::vector<std::byte>(4)});
       },
       Code::kUnsupported, "rope_freqs"},
      {"theta below 1", number("qwen3moe.rope.freq_base", 0.5f), Code::kFormat, "rope.freq_base"},
  });
  GgufParts harmless = GgufParts::of("gqa_6_heads_2_kv");
  text("qwen3moe.rope.scaling.type", "none")(harmless);
  number("qwen3moe.rope.scaling.factor", 1)(harmless);
  number("qwen3moe.expert_weights_scale", 1)(harmless);
  CHECK(load(harmless).ok());
}

TEST_CASE("a fingerprint sees each key and value of the metadata") {
  const GgufParts good = GgufParts::of("top_all");
  const std::uint64_t expected = load(good).value().fingerprint();
  CHECK(load(good).value().fingerprint() == expected);
  GgufParts added = good;
  added.set("x", gguf_u32("x", 1));
  GgufParts other = good;
  other.set("x", gguf_u32("x", 2));
  GgufParts type = good;
  type.set("x", gguf_key("x", GgufValue::kI32, raw(1)));
  GgufParts words = good;
  words.set("x", gguf_strings("x", {"a", "b"}));
  std::vector<std::uint64_t> all = {expected};
  for (const GgufParts* parts : {&added, &other, &type, &words}) all.push_back(load(*parts).value().fingerprint());
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}
