// SPDX-License-Identifier: Apache-2.0
// ERNIE 4.5 with experts: the rotary embedding turns neighbours; every so many layers have experts, chosen by a softmax
// and a bias, beside which one MLP sees every row. Layers that predict further tokens are not read.

#include <algorithm>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read_layers(ConfigFields& fields, ModelConfig& config) {
  const std::size_t L = config.num_hidden_layers;
  const std::size_t first = fields.size_or("moe_layer_start_index", 1, 0, kMaxLayers);
  const std::size_t step = fields.size_or("moe_layer_interval", 1, 1, kMaxLayers);
  const bool open = !fields.has("moe_layer_end_index") || fields.find("moe_layer_end_index").as_i64() == -1;
  const std::size_t last = open ? L : fields.size("moe_layer_end_index", 0, kMaxLayers);
  for (std::size_t layer = 0; layer < L; ++layer) {
    config.moe_layers[layer] = layer >= first && layer <= last && (layer + 1) % step == 0;
  }
}

void read(ConfigFields& fields, ModelConfig& config) {
  fields.require("use_bias", false);
  read_layers(fields, config);
  if (std::ranges::find(config.moe_layers, true) == config.moe_layers.end()) return;
  config.num_experts = fields.size("moe_num_experts", "num_experts", 1, kMaxSize);
  config.num_experts_per_tok = fields.size("moe_k", "num_experts_per_tok", 1, config.num_experts);
  config.moe_intermediate_size = fields.size("moe_intermediate_size", 1, kMaxSize);
  config.shared_expert_intermediate_size =
      config.moe_intermediate_size * fields.size_or("moe_num_shared_experts", 2, 0, kMaxSize);
  config.norm_topk_prob = true;
  config.selection_bias = true;
}

/// Without the key llama.cpp takes no file; where it is more, it looks for tensors that are not there.
Status write_gguf(GgufKeyWriter& keys, const ModelConfig&) { return keys.size("interleave_moe_layer_step", 1); }

}  // namespace

constexpr Family kErnie45Moe{
    .model_type = "ernie4_5_moe",
    .architecture = "Ernie4_5_MoeForCausalLM",
    .models = "ERNIE 4.5 21B-A3B, 300B-A47B",
    .names =
        kDeepseekNames.with({{Part::kSelectionBias, "model.layers.{l}.mlp.moe_statics.e_score_correction_bias{}"}}),
    .experts = true,
    .interleaved_rows = true,
    .rope = {.default_theta = 500000},
    .tied = true,
    .read = read,
    .gguf = {.architecture = "ernie4_5-moe",
             .norm_topk_prob = true,
             .interleaved_rows = true,
             .routing_keys = true,
             .write = write_gguf}};

}  // namespace moxie::model
