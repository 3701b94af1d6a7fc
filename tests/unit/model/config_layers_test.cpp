// SPDX-License-Identifier: Apache-2.0
// What config.json says of layers whose heads, widths and ropes differ. Values are those of published files.
#include <string>
#include <vector>

#include "config_fields.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

Fields of(const std::string& model_type, const std::string& architecture, const Fields& more) {
  return with({{"architectures", "[\"" + architecture + "\"]"},
               {"model_type", '"' + model_type + '"'},
               {"hidden_act", R"("silu")"},
               {"hidden_size", "2816"},
               {"intermediate_size", "2112"},
               {"max_position_embeddings", "262144"},
               {"num_attention_heads", "16"},
               {"num_hidden_layers", "6"},
               {"num_key_value_heads", "8"},
               {"rms_norm_eps", "1e-06"},
               {"vocab_size", "262144"}},
              more);
}

constexpr const char* kGemmaRopes = R"({
  "full_attention": {"partial_rotary_factor": 0.25, "rope_theta": 1000000.0, "rope_type": "proportional"},
  "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"}})";

Fields gemma4(const Fields& more) {
  return of("gemma4_text", "Gemma4ForCausalLM",
            with({{"attention_k_eq_v", "true"},
                  {"enable_moe_block", "true"},
                  {"final_logit_softcapping", "30.0"},
                  {"global_head_dim", "512"},
                  {"head_dim", "256"},
                  {"hidden_act", ""},
                  {"hidden_activation", R"("gelu_pytorch_tanh")"},
                  {"hidden_size_per_layer_input", "0"},
                  {"moe_intermediate_size", "704"},
                  {"num_experts", "128"},
                  {"num_global_key_value_heads", "2"},
                  {"num_kv_shared_layers", "0"},
                  {"rope_parameters", kGemmaRopes},
                  {"sliding_window", "1024"},
                  {"top_k_experts", "8"}},
                 more));
}

}  // namespace

TEST_CASE("gemma4: heads and ropes by whether a layer has a window, values made of keys in whole layers") {
  const ModelConfig config = read(gemma4({})).value();
  CHECK(config.sliding_windows == std::vector<std::size_t>{1024, 1024, 1024, 1024, 1024, 0});
  CHECK(config.layer_attention[0] == LayerAttention{16, 8, 256, 256, false, 0});
  CHECK(config.layer_attention[5] == LayerAttention{16, 2, 512, 512, true, 5});
  CHECK(config.layer_ropes == std::vector<std::size_t>{1, 1, 1, 1, 1, 0});
  CHECK(config.rotary_dim == 512);
  CHECK(config.rope_theta == 1e6);
  REQUIRE(config.rope_scaling.frequency_factors.size() == 256);
  CHECK(config.rope_scaling.frequency_factors[63] == 1);
  CHECK(config.rope_scaling.frequency_factors[64] == kNeverTurned);
  CHECK(config.other_ropes[0].rotary_dim == 256);
  CHECK(config.other_ropes[0].theta == 10000);
  CHECK(config.attention_scale == 1);
  CHECK(config.logit_softcap == 30);
  CHECK(config.num_experts_per_tok == 8);
  CHECK(config.moe_intermediate_size == 704);
  CHECK(config.shared_expert_intermediate_size == 2112);
  CHECK((config.branch_norms && config.router_norm && config.expert_scale && config.value_norm && config.layer_scale));
  CHECK(config.tie_word_embeddings);
  CHECK(read(gemma4({{"attention_k_eq_v", "false"}}))->layer_attention[5] == LayerAttention{16, 8, 512, 512, false, 5});
  refused(gemma4({{"use_bidirectional_attention", R"("all")"}}), Code::kUnsupported, "use_bidirectional_attention");
  refused(gemma4({{"num_global_key_value_heads", "3"}}), Code::kFormat, "multiple of its key and value heads");
  refused(gemma4({{"global_head_dim", "511"}}), Code::kFormat, "even");
  refused(gemma4({{"rope_parameters", ""}}), Code::kUnsupported, "rope_parameters");
}

