// SPDX-License-Identifier: Apache-2.0
// MiniMax-M2: norms over all query heads and all key heads together, then a rotary embedding that turns a part of each
// head; experts in every layer with a sigmoid router and a bias for choosing.

#include <moxie/core/text.hpp>

#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  fields.require("use_qk_norm", true);
  fields.require_one_of("qk_norm_type", {"per_layer"});
  fields.require_one_of("scoring_func", {"sigmoid"});
  fields.require("use_routing_bias", true);
  if (fields.has("shared_intermediate_size") && fields.size("shared_intermediate_size", 0, kMaxSize) != 0) {
    fields.fail(Code::kUnsupported, "shared_intermediate_size 0, or none",
                fields.find("shared_intermediate_size").describe());
  }
  if (fields.has("attn_type_list") && fields.size_of_all("attn_type_list", 1, 0, 1) != 1) {
    fields.fail(Code::kUnsupported, "attn_type_list of 1, full attention", "0");
  }
  config.moe_layers.assign(config.num_hidden_layers, true);
  read_experts(fields, config, "intermediate_size");
  config.scoring_func = Scores::kSigmoid;
  config.selection_bias = true;
  config.norm_topk_prob = true;
}

}  // namespace

constexpr Family kMinimaxM2{
    .model_type = "minimax_m2",
    .architecture = "MiniMaxM2ForCausalLM",
    .models = "MiniMax-M2, M2.1, M2.5, M2.7",
    .names =
        kMixtralNames.with({{Part::kSelectionBias, "model.layers.{l}.block_sparse_moe.e_score_correction_bias{}"}}),
    .experts = true,
    .scoring_func = Scores::kSigmoid,
    .query_key_norm = QueryKeyNorm::kWhole,
    .rope = {.default_theta = 5e6, .part = 1},
    .read = read,
    .gguf = {.architecture = "minimax-m2", .norm_topk_prob = true, .own_head = true, .routing_keys = true}};

}  // namespace moxie::model
