// SPDX-License-Identifier: Apache-2.0
// K-EXAONE: norms over each head of queries and keys; a rotary embedding in layers with a window alone; behind dense
// layers experts with the router of DeepSeek-V3. Layers that predict further tokens are not read.

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
  if (fields.find("sliding_window_pattern").as_string()) fields.fail(Code::kUnsupported, "layer_types", "a pattern");
  if (fields.has("sliding_window")) {
    read_windows_but_every(fields, config, fields.size_or("sliding_window_pattern", 4, 1, kMaxLayers));
    rotate_in_windows(config);
  }
  read_dense_layers_first(fields, config, 1);
  read_sigmoid_router(fields, config, {.scale = 2.5, .shared = 1});
}

void read_gguf(const Checkpoint&, GgufKeys& keys, ModelConfig& config) {
  read_gguf_windows(keys, config);
  rotate_in_windows(config);
}

Status write_gguf(GgufKeyWriter& keys, const ModelConfig& config) { return write_gguf_windows(keys, config); }

}  // namespace

constexpr Family kExaoneMoe{
    .model_type = "exaone_moe",
    .architecture = "ExaoneMoeForCausalLM",
    .models = "K-EXAONE 236B-A23B",
    .names = kDeepseekNames.with({{Part::kSelectionBias, "model.layers.{l}.mlp.e_score_correction_bias{}"}}),
    .experts = true,
    .scoring_func = Scores::kSigmoid,
    .query_key_norm = QueryKeyNorm::kHead,
    .rope = {.default_theta = 1e6},
    .read = read,
    .gguf = {.architecture = "exaone-moe",
             .own_head = true,
             .routing_keys = true,
             .check = check_any_window,
             .read = read_gguf,
             .write = write_gguf,
             .keys = {"attention.sliding_window"}}};

}  // namespace moxie::model
