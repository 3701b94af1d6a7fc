// SPDX-License-Identifier: Apache-2.0
// Laguna: what attention sums is multiplied by a gate of each head or each element, without an upper bound; the number
// of heads and the rope differ by layer; a sigmoid router with a bias, whose logits may be capped.

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
  fields.require("moe_apply_router_weight_on_input", false);
  fields.require_one_of("gating", {"per-head", "per_head", "per-element", "per_element"});
  const std::string_view gating = fields.find("gating").as_string().value_or("per-head");
  config.attention_gate =
      gating == "per-element" || gating == "per_element" ? AttentionGate::kElement : AttentionGate::kHead;
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  if (fields.has("layer_types")) read_windows_but_every(fields, config, 1);
  use_local_rope(config);
  fields.each_layer_size(
      "num_attention_heads_per_layer", config.num_hidden_layers, 1, kMaxSize,
      [&](std::size_t layer, std::size_t heads) { config.layer_attention[layer].num_attention_heads = heads; });
  read_dense_layers_first(fields, config, 1);
  read_experts(fields, config, "moe_intermediate_size");
  if (config.num_experts == 0) return;
  config.shared_expert_intermediate_size = fields.size("shared_expert_intermediate_size", 1, kMaxSize);
  config.routed_scaling_factor = fields.number_or("moe_routed_scaling_factor", 1, kMinRoutedScale, kMaxRoutedScale);
  config.router_softcap = fields.number_or("moe_router_logit_softcapping", 0, 0, kMaxRopeFactor);
  config.scoring_func = Scores::kSigmoid;
  config.selection_bias = config.norm_topk_prob = true;
}

constexpr std::size_t kEvery = 4;  // of the layers, those without a window, from the first on

void read_gguf(const Checkpoint& checkpoint, GgufKeys& keys, ModelConfig& config) {
  const std::size_t window = keys.size_or("attention.sliding_window", 0, 0, kMaxPositions);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.sliding_windows[layer] = layer % kEvery != 0 ? window : 0;
  }
  read_gguf_local_layers(keys, config);
  use_local_rope(config);
  const Result<Tensor> gate = checkpoint.find(kGgufNames.name({Part::kAttentionGate}) + ".weight");
  if (gate.ok() && gate->dims.size() == 2 && gate->dims[0] != config.layer_attention[0].num_attention_heads) {
    config.attention_gate = AttentionGate::kElement;
  }
}

Status check_gguf(const ModelConfig& config) {
  if (config.router_softcap != 0)
    return cannot_say("no moe_router_logit_softcapping, as GGUF's laguna has none", "one");
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    if ((config.sliding_windows[layer] == 0) == (layer % kEvery == 0)) continue;
    return cannot_say("full_attention in every fourth layer alone, from the first, as GGUF's laguna has",
                      Text("another in layer ", layer));
  }
  return {};
}

Status write_gguf(GgufKeyWriter& keys, const ModelConfig& config) {
  MOXIE_TRY(keys.size("vocab_size", config.vocab_size));
  for (const std::size_t window : config.sliding_windows) {
    if (window != 0) return write_gguf_local_layers(keys, config, false);
  }
  return {};
}

}  // namespace

constexpr Family kLaguna{
    .model_type = "laguna",
    .architecture = "LagunaForCausalLM",
    .models = "Laguna XS, S, M",
    .names = kHuggingFaceNames.with({{Part::kAttentionGate, "model.layers.{l}.self_attn.g_proj"},
                                     {Part::kSelectionBias, "model.layers.{l}.mlp.experts.e_score_correction_bias{}"}}),
    .experts = true,
    .scoring_func = Scores::kSigmoid,
    .query_key_norm = QueryKeyNorm::kHead,
    .gate_softplus = true,
    .attention_gate = AttentionGate::kHead,
    .rope = {.default_theta = 500000, .part = 0.5, .local_theta = 10000, .local_part = 1},
    .shape = {.head_dim = 128},
    .read = read,
    .gguf = {.architecture = "laguna",
             .routing_keys = true,
             .check = check_gguf,
             .read = read_gguf,
             .write = write_gguf,
             .keys = {"attention.sliding_window"}}};

}  // namespace moxie::model
