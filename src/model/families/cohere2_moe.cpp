// SPDX-License-Identifier: Apache-2.0
// Command A+ and North: attention and feed-forward read one normed row; layer norms without bias, or RMS; the rotary
// embedding turns neighbours, in layers with a window and in the dense ones before experts.

#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/gguf_keys.hpp"
#include "model/load/gguf_layers.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  config.logit_scale = fields.number_or("logit_scale", 0.0625, kMinRopeFactor, kMaxRopeFactor);
  if (!fields.has("rms_norm_eps")) {
    config.norm_kind = NormKind::kLayer;
    config.rms_norm_eps = fields.number_or("layer_norm_eps", 1e-5, kMinEpsilon, kMaxEpsilon);
  }
  if (!fields.has("layer_types")) fields.fail(Code::kUnsupported, "layer_types", "none");
  read_windows_but_every(fields, config, 4);
  read_dense_layers_first(fields, config, 0);
  rotate_in_windows(config);
  const bool all_turned = fields.size_or("prefix_dense_sliding_window_pattern", 1, 0, kMaxLayers) == 1;
  for (std::size_t layer = 0; layer < config.num_hidden_layers && all_turned; ++layer) {
    if (!config.moe_layers[layer]) config.layer_ropes[layer] = 0;
  }
  if (fields.has("prefix_dense_intermediate_size")) {
    config.intermediate_size = fields.size("prefix_dense_intermediate_size", 1, kMaxSize);
  }
  read_experts(fields, config, "intermediate_size");
  if (config.num_experts == 0) return;
  fields.require_one_of("expert_selection_fn", {"softmax", "sigmoid"});
  const bool sigmoid = fields.find("expert_selection_fn").as_string() == "sigmoid";
  config.scoring_func = sigmoid ? Scores::kSigmoid : Scores::kSoftmax;
  config.norm_topk_prob = !sigmoid || fields.flag_or("norm_topk_prob", true);
  config.shared_expert_intermediate_size =
      config.moe_intermediate_size * fields.size_or("num_shared_experts", 0, 0, kMaxSize);
  fields.require_one_of("shared_expert_combination_strategy", {"average", "sum"});
  const bool sum = fields.find("shared_expert_combination_strategy").as_string() == "sum";
  if (config.shared_expert_intermediate_size > 0 && !sum) config.shared_sum_scale = 0.5;
}

void read_gguf(const Checkpoint&, GgufKeys& keys, ModelConfig& config) {
  config.logit_scale = keys.number("logit_scale", kMinRopeFactor, kMaxRopeFactor);
  read_gguf_windows(keys, config);
  rotate_in_windows(config);
  for (std::size_t layer = 0; layer < config.num_hidden_layers && !config.moe_layers[layer]; ++layer) {
    config.layer_ropes[layer] = 0;
  }
  if (config.shared_expert_intermediate_size > 0) config.shared_sum_scale = 0.5;
  if (config.scoring_func == Scores::kSoftmax) config.norm_topk_prob = true;
}

Status check_gguf(const ModelConfig& config) {
  MOXIE_TRY(check_any_window(config));
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool turned = config.sliding_windows[layer] != 0 || !config.moe_layers[layer];
    if ((config.layer_ropes[layer] != kNoRope) == turned) continue;
    return cannot_say("a rope in every dense layer, as GGUF's cohere2moe has", Text("none in layer ", layer));
  }
  if (config.shared_expert_intermediate_size > 0 && config.shared_sum_scale == 1) {
    return cannot_say("shared_expert_combination_strategy average, as GGUF's cohere2moe means", "sum");
  }
  return {};
}

Status write_gguf(GgufKeyWriter& keys, const ModelConfig& config) {
  MOXIE_TRY(keys.number("logit_scale", config.logit_scale));
  return write_gguf_windows(keys, config);
}

}  // namespace

constexpr Family kCohere2Moe{
    .model_type = "cohere2_moe",
    .architecture = "Cohere2MoeForCausalLM",
    .models = "Command A+, North",
    .names = kHuggingFaceNames.with({{Part::kSharedGate, "model.layers.{l}.mlp.shared_experts.gate_proj"},
                                     {Part::kSharedUp, "model.layers.{l}.mlp.shared_experts.up_proj"},
                                     {Part::kSharedDown, "model.layers.{l}.mlp.shared_experts.down_proj"}}),
    .experts = true,
    .scoring_func = Scores::kSigmoid,
    .interleaved_rows = true,
    .layer_norms = true,
    .parallel_blocks = true,
    .rope = {.default_theta = 10000},
    .shape = {.head_dim = 128, .rms_norm_eps = 1e-5},
    .tied = true,
    .read = read,
    .gguf = {.architecture = "cohere2moe",
             .interleaved_rows = true,
             .routing_keys = true,
             .check = check_gguf,
             .read = read_gguf,
             .write = write_gguf,
             .keys = {"attention.sliding_window", "logit_scale"}}};

}  // namespace moxie::model
