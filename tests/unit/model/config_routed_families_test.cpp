// SPDX-License-Identifier: Apache-2.0
// What config.json says in families that route as DeepSeek-V3 does, or nearly so. Values are those of published files.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "config_fields.hpp"
#include "model/load/config_fields.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

Fields of(const std::string& model_type, const std::string& architecture, const Fields& more) {
  return with({{"architectures", "[\"" + architecture + "\"]"},
               {"model_type", '"' + model_type + '"'},
               {"hidden_act", R"("silu")"},
               {"hidden_size", "4096"},
               {"head_dim", "128"},
               {"intermediate_size", "10944"},
               {"max_position_embeddings", "131072"},
               {"num_attention_heads", "96"},
               {"num_hidden_layers", "4"},
               {"num_key_value_heads", "8"},
               {"rms_norm_eps", "1e-05"},
               {"rope_theta", "1000000"},
               {"vocab_size", "151552"}},
              more);
}

/// GLM-4.6.
Fields glm(const Fields& more = {}) {
  return with(of("glm4_moe", "Glm4MoeForCausalLM",
                 {{"attention_bias", "true"},
                  {"first_k_dense_replace", "3"},
                  {"moe_intermediate_size", "1536"},
                  {"n_group", "1"},
                  {"n_routed_experts", "160"},
                  {"n_shared_experts", "1"},
                  {"norm_topk_prob", "true"},
                  {"num_experts_per_tok", "8"},
                  {"num_nextn_predict_layers", "1"},
                  {"partial_rotary_factor", "0.5"},
                  {"rope_scaling", "null"},
                  {"routed_scaling_factor", "2.5"},
                  {"topk_group", "1"},
                  {"use_qk_norm", "true"}}),
              more);
}

void check_v3_router(const ModelConfig& config) {
  CHECK(config.scoring_func == Scores::kSigmoid);
  CHECK(config.selection_bias);
  CHECK(config.norm_topk_prob);
}

}  // namespace

TEST_CASE("glm4_moe: half of each head is turned, biases but on the output, norms where the file says so") {
  const ModelConfig config = read(glm()).value();
  CHECK(config.rotary_dim == 64);
  CHECK(config.attention_bias);
  CHECK_FALSE(config.attention_output_bias);
  CHECK(config.query_key_norm == QueryKeyNorm::kHead);
  CHECK(config.moe_layers == std::vector<bool>{false, false, false, true});
  CHECK(config.intermediate_size == 10944);
  CHECK(config.shared_expert_intermediate_size == 1536);
  CHECK(config.routed_scaling_factor == 2.5);
  check_v3_router(config);
  CHECK(read(glm({{"use_qk_norm", ""}}))->query_key_norm == QueryKeyNorm::kNone);
  CHECK(read(glm({{"partial_rotary_factor", ""}}))->rotary_dim == 64);  // what the class has
  CHECK(read(glm({{"partial_rotary_factor", "1.0"}}))->rotary_dim == 128);
  CHECK(read(glm({{"first_k_dense_replace", ""}}))->moe_layers == std::vector<bool>{false, true, true, true});
  refused(glm({{"partial_rotary_factor", "1.5"}}), Code::kFormat, "up to 128");
  refused(glm({{"partial_rotary_factor", "0.01"}}), Code::kFormat, "rotary embedding");
  refused(glm({{"partial_rotary_factor", "-1"}}), Code::kFormat, "partial_rotary_factor");
  refused(glm({{"partial_rotary_factor", "true"}}), Code::kFormat, "partial_rotary_factor");
  refused(glm({{"scoring_func", R"("softmax")"}}), Code::kUnsupported, "scoring_func sigmoid, noaux_tc, or none");
}

TEST_CASE("solar_open: glm4_moe with experts in all layers and whole heads turned") {
  const Fields fields = with(glm({{"partial_rotary_factor", ""}, {"use_qk_norm", "false"}}),
                             {{"architectures", R"(["SolarOpenForCausalLM"])"},
                              {"model_type", R"("solar_open")"},
                              {"attention_bias", "false"},
                              {"intermediate_size", ""}});
  const ModelConfig config = read(fields).value();
  CHECK(config.rotary_dim == 128);
  CHECK(config.moe_layers == std::vector<bool>(4, true));
  check_v3_router(config);
  refused(with(fields, {{"use_qk_norm", "true"}}), Code::kUnsupported, "use_qk_norm false");
}

