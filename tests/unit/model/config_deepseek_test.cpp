// SPDX-License-Identifier: Apache-2.0
// What config.json says in DeepSeek-V2 and V3. Values are those of the published files.
#include <cmath>
#include <string>
#include <vector>

#include "config_fields.hpp"
#include "model/run/rope.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// DeepSeek-V2-Lite.
Fields lite(const Fields& more = {}) {
  return with(
      {{"architectures", R"(["DeepseekV2ForCausalLM"])"},
       {"attention_bias", "false"},
       {"first_k_dense_replace", "1"},
       {"hidden_act", R"("silu")"},
       {"hidden_size", "2048"},
       {"intermediate_size", "10944"},
       {"kv_lora_rank", "512"},
       {"max_position_embeddings", "163840"},
       {"model_type", R"("deepseek_v2")"},
       {"moe_intermediate_size", "1408"},
       {"moe_layer_freq", "1"},
       {"n_group", "1"},
       {"n_routed_experts", "64"},
       {"n_shared_experts", "2"},
       {"norm_topk_prob", "false"},
       {"num_attention_heads", "16"},
       {"num_experts_per_tok", "6"},
       {"num_hidden_layers", "27"},
       {"num_key_value_heads", "16"},
       {"q_lora_rank", "null"},
       {"qk_nope_head_dim", "128"},
       {"qk_rope_head_dim", "64"},
       {"rms_norm_eps", "1e-06"},
       {"rope_scaling",
        R"({"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 0.707, "mscale_all_dim": 0.707, "original_max_position_embeddings": 4096, "type": "yarn"})"},
       {"rope_theta", "10000"},
       {"routed_scaling_factor", "1.0"},
       {"scoring_func", R"("softmax")"},
       {"topk_group", "1"},
       {"topk_method", R"("greedy")"},
       {"v_head_dim", "128"},
       {"vocab_size", "102400"}},
      more);
}

/// What DeepSeek-V2 has instead.
Fields v2(const Fields& more = {}) {
  return with(lite({{"hidden_size", "5120"},
                    {"n_group", "8"},
                    {"n_routed_experts", "160"},
                    {"num_attention_heads", "128"},
                    {"num_hidden_layers", "60"},
                    {"num_key_value_heads", "128"},
                    {"q_lora_rank", "1536"},
                    {"routed_scaling_factor", "16.0"},
                    {"topk_group", "3"},
                    {"topk_method", R"("group_limited_greedy")"}}),
              more);
}

/// And DeepSeek-V3, but for its FP8 weights.
Fields v3(const Fields& more = {}) {
  return with(
      v2({{"architectures", R"(["DeepseekV3ForCausalLM"])"},
          {"first_k_dense_replace", "3"},
          {"hidden_size", "7168"},
          {"intermediate_size", "18432"},
          {"model_type", R"("deepseek_v3")"},
          {"moe_intermediate_size", "2048"},
          {"n_routed_experts", "256"},
          {"n_shared_experts", "1"},
          {"norm_topk_prob", "true"},
          {"num_experts_per_tok", "8"},
          {"num_hidden_layers", "61"},
          {"num_nextn_predict_layers", "1"},
          {"rope_scaling",
           R"({"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096, "type": "yarn"})"},
          {"routed_scaling_factor", "2.5"},
          {"scoring_func", R"("sigmoid")"},
          {"topk_group", "4"},
          {"topk_method", R"("noaux_tc")"},
          {"vocab_size", "129280"}}),
      more);
}

Fields without(Fields fields, const std::string& key) {
  fields.erase(key);
  return fields;
}

}  // namespace