TEST_CASE("gemma4, small: layers that share keys and values, and inputs for each layer") {
  const Fields fields = gemma4({{"attention_k_eq_v", "false"},
                                {"enable_moe_block", "false"},
                                {"hidden_size_per_layer_input", "256"},
                                {"layer_types", R"(["sliding_attention", "full_attention", "sliding_attention",
                                                    "full_attention", "sliding_attention", "full_attention"])"},
                                {"num_kv_shared_layers", "3"},
                                {"use_double_wide_mlp", "true"},
                                {"vocab_size_per_layer_input", "262144"}});
  const ModelConfig config = read(fields).value();
  std::vector<std::size_t> owners;
  for (const LayerAttention& layer : config.layer_attention) owners.push_back(layer.kv_layer);
  CHECK(owners == std::vector<std::size_t>{0, 1, 2, 1, 2, 1});
  CHECK(config.dense_sizes == std::vector<std::size_t>{2112, 2112, 2112, 4224, 4224, 4224});
  CHECK(config.layer_input_width == 256);
  CHECK_FALSE(config.branch_norms);
  refused(with(fields, {{"num_kv_shared_layers", "5"}}), Code::kFormat, "a layer of each kind");
  refused(with(fields, {{"num_kv_shared_layers", "6"}}), Code::kFormat, "num_kv_shared_layers");
  refused(with(fields, {{"vocab_size_per_layer_input", "1000"}}), Code::kUnsupported, "vocab_size_per_layer_input");
}

TEST_CASE("laguna: heads and ropes by layer, a gate on each head, a cap on the router's logits") {
  const Fields fields =
      of("laguna", "LagunaForCausalLM",
         {{"gating", R"("per-head")"},
          {"layer_types", R"(["full_attention", "sliding_attention", "sliding_attention", "sliding_attention",
                           "full_attention", "sliding_attention"])"},
          {"mlp_layer_types", R"(["dense", "sparse", "sparse", "sparse", "sparse", "sparse"])"},
          {"moe_intermediate_size", "512"},
          {"moe_routed_scaling_factor", "2.5"},
          {"moe_router_logit_softcapping", "20.0"},
          {"num_attention_heads_per_layer", "[48, 64, 64, 64, 48, 64]"},
          {"num_experts", "256"},
          {"num_experts_per_tok", "8"},
          {"rope_parameters", R"({"full_attention": {"rope_type": "default", "rope_theta": 500000.0,
                                                  "partial_rotary_factor": 0.5},
                               "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}})"},
          {"shared_expert_intermediate_size", "512"},
          {"sliding_window", "512"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.layer_attention[0] == LayerAttention{48, 8, 128, 128, false, 0});
  CHECK(config.layer_attention[1] == LayerAttention{64, 8, 128, 128, false, 1});
  CHECK(config.rotary_dim == 64);
  CHECK(config.other_ropes[0].rotary_dim == 128);
  CHECK(config.attention_gate == AttentionGate::kHead);
  CHECK(config.gate_softplus);
  CHECK(config.router_softcap == 20);
  CHECK(config.routed_scaling_factor == 2.5);
  CHECK(read(with(fields, {{"gating", R"("per-element")"}}))->attention_gate == AttentionGate::kElement);
  refused(with(fields, {{"num_attention_heads_per_layer", "[48, 64]"}}), Code::kFormat, "a list of 6");
  refused(with(fields, {{"num_attention_heads_per_layer", "[48, 64, 64, 63, 48, 64]"}}), Code::kFormat, "multiple");
  refused(with(fields, {{"moe_apply_router_weight_on_input", "true"}}), Code::kUnsupported, "router_weight_on_input");
}

