// SPDX-License-Identifier: Apache-2.0
// SmolLM3: Llama, but that every fourth layer has no rotary embedding.

#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

constexpr std::size_t kEvery = 4;

void leave_out(ModelConfig& config, std::size_t every) {
  config.layer_ropes.assign(config.num_hidden_layers, 0);
  for (std::size_t layer = every; layer <= config.num_hidden_layers; layer += every) {
    config.layer_ropes[layer - 1] = kNoRope;
  }
}

/// `no_rope_layers`: 1 for a layer that has one.
void read_rope_layers(ConfigFields& fields, ModelConfig& config) {
  leave_out(config, fields.size_or("no_rope_layer_interval", kEvery, 1, kMaxLayers));
  if (!fields.has("no_rope_layers")) return;
  const format::JsonValue list = fields.find("no_rope_layers");
  if (!list.is_array() || list.size() != config.num_hidden_layers) {
    return fields.fail(Code::kFormat, Text("no_rope_layers as a list of ", config.num_hidden_layers), list.describe());
  }
  std::size_t layer = 0;
  for (const format::JsonValue::Member& member : list) {
    const auto has_rope = member.value.as_u64();
    if (!has_rope || *has_rope > 1)
      return fields.fail(Code::kFormat, "no_rope_layers of 0 and 1", member.value.describe());
    config.layer_ropes[layer++] = *has_rope == 1 ? 0 : kNoRope;
  }
}

void read(ConfigFields& fields, ModelConfig& config) {
  fields.require("use_sliding_window", false);
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  config.mlp_bias = fields.flag_or("mlp_bias", false);
  read_rope_layers(fields, config);
}

void read_gguf(const Checkpoint&, GgufKeys&, ModelConfig& config) { leave_out(config, kEvery); }

Status check_gguf(const ModelConfig& config) {
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    if ((config.layer_ropes[layer] == kNoRope) == ((layer + 1) % kEvery == 0)) continue;
    return cannot_say("no rope in every fourth layer alone, as GGUF's smollm3 has", Text("another in layer ", layer));
  }
  return {};
}

}  // namespace

constexpr Family kSmollm3{
    .model_type = "smollm3",
    .architecture = "SmolLM3ForCausalLM",
    .models = "SmolLM3 3B",
    .names = kHuggingFaceNames,
    .rope = {.default_theta = 10000},
    .tied = true,
    .read = read,
    .gguf = {.architecture = "smollm3", .interleaved_rows = true, .check = check_gguf, .read = read_gguf}};

}  // namespace moxie::model
