// SPDX-License-Identifier: Apache-2.0
// What config.json says in one family and not in another. Values are those of published files, or of the classes of
// transformers where a file leaves them out.
#include <string>
#include <vector>

#include "config_fields.hpp"
#include "model/families/family.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

Fields of(const std::string& model_type, const std::string& architecture, const Fields& more) {
  Fields fields = {{"architectures", "[\"" + architecture + "\"]"},
                   {"model_type", '"' + model_type + '"'},
                   {"hidden_act", R"("silu")"},
                   {"hidden_size", "4096"},
                   {"max_position_embeddings", "32768"},
                   {"num_attention_heads", "32"},
                   {"num_hidden_layers", "4"},
                   {"num_key_value_heads", "8"},
                   {"rms_norm_eps", "1e-05"},
                   {"rope_theta", "1000000.0"},
                   {"vocab_size", "32000"}};
  for (const auto& [key, value] : more) fields[key] = value;
  return fields;
}

Fields llama(const Fields& more = {}) {
  Fields fields = of("llama", "LlamaForCausalLM", {{"intermediate_size", "14336"}});
  for (const auto& [key, value] : more) fields[key] = value;
  return fields;
}

Fields qwen2(const Fields& more) {
  Fields fields = of("qwen2", "Qwen2ForCausalLM", {{"intermediate_size", "18944"}});
  for (const auto& [key, value] : more) fields[key] = value;
  return fields;
}

Fields without(Fields fields, const std::string& key) {
  fields.erase(key);
  return fields;
}

Status refused(const Fields& fields) { return read(fields).status(); }

using Windows = std::vector<std::size_t>;

}  // namespace

TEST_CASE("every family is known by its name, and the message for another lists them all") {
  const Status status = refused(of("gpt2", "GPT2LMHeadModel", {}));
  CHECK(status.code() == Code::kUnsupported);
  CHECK(status.needed() ==
        "model_type afmoe, cohere2_moe, deepseek_v2, deepseek_v3, dots1, ernie4_5_moe, exaone_moe, flex_olmo, gemma2, "
        "gemma3, gemma3_text, gemma4, gemma4_text, glm4_moe, glm4_moe_lite, gpt_oss, granite, granitemoe, "
        "hunyuan_v1_moe, hy_v3, kimi_k2, kimi_k25, laguna, llama, minimax_m2, ministral3, mistral, mistral3, mistral4, "
        "mixtral, olmo2, olmo3, olmoe, qwen2, qwen2_moe, qwen3, qwen3_moe, seed_oss, smollm3 or solar_open");
  CHECK(model::families().size() == 36);
  for (const model::Family* family : model::families()) {
    CHECK(model::find_family(family->model_type) == family);
    const model::Family* found =
        model::find_gguf_family(family->gguf.architecture, family->experts, family->scoring_func);
    if (family->gguf.architecture.empty()) {
      CHECK(found == nullptr);
      continue;
    }
    CHECK(found->experts == family->experts);
    CHECK(found->scoring_func == family->scoring_func);
  }
  CHECK(model::find_gguf_family("llama", false)->model_type == "llama");
  CHECK(model::find_gguf_family("llama", true)->model_type == "mixtral");
  CHECK(model::find_gguf_family("llama", true, Scores::kSigmoid)->model_type == "mixtral");
  CHECK(model::find_gguf_family("deepseek2", true)->model_type == "deepseek_v2");
  CHECK(model::find_gguf_family("deepseek2", true, Scores::kSigmoid)->model_type == "deepseek_v3");
  CHECK(model::find_gguf_family("gemma", false) == nullptr);
}

TEST_CASE("weights of another class than the family's are refused") {
  CHECK(refused(llama({{"architectures", R"(["LlamaForSequenceClassification"])"}})).code() == Code::kUnsupported);
  CHECK(contains(refused(llama({{"architectures", R"(["LlamaModel"])"}})).message(), "LlamaForCausalLM"));
  CHECK(contains(refused(llama({{"architectures", R"(["LlamaForCausalLM", 3])"}})).message(), "architectures"));
  CHECK(refused(llama({{"architectures", R"("LlamaForCausalLM")"}})).code() == Code::kFormat);
  for (const std::string absent : {"[]", "null"}) CHECK(read(llama({{"architectures", absent}})).ok());
  CHECK(read(without(llama(), "architectures")).ok());
}

