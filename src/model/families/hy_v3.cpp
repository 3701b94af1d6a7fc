// SPDX-License-Identifier: Apache-2.0
// Hy3: norms on queries and keys, over each head; behind a dense layer experts with a sigmoid router and a bias for
// choosing, and beside them one MLP for every row. Layers that predict further tokens are not read.

#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  fields.require("qk_norm", true);
  fields.require("attention_bias", false);
  fields.require("mlp_bias", false);
  fields.require("route_norm", true);
  fields.require("moe_router_use_sigmoid", true);
  fields.require("moe_router_enable_expert_bias", true);
  read_dense_layers_first(fields, config, 1);
  read_experts(fields, config, "moe_intermediate_size");
  if (config.num_experts == 0) return;
  config.shared_expert_intermediate_size =
      config.moe_intermediate_size * fields.size_or("num_shared_experts", 1, 0, kMaxSize);
  config.routed_scaling_factor =
      fields.number(fields.find("router_scaling_factor"), "router_scaling_factor", kMinRoutedScale, kMaxRoutedScale);
  config.scoring_func = Scores::kSigmoid;
  config.selection_bias = true;
  config.norm_topk_prob = true;
}

}  // namespace

constexpr Family kHyV3{
    .model_type = "hy_v3",
    .architecture = "HYV3ForCausalLM",
    .models = "Hy3",
    .names = kHuggingFaceNames.with({{Part::kRouter, "model.layers.{l}.mlp.router.gate"},
                                     {Part::kSelectionBias, "model.layers.{l}.mlp.expert_bias{}"},
                                     {Part::kSharedGate, "model.layers.{l}.mlp.shared_mlp.gate_proj"},
                                     {Part::kSharedUp, "model.layers.{l}.mlp.shared_mlp.up_proj"},
                                     {Part::kSharedDown, "model.layers.{l}.mlp.shared_mlp.down_proj"}}),
    .experts = true,
    .scoring_func = Scores::kSigmoid,
    .query_key_norm = QueryKeyNorm::kHead,
    .rope = {.default_theta = 11158840},
    .read = read,
    .gguf = {.architecture = "hy_v3",
             .names = kGgufNames.with({{Part::kSelectionBias, "blk.{l}.exp_probs_b{}"}}),
             .routing_keys = true}};

}  // namespace moxie::model