TEST_CASE("deepseek_v2: latent attention, dense layers first, experts beside which one sees every row") {
  const ModelConfig config = read(lite()).value();
  CHECK(config.kv_lora_rank == 512);
  CHECK(config.q_lora_rank == 0);
  CHECK(config.qk_nope_head_dim == 128);
  CHECK(config.qk_rope_head_dim == 64);
  CHECK(config.head_dim == 64);
  CHECK(config.v_head_dim == 128);
  CHECK(config.num_attention_heads == 16);
  CHECK(config.num_key_value_heads == 1);
  CHECK(config.rope_interleave);
  CHECK_FALSE(config.moe_layers[0]);
  CHECK(config.moe_layers[1]);
  CHECK(config.moe_layers[26]);
  CHECK(config.intermediate_size == 10944);
  CHECK(config.shared_expert_intermediate_size == 2816);
  CHECK_FALSE(config.shared_expert_gate);
  CHECK(config.n_group == 1);
  CHECK(config.scoring_func == Scores::kSoftmax);
  CHECK_FALSE(config.norm_topk_prob);
  CHECK_FALSE(config.selection_bias);
  CHECK(config.rope_scaling.attention_factor == 1);
  const double mscale = 0.1 * 0.707 * std::log(40.0) + 1;
  CHECK(std::abs(model::yarn_softmax_factor(config.rope_scaling) / (mscale * mscale) - 1) < 1e-7);

  const ModelConfig grouped = read(v2()).value();
  CHECK(grouped.q_lora_rank == 1536);
  CHECK(grouped.n_group == 8);
  CHECK(grouped.topk_group == 3);
  CHECK(grouped.group_score == GroupScore::kBest);
  CHECK(grouped.routed_scaling_factor == 16);
  // greedy means from all, whatever the groups; and is what a file without the field has.
  CHECK(read(v2({{"topk_method", R"("greedy")"}}))->n_group == 1);
  CHECK(read(without(v2(), "topk_method"))->n_group == 1);
}

TEST_CASE("deepseek_v3: sigmoid with a bias, groups by their two best") {
  const ModelConfig config = read(v3()).value();
  CHECK(config.scoring_func == Scores::kSigmoid);
  CHECK(config.selection_bias);
  CHECK(config.norm_topk_prob);
  CHECK(config.n_group == 8);
  CHECK(config.topk_group == 4);
  CHECK(config.group_score == GroupScore::kBestTwo);
  CHECK(config.routed_scaling_factor == 2.5);
  CHECK_FALSE(config.moe_layers[2]);
  CHECK(config.moe_layers[3]);
  CHECK(config.num_hidden_layers == 61);  // without the one that predicts further tokens
  CHECK(config.rope_interleave);
  const double mscale = 0.1 * std::log(40.0) + 1;
  CHECK(std::abs(model::yarn_softmax_factor(config.rope_scaling) / (mscale * mscale) - 1) < 1e-7);
  CHECK_FALSE(read(v3({{"rope_interleave", "false"}}))->rope_interleave);
  CHECK_FALSE(read(v3({{"norm_topk_prob", "null"}}))->norm_topk_prob);
  CHECK(read(without(v3(), "norm_topk_prob"))->norm_topk_prob);
  // Defaults of transformers' class.
  Fields bare = v3();
  for (const char* key : {"n_group", "topk_group", "routed_scaling_factor", "first_k_dense_replace", "scoring_func"}) {
    bare.erase(key);
  }
  const ModelConfig defaults = read(bare).value();
  CHECK(defaults.n_group == 8);
  CHECK(defaults.topk_group == 4);
  CHECK(defaults.routed_scaling_factor == 2.5);
  CHECK_FALSE(defaults.moe_layers[2]);
  CHECK(defaults.moe_layers[3]);
}

TEST_CASE("which layers have experts, and none where none has") {
  const ModelConfig config = read(lite({{"moe_layer_freq", "2"}, {"num_hidden_layers", "5"}})).value();
  CHECK(config.moe_layers == std::vector<bool>{false, false, true, false, true});
  const ModelConfig dense = read(lite({{"first_k_dense_replace", "27"}, {"n_routed_experts", "null"}})).value();
  CHECK(dense.num_experts == 0);
  CHECK(read(lite({{"n_shared_experts", "null"}}))->shared_expert_intermediate_size == 0);
}