TEST_CASE("llama: no norms, biases where the file has them, early files without rope_theta and key heads") {
  const ModelConfig config = read(llama()).value();
  CHECK(config.intermediate_size == 14336);
  CHECK(config.head_dim == 128);
  CHECK(config.num_experts == 0);
  CHECK(config.query_key_norm == QueryKeyNorm::kNone);
  CHECK(config.moe_layers == std::vector<bool>(4, false));
  CHECK(config.sliding_windows == Windows(4, 0));
  CHECK_FALSE(config.attention_bias);
  CHECK_FALSE(config.mlp_bias);
  const ModelConfig biased = read(llama({{"attention_bias", "true"}, {"mlp_bias", "true"}})).value();
  CHECK(biased.attention_bias);
  CHECK(biased.attention_output_bias);
  CHECK(biased.mlp_bias);
  const ModelConfig early = read(without(without(llama(), "rope_theta"), "num_key_value_heads")).value();
  CHECK(early.rope_theta == 10000);
  CHECK(early.num_key_value_heads == 32);
  for (const std::string key : {"attention_bias", "mlp_bias"}) {
    CHECK(contains(refused(llama({{key, "1"}})).message(), key));
  }
  CHECK(contains(refused(without(llama(), "intermediate_size")).message(), "intermediate_size"));
}

TEST_CASE("mistral and mixtral have one window for all layers, or none") {
  const Fields dense = of("mistral", "MistralForCausalLM", {{"intermediate_size", "14336"}});
  const Fields moe = of("mixtral", "MixtralForCausalLM",
                        {{"intermediate_size", "14336"}, {"num_local_experts", "8"}, {"num_experts_per_tok", "2"}});
  for (Fields fields : {dense, moe}) {
    CHECK(read(fields).value().sliding_windows == Windows(4, 0));
    fields["sliding_window"] = "null";
    CHECK(read(fields).value().sliding_windows == Windows(4, 0));
    fields["sliding_window"] = "4096";
    CHECK(read(fields).value().sliding_windows == Windows(4, 4096));
    for (const std::string wrong : {"0", "-1", "4096.0", "true", R"("4096")", "[4096]", "4294967296"}) {
      fields["sliding_window"] = wrong;
      CHECK(refused(fields).code() == Code::kFormat);
      CHECK(contains(refused(fields).message(), "sliding_window"));
    }
  }
  const ModelConfig config = read(moe).value();
  CHECK(config.num_experts == 8);
  CHECK(config.moe_intermediate_size == 14336);
  CHECK(config.intermediate_size == 0);
  CHECK(config.norm_topk_prob);  // whatever a field of that name says: the family's softmax is over the chosen
  CHECK(config.moe_layers == std::vector<bool>(4, true));
}

