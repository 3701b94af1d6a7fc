// SPDX-License-Identifier: Apache-2.0
// Qwen2 and Qwen2.5, dense: biases on queries, keys and values.
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  config.attention_bias = true;
  // Positions in three directions, for pictures.
  if (fields.flag_or("use_mrope", false)) fields.fail(Code::kUnsupported, "use_mrope false, or none", "true");
  read_windows(fields, config, WindowRule::kFromLayer);
}

}  // namespace

constexpr Family kQwen2{.model_type = "qwen2",
                        .architecture = "Qwen2ForCausalLM",
                        .models = "Qwen2, Qwen2.5",
                        .names = kHuggingFaceNames,
                        .read = read,
                        .gguf = {.architecture = "qwen2", .biases = GgufForm::Biases::kQueryKeyValue}};

}  // namespace moxie::model