TEST_CASE("the newer form and biases are read, and yarn without mscale_all_dim scales no scores") {
  Fields newer = without(without(v3(), "rope_scaling"), "rope_theta");
  newer["rope_parameters"] =
      R"({"rope_type": "yarn", "rope_theta": 10000.0, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096})";
  CHECK(read(newer)->rope_scaling.yarn_log_multiplier == 0.1f);
  const ModelConfig plain =
      read(lite({{"rope_scaling", R"({"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096})"}}))
          .value();
  CHECK(model::yarn_softmax_factor(plain.rope_scaling) == 1);
  CHECK(plain.rope_scaling.attention_factor == 0.1 * std::log(40.0) + 1);
  CHECK(model::yarn_softmax_factor(read(lite({{"rope_scaling", "null"}}))->rope_scaling) == 1);
  const ModelConfig biased = read(lite({{"attention_bias", "true"}, {"mlp_bias", "true"}})).value();
  CHECK((biased.attention_bias && biased.attention_output_bias && biased.mlp_bias));
}

TEST_CASE("what would be another model of DeepSeek is refused by its name") {
  refused(lite({{"norm_topk_prob", "true"}}), Code::kUnsupported, "norm_topk_prob false");
  refused(lite({{"topk_method", R"("noaux_tc")"}}), Code::kUnsupported, "topk_method greedy or group_limited_greedy");
  refused(lite({{"scoring_func", R"("sigmoid")"}}), Code::kUnsupported, "scoring_func softmax");
  refused(v3({{"scoring_func", R"("softmax")"}}), Code::kUnsupported, "scoring_func sigmoid");
  refused(v3({{"topk_method", R"("greedy")"}}), Code::kUnsupported, "topk_method noaux_tc");
  refused(v3({{"rope_scaling", R"({"type": "linear", "factor": 2})"}}), Code::kUnsupported,
          "rope of type default or yarn");
  refused(v3({{"quantization_config", R"({"quant_method": "fp8", "weight_block_size": [128, 128]})"}}),
          Code::kUnsupported, "quantization_config");
}

TEST_CASE("sizes of latent attention and groups that do not fit are refused") {
  refused(lite({{"num_key_value_heads", "8"}}), Code::kFormat, "num_key_value_heads 16");
  refused(lite({{"qk_rope_head_dim", "63"}}), Code::kFormat, "even");
  refused(lite({{"qk_rope_head_dim", "0"}}), Code::kFormat, "qk_rope_head_dim");
  refused(lite({{"qk_nope_head_dim", "0"}}), Code::kFormat, "qk_nope_head_dim");
  refused(lite({{"v_head_dim", "-1"}}), Code::kFormat, "v_head_dim");
  refused(lite({{"kv_lora_rank", "null"}}), Code::kFormat, "kv_lora_rank");
  refused(lite({{"q_lora_rank", "0"}}), Code::kFormat, "q_lora_rank");
  refused(lite({{"kv_lora_rank", "1048576"}, {"num_attention_heads", "32"}, {"num_key_value_heads", "32"}}),
          Code::kFormat, "heads times their width");
  refused(v3({{"n_group", "7"}}), Code::kFormat, "n_group that divides 256");
  refused(v3({{"topk_group", "9"}}), Code::kFormat, "topk_group in [1, 8]");
  refused(v3({{"n_group", "256"}, {"topk_group", "8"}}), Code::kFormat, "two experts");
  refused(v2({{"n_group", "160"}, {"topk_group", "5"}}), Code::kFormat, "topk_group whose groups have 6 experts");
  refused(v2({{"n_group", "null"}}), Code::kFormat, "n_group");
  refused(v3({{"routed_scaling_factor", "0"}}), Code::kFormat, "routed_scaling_factor");
  refused(v3({{"moe_layer_freq", "0"}}), Code::kFormat, "moe_layer_freq");
  refused(v3({{"n_routed_experts", "null"}}), Code::kFormat, "n_routed_experts");
}