TEST_CASE("olmoe: norms over all heads, weights as they are, no clipping") {
  const Fields fields = of("olmoe", "OlmoeForCausalLM",
                           {{"intermediate_size", "1024"}, {"num_experts", "64"}, {"num_experts_per_tok", "8"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.query_key_norm == QueryKeyNorm::kWhole);
  CHECK(config.moe_intermediate_size == 1024);
  CHECK_FALSE(config.norm_topk_prob);
  Fields clipped = fields;
  clipped["clip_qkv"] = "null";
  CHECK(read(clipped).ok());
  clipped["clip_qkv"] = "8.0";
  CHECK(refused(clipped).code() == Code::kUnsupported);
  CHECK(contains(refused(clipped).message(), "clip_qkv"));
}

TEST_CASE("qwen2_moe: a shared expert beside the others") {
  const Fields fields = of("qwen2_moe", "Qwen2MoeForCausalLM",
                           {{"moe_intermediate_size", "1408"},
                            {"shared_expert_intermediate_size", "5632"},
                            {"num_experts", "60"},
                            {"num_experts_per_tok", "4"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.shared_expert_intermediate_size == 5632);
  CHECK(config.attention_bias);
  CHECK_FALSE(config.attention_output_bias);
  for (const std::string wrong : {"null", "0", "-1", R"("5632")"}) {
    Fields other = fields;
    other["shared_expert_intermediate_size"] = wrong;
    CHECK(refused(other).code() == Code::kFormat);
    CHECK(contains(refused(other).message(), "shared_expert_intermediate_size"));
  }
  Fields bare = fields;
  bare["qkv_bias"] = "false";
  CHECK_FALSE(read(bare).value().attention_bias);
  // Every second layer from the first on, below max_window_layers: as transformers has it.
  Fields window = fields;
  window["use_sliding_window"] = "true";
  window["sliding_window"] = "100";
  window["max_window_layers"] = "2";
  CHECK(read(window).value().sliding_windows == Windows{100, 0, 0, 0});
  window["max_window_layers"] = "4";
  CHECK(read(window).value().sliding_windows == Windows{100, 0, 100, 0});
}

TEST_CASE("qwen2: biases whatever the file says, and one direction of positions") {
  CHECK(read(qwen2({})).value().attention_bias);
  CHECK_FALSE(read(qwen2({})).value().attention_output_bias);
  CHECK(read(qwen2({{"use_mrope", "false"}})).ok());
  CHECK(refused(qwen2({{"use_mrope", "true"}})).code() == Code::kUnsupported);
  CHECK(contains(refused(qwen2({{"use_mrope", "true"}})).message(), "use_mrope"));
}

TEST_CASE("qwen2 and qwen3 have a window where use_sliding_window says so") {
  const Fields none = {{"sliding_window", "131072"}, {"max_window_layers", "2"}, {"use_sliding_window", "false"}};
  CHECK(read(qwen2(none)).value().sliding_windows == Windows(4, 0));
  Fields used = none;
  used["use_sliding_window"] = "true";
  CHECK(read(qwen2(used)).value().sliding_windows == Windows{0, 0, 131072, 131072});
  used["layer_types"] = R"(["sliding_attention", "full_attention", "sliding_attention", "full_attention"])";
  CHECK(read(qwen2(used)).value().sliding_windows == Windows{131072, 0, 131072, 0});
  used["sliding_window"] = "null";
  CHECK(contains(refused(qwen2(used)).message(), "layer_types"));
  Fields unbound = used;
  unbound.erase("layer_types");
  unbound["sliding_window"] = "9";
  unbound["max_window_layers"] = "null";
  CHECK(contains(refused(qwen2(unbound)).message(), "max_window_layers"));
  for (const std::string wrong :
       {"[]", R"(["full_attention"])", "{}", "4", R"("full_attention")",
        R"(["full_attention", "full_attention", "full_attention", "full_attention", "full_attention"])",
        R"(["full_attention", "full_attention", "full_attention", "chunked_attention"])",
        R"(["full_attention", "full_attention", "full_attention", 0])",
        R"(["full_attention", "full_attention", "full_attention", "sliding_attention"])"}) {
    Fields typed = none;
    typed["layer_types"] = wrong;
    CHECK(contains(refused(qwen2(typed)).message(), "layer_types"));
  }
  // Qwen3-MoE knows no types of layers: all have it.
  CHECK(read(changed({{"use_sliding_window", "true"}, {"sliding_window", "4096"}})).value().sliding_windows ==
        Windows(48, 4096));
  CHECK(read(changed({{"use_sliding_window", "true"}})).value().sliding_windows == Windows(48, 0));
  CHECK(read(changed({{"sliding_window", "4096"}})).value().sliding_windows == Windows(48, 0));
}

namespace {

/// As the published file of gpt-oss-20b has it.
Fields gpt_oss(const Fields& more = {}) {
  Fields fields = of("gpt_oss", "GptOssForCausalLM",
                     {{"attention_bias", "true"},
                      {"experts_per_token", "4"},
                      {"head_dim", "64"},
                      {"hidden_size", "2880"},
                      {"initial_context_length", "4096"},
                      {"intermediate_size", "2880"},
                      {"layer_types", R"(["sliding_attention","full_attention","sliding_attention","full_attention"])"},
                      {"num_attention_heads", "64"},
                      {"num_experts_per_tok", "4"},
                      {"num_local_experts", "32"},
                      {"quantization_config", R"({"modules_to_not_convert":["lm_head"],"quant_method":"mxfp4"})"},
                      {"rope_scaling", R"({"beta_fast":32.0,"beta_slow":1.0,"factor":32.0,
                                          "original_max_position_embeddings":4096,"rope_type":"yarn","truncate":false})"},
                      {"rope_theta", "150000"},
                      {"sliding_window", "128"},
                      {"swiglu_limit", "7.0"}});
  for (const auto& [key, value] : more) fields[key] = value;
  return fields;
}

}  // namespace

TEST_CASE("gpt_oss: sinks, biases everywhere, a window in every second layer, a clamped activation") {
  const ModelConfig config = read(gpt_oss()).value();
  CHECK(config.attention_sinks);
  CHECK(config.attention_bias);
  CHECK(config.attention_output_bias);
  CHECK(config.expert_bias);
  CHECK(config.activation == GatedActivation::kClampedSwiglu);
  CHECK(config.sliding_windows == Windows{128, 0, 128, 0});
  CHECK(config.moe_layers == std::vector<bool>(4, true));
  CHECK(config.num_experts == 32);
  CHECK(config.num_experts_per_tok == 4);
  CHECK(config.moe_intermediate_size == 2880);
  CHECK(config.intermediate_size == 0);
  CHECK(config.norm_topk_prob);
  CHECK(config.head_dim == 64);
  CHECK(config.rotary_dim == 64);
  CHECK(config.rope_scaling.type == RopeScaling::Type::kYarn);
  CHECK_FALSE(config.rope_scaling.truncate);
  CHECK(read(without(gpt_oss(), "layer_types")).value().sliding_windows == Windows{128, 0, 128, 0});
  CHECK(read(without(gpt_oss(), "quantization_config")).ok());
  CHECK(read(without(without(gpt_oss(), "swiglu_limit"), "attention_bias")).value().attention_bias);
  CHECK_FALSE(read(gpt_oss({{"attention_bias", "false"}})).value().attention_output_bias);
  const std::string full = R"(["full_attention","full_attention","full_attention","full_attention"])";
  CHECK(read(gpt_oss({{"layer_types", full}, {"sliding_window", "null"}})).value().sliding_windows == Windows(4, 0));
  // No other family has any of it.
  CHECK_FALSE(read(llama()).value().attention_sinks);
  CHECK(read(llama()).value().activation == GatedActivation::kSilu);
}

TEST_CASE("gpt_oss is refused where the file says less or other than its models have") {
  const auto refuses = [](const Fields& fields, Code code, std::string_view culprit) {
    const Status status = refused(fields);
    INFO(culprit << ": " << status.message());
    CHECK(name(status.code()) == name(code));
    CHECK(contains(status.message(), culprit));
  };
  refuses(gpt_oss({{"swiglu_limit", "8.0"}}), Code::kUnsupported, "swiglu_limit 7");
  refuses(gpt_oss({{"swiglu_limit", R"("7")"}}), Code::kFormat, "swiglu_limit");
  refuses(gpt_oss({{"quantization_config", R"({"quant_method":"fp8"})"}}), Code::kUnsupported, "quant_method mxfp4");
  refuses(gpt_oss({{"quantization_config", "{}"}}), Code::kUnsupported, "quantization_config");
  refuses(gpt_oss({{"quantization_config", "true"}}), Code::kUnsupported, "quantization_config");
  refuses(llama({{"quantization_config", R"({"quant_method":"mxfp4"})"}}), Code::kUnsupported, "quantization_config");
  refuses(gpt_oss({{"sliding_window", "null"}}), Code::kFormat, "there is no sliding_window");
  refuses(without(without(gpt_oss(), "layer_types"), "sliding_window"), Code::kFormat, "sliding_window");
  refuses(gpt_oss({{"layer_types", R"(["sliding_attention"])"}}), Code::kFormat, "layer_types");
  refuses(without(gpt_oss(), "head_dim"), Code::kFormat, "head_dim");
  refuses(without(gpt_oss(), "rope_scaling"), Code::kUnsupported, "rope_parameters or rope_scaling");
  refuses(without(gpt_oss(), "num_local_experts"), Code::kFormat, "num_experts");
  refuses(gpt_oss({{"attention_bias", "1"}}), Code::kFormat, "attention_bias");
  refuses(gpt_oss({{"partial_rotary_factor", "0.5"}}), Code::kUnsupported, "partial_rotary_factor");
}
