// SPDX-License-Identifier: Apache-2.0
// What config.json says of layers that are not alike, of norms elsewhere and of factors. Values are those of published
// files.
#include <cmath>
#include <string>
#include <vector>

#include "config_fields.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

using Windows = std::vector<std::size_t>;

Fields of(const std::string& model_type, const std::string& architecture, const Fields& more) {
  return with({{"architectures", "[\"" + architecture + "\"]"},
               {"model_type", '"' + model_type + '"'},
               {"hidden_act", R"("silu")"},
               {"hidden_size", "2304"},
               {"intermediate_size", "9216"},
               {"max_position_embeddings", "8192"},
               {"num_attention_heads", "8"},
               {"num_hidden_layers", "8"},
               {"num_key_value_heads", "4"},
               {"rms_norm_eps", "1e-06"},
               {"rope_theta", "10000.0"},
               {"vocab_size", "256000"}},
              more);
}

}  // namespace

TEST_CASE("gemma2: norms around, caps on scores and logits, a window in every second layer, tied") {
  const Fields fields = of("gemma2", "Gemma2ForCausalLM",
                           {{"attn_logit_softcapping", "50.0"},
                            {"final_logit_softcapping", "30.0"},
                            {"head_dim", "256"},
                            {"hidden_act", R"("gelu_pytorch_tanh")"},
                            {"hidden_activation", R"("gelu_pytorch_tanh")"},
                            {"query_pre_attn_scalar", "224"},
                            {"sliding_window", "4096"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.block_norms == BlockNorms::kAround);
  CHECK(config.activation == GatedActivation::kGelu);
  CHECK(config.attention_softcap == 50);
  CHECK(config.logit_softcap == 30);
  CHECK(config.attention_scale == 1 / std::sqrt(224.0));
  CHECK(config.embedding_scale == 48);
  CHECK(config.tie_word_embeddings);
  CHECK(config.query_key_norm == QueryKeyNorm::kNone);
  CHECK(config.sliding_windows == Windows{4096, 0, 4096, 0, 4096, 0, 4096, 0});
  CHECK(read(with(fields, {{"attn_logit_softcapping", "null"}}))->attention_softcap == 0);
  CHECK(read(with(fields, {{"final_logit_softcapping", ""}}))->logit_softcap == 30);
  refused(with(fields, {{"hidden_activation", R"("gelu")"}}), Code::kUnsupported,
          "hidden_activation gelu_pytorch_tanh");
  refused(with(fields, {{"hidden_act", R"("silu")"}}), Code::kUnsupported, "hidden_act gelu_pytorch_tanh");
  refused(with(fields, {{"attn_logit_softcapping", "-1"}}), Code::kFormat, "attn_logit_softcapping");
  refused(with(fields, {{"query_pre_attn_scalar", "0"}}), Code::kFormat, "query_pre_attn_scalar");
}

TEST_CASE("gemma3: another rope in layers with a window, and a text model that leaves out what the class has") {
  const Fields text = of("gemma3_text", "Gemma3ForCausalLM",
                         {{"architectures", ""},
                          {"hidden_act", ""},
                          {"max_position_embeddings", ""},
                          {"num_attention_heads", ""},
                          {"num_key_value_heads", ""},
                          {"rms_norm_eps", ""},
                          {"rope_theta", ""},
                          {"rope_scaling", R"({"factor": 8.0, "rope_type": "linear"})"},
                          {"sliding_window", "1024"},
                          {"vocab_size", ""}});
  const ModelConfig config = model::read_config(config_text({{"architectures", R"(["Gemma3ForConditionalGeneration"])"},
                                                             {"model_type", R"("gemma3")"},
                                                             {"text_config", config_text(text)},
                                                             {"vision_config", R"({"hidden_size": 1152})"}}))
                                 .value();
  CHECK(config.model_type == "gemma3_text");
  CHECK(config.num_attention_heads == 8);
  CHECK(config.num_key_value_heads == 4);
  CHECK(config.head_dim == 256);
  CHECK(config.vocab_size == 262208);
  CHECK(config.rms_norm_eps == 1e-6);
  CHECK(config.attention_scale == 1.0 / 16);
  CHECK(config.query_key_norm == QueryKeyNorm::kHead);
  CHECK(config.attention_softcap == 0);
  CHECK(config.sliding_windows == Windows{1024, 1024, 1024, 1024, 1024, 0, 1024, 1024});
  CHECK(config.layer_ropes == std::vector<std::size_t>{1, 1, 1, 1, 1, 0, 1, 1});
  CHECK(config.rope_theta == 1e6);
  CHECK(config.rope_scaling.factor == 8);
  REQUIRE(config.other_ropes.size() == 1);
  CHECK(config.other_ropes[0].theta == 10000);
  CHECK(config.other_ropes[0].scaling.type == RopeScaling::Type::kNone);
  // As transformers 5 writes it.
  const Fields newer = with(
      text, {{"rope_scaling", ""},
             {"rope_parameters", R"({"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 500000},
                                          "sliding_attention": {"rope_type": "default", "rope_theta": 5000}})"}});
  CHECK(read(newer)->rope_theta == 500000);
  CHECK(read(newer)->rope_scaling.factor == 4);
  CHECK(read(newer)->other_ropes[0].theta == 5000);
  CHECK(read(with(text, {{"rope_local_base_freq", "7000"}}))->other_ropes[0].theta == 7000);
  refused(with(newer, {{"rope_parameters", R"({"full_attention": {"rope_type": "longrope"}})"}}), Code::kUnsupported,
          "longrope");
  CHECK(read(with(text, {{"sliding_window_pattern", "2"}}))->sliding_windows ==
        Windows{1024, 0, 1024, 0, 1024, 0, 1024, 0});
}

TEST_CASE("olmo2 and olmo3: norms behind alone; yarn where there is no window") {
  const Fields two = of("olmo2", "Olmo2ForCausalLM", {});
  CHECK(read(two)->block_norms == BlockNorms::kBehind);
  CHECK(read(two)->query_key_norm == QueryKeyNorm::kWhole);
  CHECK(read(two)->layer_ropes.empty());
  const Fields three =
      of("olmo3", "Olmo3ForCausalLM",
         {{"rope_scaling", R"({"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 8192})"},
          {"sliding_window", "4096"}});
  const ModelConfig config = read(three).value();
  CHECK(config.sliding_windows == Windows{4096, 4096, 4096, 0, 4096, 4096, 4096, 0});
  CHECK(config.layer_ropes == std::vector<std::size_t>{1, 1, 1, 0, 1, 1, 1, 0});
  CHECK(config.rope_scaling.type == RopeScaling::Type::kYarn);
  CHECK(config.other_ropes[0].scaling.type == RopeScaling::Type::kNone);
  CHECK(config.other_ropes[0].theta == config.rope_theta);
}

TEST_CASE("smollm3: layers without a rotary embedding, by number or by list") {
  const Fields fields = of("smollm3", "SmolLM3ForCausalLM", {});
  CHECK(read(fields)->layer_ropes == std::vector<std::size_t>{0, 0, 0, kNoRope, 0, 0, 0, kNoRope});
  CHECK(read(fields)->tie_word_embeddings);
  CHECK(read(with(fields, {{"no_rope_layers", "[1, 1, 0, 1, 1, 1, 1, 0]"}}))->layer_ropes ==
        std::vector<std::size_t>{0, 0, kNoRope, 0, 0, 0, 0, kNoRope});
  refused(with(fields, {{"no_rope_layers", "[1]"}}), Code::kFormat, "no_rope_layers as a list of 8");
  refused(with(fields, {{"no_rope_layers", "[1, 1, 2, 1, 1, 1, 1, 0]"}}), Code::kFormat, "no_rope_layers of 0 and 1");
  refused(with(fields, {{"use_sliding_window", "true"}}), Code::kUnsupported, "use_sliding_window false");
}

TEST_CASE("granite: factors on the embedding, on blocks, on scores and under logits") {
  const Fields fields = of("granite", "GraniteForCausalLM",
                           {{"attention_multiplier", "0.015625"},
                            {"embedding_multiplier", "12.0"},
                            {"logits_scaling", "8.0"},
                            {"residual_multiplier", "0.22"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.attention_scale == 0.015625);
  CHECK(config.embedding_scale == 12);
  CHECK(config.logit_scale == 0.125);
  CHECK(config.residual_scale == 0.22);
  CHECK(read(with(fields, {{"attention_multiplier", ""}}))->attention_scale == 1);  // what the class has
  refused(with(fields, {{"logits_scaling", "0"}}), Code::kFormat, "logits_scaling");
  refused(with(fields, {{"residual_multiplier", "true"}}), Code::kFormat, "residual_multiplier");
}

TEST_CASE("afmoe: a gate, norms around, a rotary embedding where there is a window") {
  const Fields fields = of("afmoe", "AfmoeForCausalLM",
                           {{"head_dim", "128"},
                            {"moe_intermediate_size", "1024"},
                            {"mup_enabled", "true"},
                            {"num_dense_layers", "2"},
                            {"num_experts", "128"},
                            {"num_experts_per_tok", "8"},
                            {"num_shared_experts", "1"},
                            {"route_norm", "true"},
                            {"route_scale", "2.826"},
                            {"score_func", R"("sigmoid")"},
                            {"sliding_window", "2048"}});
  const ModelConfig config = read(fields).value();
  CHECK(config.attention_gate == AttentionGate::kElement);
  CHECK(config.block_norms == BlockNorms::kAround);
  CHECK(config.embedding_scale == 48);
  CHECK(config.sliding_windows == Windows{2048, 2048, 2048, 0, 2048, 2048, 2048, 0});
  CHECK(config.layer_ropes == std::vector<std::size_t>{0, 0, 0, kNoRope, 0, 0, 0, kNoRope});
  CHECK(config.moe_layers == std::vector<bool>{false, false, true, true, true, true, true, true});
  CHECK(config.routed_scaling_factor == 2.826);
  CHECK(config.selection_bias);
  CHECK(read(with(fields, {{"mup_enabled", "false"}}))->embedding_scale == 1);
  refused(with(fields, {{"score_func", R"("softmax")"}}), Code::kUnsupported, "score_func sigmoid");
  refused(with(fields, {{"route_norm", "false"}}), Code::kUnsupported, "route_norm true");
}