TEST_CASE("cohere2_moe: parallel blocks, layer norms, a rope where there is a window or no expert") {
  const Fields fields = of("cohere2_moe", "Cohere2MoeForCausalLM",
                           {{"expert_selection_fn", R"("sigmoid")"},
                            {"layer_norm_eps", "1e-05"},
                            {"layer_types", R"(["full_attention", "sliding_attention", "sliding_attention",
                                                "sliding_attention", "full_attention", "sliding_attention"])"},
                            {"logit_scale", "0.25"},
                            {"mlp_layer_types", R"(["dense", "sparse", "sparse", "sparse", "sparse", "sparse"])"},
                            {"num_experts", "128"},
                            {"num_experts_per_tok", "8"},
                            {"num_shared_experts", "1"},
                            {"prefix_dense_intermediate_size", "9216"},
                            {"rms_norm_eps", ""},
                            {"rope_theta", "50000"},
                            {"shared_expert_combination_strategy", R"("average")"},
                            {"sliding_window", "4096"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.parallel_blocks);
  CHECK(config.norm_kind == NormKind::kLayer);
  CHECK(config.rms_norm_eps == 1e-5);
  CHECK(config.layer_ropes == std::vector<std::size_t>{0, 0, 0, 0, kNoRope, 0});
  CHECK(config.intermediate_size == 9216);
  CHECK(config.moe_intermediate_size == 2112);
  CHECK(config.shared_sum_scale == 0.5);
  CHECK(config.logit_scale == 0.25);
  CHECK(config.scoring_func == Scores::kSigmoid);
  CHECK(read(with(fields, {{"rms_norm_eps", "1e-6"}}))->norm_kind == NormKind::kRms);
  CHECK(read(with(fields, {{"prefix_dense_sliding_window_pattern", "4"}}))->layer_ropes[0] == kNoRope);
  CHECK(read(with(fields, {{"shared_expert_combination_strategy", R"("sum")"}}))->shared_sum_scale == 1);
  refused(with(fields, {{"expert_selection_fn", R"("tanh")"}}), Code::kUnsupported, "expert_selection_fn");
}

TEST_CASE("ministral3 and mistral4: queries are scaled by their position") {
  const std::string rope = R"({"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 16.0, "beta_fast": 32.0,
      "beta_slow": 1.0, "original_max_position_embeddings": 16384, "mscale": 1.0, "mscale_all_dim": 1.0,
      "llama_4_scaling_beta": 0.1)";
  const Fields dense =
      of("ministral3", "Ministral3ForCausalLM", {{"head_dim", "128"}, {"rope_parameters", rope + "}"}});
  const ModelConfig config = read(dense).value();
  CHECK(config.query_scale_beta == 0.1);
  CHECK(config.query_scale_length == 16384);
  CHECK(config.rope_scaling.attention_factor == 1);
  const ModelConfig latent = read(of("mistral4", "Mistral4ForCausalLM",
                                     {{"kv_lora_rank", "256"},
                                      {"moe_intermediate_size", "2048"},
                                      {"n_routed_experts", "128"},
                                      {"num_experts_per_tok", "4"},
                                      {"num_key_value_heads", "16"},
                                      {"q_lora_rank", "1024"},
                                      {"qk_nope_head_dim", "64"},
                                      {"qk_rope_head_dim", "64"},
                                      {"rope_parameters", rope + R"(, "partial_rotary_factor": 0.5})"},
                                      {"v_head_dim", "128"}}))
                                 .value();
  CHECK(latent.rotary_dim == 64);
  CHECK(latent.query_scale_beta == 0.1);
  CHECK(latent.norm_topk_prob);
  CHECK(latent.shared_expert_intermediate_size == 2048);
  CHECK(latent.scoring_func == Scores::kSoftmax);
  refused(of("llama", "LlamaForCausalLM", {{"rope_parameters", rope + "}"}}), Code::kUnsupported,
          "llama_4_scaling_beta");
}
