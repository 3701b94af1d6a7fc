// SPDX-License-Identifier: Apache-2.0
// Ministral 3, Devstral Small 2: Llama under yarn, with queries scaled by their position.

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
  if (!fields.has("rope_parameters")) fields.fail(Code::kUnsupported, "rope_parameters", "none");
  read_window_of_all_layers(fields, config);
}

void read_gguf(const Checkpoint&, GgufKeys& keys, ModelConfig& config) {
  config.query_scale_beta = keys.number_or("attention.temperature_scale", 0, 0, kMaxRopeFactor);
  if (config.rope_scaling.type == RopeScaling::Type::kYarn) {
    config.query_scale_length = config.rope_scaling.original_max_position_embeddings;
  }
}

Status check_gguf(const ModelConfig& config) {
  if (config.rope_scaling.type == RopeScaling::Type::kYarn) return {};
  return cannot_say("rope_parameters of type yarn, as GGUF's mistral3 has", "another");
}

Status write_gguf(GgufKeyWriter& keys, const ModelConfig& config) {
  return keys.number("attention.temperature_scale", config.query_scale_beta);
}

}  // namespace

constexpr Family kMinistral3{.model_type = "ministral3",
                             .architecture = "Ministral3ForCausalLM",
                             .models = "Ministral 3, Devstral Small 2",
                             .names = kHuggingFaceNames,
                             .rope = {.default_theta = 1e6, .query_scale = true},
                             .read = read,
                             .gguf = {.architecture = "mistral3",
                                      .interleaved_rows = true,
                                      .yarn_keys = {"yarn_log_multiplier"},
                                      .check = check_gguf,
                                      .read = read_gguf,
                                      .write = write_gguf,
                                      .keys = {"attention.temperature_scale"}}};

}  // namespace moxie::model