TEST_CASE("glm4_moe_lite: latent attention, one group, layers by number or by kind") {
  const Fields fields = with(glm({{"head_dim", ""}, {"use_qk_norm", ""}, {"attention_bias", "false"}}),
                             {{"architectures", R"(["Glm4MoeLiteForCausalLM"])"},
                              {"model_type", R"("glm4_moe_lite")"},
                              {"kv_lora_rank", "512"},
                              {"num_attention_heads", "20"},
                              {"num_key_value_heads", "20"},
                              {"partial_rotary_factor", "1.0"},
                              {"q_lora_rank", "768"},
                              {"qk_nope_head_dim", "192"},
                              {"qk_rope_head_dim", "64"},
                              {"routed_scaling_factor", ""},
                              {"topk_method", R"("noaux_tc")"},
                              {"v_head_dim", "256"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.kv_lora_rank == 512);
  CHECK(config.rotary_dim == 64);
  CHECK(config.routed_scaling_factor == 1.8);
  CHECK(config.moe_layers == std::vector<bool>{false, false, false, true});
  check_v3_router(config);
  const auto listed = [&](const std::string& types) { return with(fields, {{"mlp_layer_types", types}}); };
  CHECK(read(listed(R"(["sparse", "dense", "dense", "sparse"])"))->moe_layers ==
        std::vector<bool>{true, false, false, true});
  refused(listed(R"(["sparse"])"), Code::kFormat, "mlp_layer_types as a list of 4");
  refused(listed(R"(["sparse", "dense", "dense", "full"])"), Code::kUnsupported, "mlp_layer_types dense or sparse");
  refused(listed(R"("dense")"), Code::kFormat, "mlp_layer_types");
}

TEST_CASE("minimax_m2: a part of each head by rotary_dim, norms over all heads") {
  const Fields fields = of("minimax_m2", "MiniMaxM2ForCausalLM",
                           {{"attn_type_list", "[1, 1, 1, 1]"},
                            {"intermediate_size", "1536"},
                            {"num_experts_per_tok", "8"},
                            {"num_local_experts", "256"},
                            {"qk_norm_type", R"("per_layer")"},
                            {"rotary_dim", "64"},
                            {"scoring_func", R"("sigmoid")"},
                            {"shared_intermediate_size", "0"},
                            {"use_qk_norm", "true"},
                            {"use_routing_bias", "true"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.rotary_dim == 64);
  CHECK(config.query_key_norm == QueryKeyNorm::kWhole);
  CHECK(config.moe_intermediate_size == 1536);
  CHECK(config.shared_expert_intermediate_size == 0);
  CHECK(config.moe_layers == std::vector<bool>(4, true));
  check_v3_router(config);
  CHECK(read(with(fields, {{"rotary_dim", ""}}))->rotary_dim == 128);
  for (const std::string wrong : {"0", "63", "130", "64.0"}) {
    refused(with(fields, {{"rotary_dim", wrong}}), Code::kFormat, wrong == "63" ? "rotary embedding" : "rotary_dim");
  }
  refused(with(fields, {{"attn_type_list", "[1, 0, 1, 1]"}}), Code::kUnsupported, "attn_type_list");
  refused(with(fields, {{"attn_type_list", "[0, 0, 0, 0]"}}), Code::kUnsupported, "attn_type_list");
  refused(with(fields, {{"shared_intermediate_size", "8"}}), Code::kUnsupported, "shared_intermediate_size");
  refused(with(fields, {{"scoring_func", R"("softmax")"}}), Code::kUnsupported, "scoring_func");
  refused(with(fields, {{"use_qk_norm", "false"}}), Code::kUnsupported, "use_qk_norm true");
}

TEST_CASE("hy_v3: a sigmoid router under names of its own") {
  const Fields fields = of("hy_v3", "HYV3ForCausalLM",
                           {{"first_k_dense_replace", "1"},
                            {"moe_intermediate_size", "1536"},
                            {"num_experts", "192"},
                            {"num_experts_per_tok", "8"},
                            {"num_shared_experts", "1"},
                            {"qk_norm", "true"},
                            {"rope_theta", ""},
                            {"router_scaling_factor", "2.826"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.rope_theta == 11158840);
  CHECK(config.query_key_norm == QueryKeyNorm::kHead);
  CHECK(config.routed_scaling_factor == 2.826);
  CHECK(config.shared_expert_intermediate_size == 1536);
  CHECK(config.moe_layers == std::vector<bool>{false, true, true, true});
  check_v3_router(config);
  refused(with(fields, {{"router_scaling_factor", ""}}), Code::kFormat, "router_scaling_factor");
  refused(with(fields, {{"qk_norm", "false"}}), Code::kUnsupported, "qk_norm true");
}

TEST_CASE("hunyuan_v1_moe: norms behind the rotary embedding, lists with a number for each layer, theta by alpha") {
  const std::string alpha = R"({"alpha": 1000.0, "beta_fast": 32, "factor": 1.0, "mscale": 1.0, "type": "dynamic"})";
  const Fields fields = of("hunyuan_v1_moe", "HunYuanMoEV1ForCausalLM",
                           {{"intermediate_size", "3072"},
                            {"moe_intermediate_size", "[3072, 3072, 3072, 3072]"},
                            {"moe_topk", "[8, 8, 8, 8]"},
                            {"num_experts", "64"},
                            {"num_shared_expert", "[1, 1, 1, 1]"},
                            {"rope_scaling", alpha},
                            {"rope_theta", "10000.0"},
                            {"tie_word_embeddings", "true"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.norm_after_rope);
  CHECK(config.query_key_norm == QueryKeyNorm::kHead);
  CHECK(config.num_experts_per_tok == 8);
  CHECK(config.shared_expert_intermediate_size == 3072);
  CHECK(config.norm_topk_prob);
  CHECK_FALSE(config.selection_bias);
  CHECK(config.rope_scaling.type == RopeScaling::Type::kNone);
  CHECK(config.rope_theta == 11158840);  // 11158839.925 as a float
  CHECK(read(with(fields, {{"moe_topk", "8"}, {"moe_intermediate_size", ""}}))->moe_intermediate_size == 3072);
  refused(with(fields, {{"moe_topk", "[8, 8, 8, 4]"}}), Code::kUnsupported, "moe_topk as one whole number");
  refused(with(fields, {{"moe_topk", "[8, 8, 8, true]"}}), Code::kFormat, "moe_topk");
  refused(with(fields, {{"num_experts", ""}}), Code::kFormat, "num_experts");
  refused(with(fields, {{"rope_scaling", R"({"type": "dynamic", "factor": 2.0})"}}), Code::kUnsupported,
          "how long its context becomes");
  refused(with(fields, {{"rope_scaling", R"({"type": "dynamic", "alpha": 0.0})"}}), Code::kFormat, "alpha");
  // Of no other family.
  refused(glm({{"rope_scaling", alpha}}), Code::kUnsupported, "dynamic");
}

TEST_CASE("ernie4_5_moe: every so many layers between two have experts, a softmax with a bias") {
  const Fields fields = of("ernie4_5_moe", "Ernie4_5_MoeForCausalLM",
                           {{"moe_intermediate_size", "1536"},
                            {"moe_k", "6"},
                            {"moe_layer_end_index", "28"},
                            {"moe_layer_interval", "1"},
                            {"moe_layer_start_index", "1"},
                            {"moe_num_experts", "64"},
                            {"moe_num_shared_experts", "2"},
                            {"use_bias", "false"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.scoring_func == Scores::kSoftmax);
  CHECK(config.selection_bias);
  CHECK(config.norm_topk_prob);
  CHECK(config.shared_expert_intermediate_size == 3072);
  CHECK(config.moe_layers == std::vector<bool>{false, true, true, true});
  CHECK(config.tie_word_embeddings);  // what the class has
  CHECK_FALSE(read(with(fields, {{"tie_word_embeddings", "false"}}))->tie_word_embeddings);
  CHECK(read(with(fields, {{"moe_layer_interval", "2"}, {"moe_layer_end_index", "-1"}}))->moe_layers ==
        std::vector<bool>{false, true, false, true});
  CHECK(read(with(fields, {{"moe_layer_end_index", "2"}}))->moe_layers == std::vector<bool>{false, true, true, false});
  refused(with(fields, {{"use_bias", "true"}}), Code::kUnsupported, "use_bias false");
  refused(with(fields, {{"moe_layer_interval", "0"}}), Code::kFormat, "moe_layer_interval");
  refused(with(fields, {{"moe_k", "65"}}), Code::kFormat, "moe_k");
}

TEST_CASE("dots1: weights as they are where the file does not say it, a window by layer") {
  const Fields fields = of("dots1", "Dots1ForCausalLM",
                           {{"first_k_dense_replace", "1"},
                            {"moe_intermediate_size", "1408"},
                            {"n_routed_experts", "128"},
                            {"n_shared_experts", "2"},
                            {"norm_topk_prob", "true"},
                            {"num_experts_per_tok", "6"},
                            {"routed_scaling_factor", "2.5"},
                            {"scoring_func", R"("noaux_tc")"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.query_key_norm == QueryKeyNorm::kHead);
  CHECK(config.shared_expert_intermediate_size == 2816);
  CHECK(config.sliding_windows == std::vector<std::size_t>(4, 0));
  check_v3_router(config);
  CHECK_FALSE(read(with(fields, {{"norm_topk_prob", ""}}))->norm_topk_prob);
  CHECK(read(with(fields, {{"sliding_window", "64"}, {"max_window_layers", "2"}}))->sliding_windows ==
        std::vector<std::size_t>{0, 0, 64, 64});
}

TEST_CASE("seed_oss: heads of a width of its own, biases on queries, keys and values") {
  const Fields fields = of("seed_oss", "SeedOssForCausalLM", {});
  const ModelConfig config = read(fields).value();
  CHECK(config.attention_bias);
  CHECK_FALSE(config.attention_output_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK(read(with(fields, {{"attention_out_bias", "true"}}))->attention_output_bias);
  refused(with(fields, {{"head_dim", ""}}), Code::kFormat, "head_dim");
}

TEST_CASE("the text model of a configuration of several is read, and nothing else of it") {
  const std::string text = config_text(glm());
  const auto wrapped = [](const Fields& fields) { return model::read_config(config_text(fields)); };
  const Fields good = {{"architectures", R"(["KimiK25ForConditionalGeneration"])"},
                       {"model_type", R"("kimi_k25")"},
                       {"text_config", text},
                       {"hidden_act", R"("gelu")"},
                       {"vision_config", R"({"hidden_act": "gelu", "rope_theta": Infinity})"}};
  CHECK(wrapped(good).value().model_type == "glm4_moe");
  CHECK(wrapped(with(good, {{"text_config", ""}})).status().code() == Code::kFormat);
  CHECK(contains(wrapped(with(good, {{"text_config", "[]"}})).status().message(), "text_config as an object"));
  CHECK(contains(
      wrapped(with(good, {{"text_config", config_text(glm({{"model_type", R"("kimi_k25")"}}))}})).status().message(),
      "model_type"));
  CHECK(contains(wrapped(with(good, {{"architectures", R"(["Glm4MoeForCausalLM"])"}})).status().message(),
                 "KimiK25ForConditionalGeneration"));
  CHECK(
      contains(wrapped(with(good, {{"quantization_config", R"({"quant_method": "fp8"})"}})).status().message(), "fp8"));
}

TEST_CASE("numbers as Python writes them are read where no field is made of them, and refused by name elsewhere") {
  CHECK(read(glm({{"time_step_limit", "[0.0, Infinity]"}, {"other", "-Infinity"}, {"third", "NaN"}})).ok());
  CHECK(read(glm({{"note", R"("Infinity and \"NaN\" \\")"}})).ok());
  refused(glm({{"rope_theta", "Infinity"}}), Code::kFormat, "rope_theta");
  refused(glm({{"rms_norm_eps", "NaN"}}), Code::kFormat, R"("NaN")");
  refused(glm({{"hidden_size", "Infinity"}}), Code::kFormat, "hidden_size");
  for (const std::string wrong : {"Infinit", "+Infinity", "nan", "Infinityx", "1Infinity", "[Infinity", "NaN NaN"}) {
    INFO(wrong);
    CHECK(read(glm({{"other", wrong}})).status().code() == Code::kFormat);
  }
  const auto document = model::parse_config(R"({"a": Infinity, "b": NaN, "c": 2})", "there").value();
  model::ConfigFields fields(document.root());
  constexpr double kUnbounded = std::numeric_limits<double>::infinity();
  CHECK(fields.number(fields.find("a"), "a", 0, kUnbounded) == kUnbounded);
  CHECK(fields.number(fields.find("c"), "c", 0, kUnbounded) == 2);
  CHECK(fields.status().ok());
  fields.number(fields.find("b"), "b", 0, kUnbounded);
  CHECK(contains(fields.status().message(), "b as a number"));
  model::ConfigFields bounded(document.root());
  bounded.number(bounded.find("a"), "a", 0, 1e300);
  CHECK_FALSE(bounded.status().ok());
}
