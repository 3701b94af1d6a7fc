// SPDX-License-Identifier: Apache-2.0
// gpt-oss: attention with sinks and a window in every second layer, experts with biases and a clamped activation. Its
// router takes the softmax over the chosen experts alone, which is the one over all, divided by the sum of the chosen.
#include <moxie/core/math.hpp>
#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/gguf_keys.hpp"
#include "model/load/gguf_names.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

void read(ConfigFields& fields, ModelConfig& config) {
  // What transformers takes where these are not there is no part of the file, and nothing that a reader would expect.
  fields.size("head_dim", 2, kMaxSize);
  if (!fields.has("rope_parameters") && !fields.has("rope_scaling")) {
    fields.fail(Code::kUnsupported, "rope_parameters or rope_scaling (without, transformers takes a yarn of its own)",
                "none");
  }
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", true);
  read_windows_but_every(fields, config, 2);
  config.moe_layers.assign(config.num_hidden_layers, true);
  read_experts(fields, config, "intermediate_size");
  config.norm_topk_prob = true;
  if (fields.has("swiglu_limit") && fields.number(fields.find("swiglu_limit"), "swiglu_limit", 0, kMaxRopeFactor) !=
                                        static_cast<double>(kGateLimit)) {
    fields.fail(Code::kUnsupported, Text("swiglu_limit ", kGateLimit, ", or none"),
                fields.find("swiglu_limit").describe());
  }
}

void read_gguf(const Checkpoint&, GgufKeys& keys, ModelConfig& config) {
  for (std::size_t layer = 0; layer < config.num_hidden_layers; layer += 2) {
    config.sliding_windows[layer] = keys.size("attention.sliding_window", 1, kMaxPositions);
  }
}

Status check_gguf(const ModelConfig& config) {
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool slides = config.sliding_windows[layer] != 0;
    if (slides == (layer % 2 == 0)) continue;
    return cannot_say("layer_types sliding_attention in even layers alone, as GGUF's gpt-oss has",
                      Text(slides ? "sliding_attention" : "full_attention", " in layer ", layer));
  }
  return {};
}

Status write_gguf(GgufKeyWriter& keys, const ModelConfig& config) {
  return keys.size("attention.sliding_window", config.sliding_windows[0]);
}

}  // namespace

constexpr Family kGptOss{
    .model_type = "gpt_oss",
    .architecture = "GptOssForCausalLM",
    .models = "gpt-oss 20B, 120B",
    .names = kHuggingFaceNames.with({{Part::kAttentionSinks, "model.layers.{l}.self_attn.sinks{}"},
                                     {Part::kRouter, "model.layers.{l}.mlp.router"},
                                     {Part::kExpertGate, "model.layers.{l}.mlp.experts.gate_up_proj"},
                                     {Part::kExpertUp, "model.layers.{l}.mlp.experts.gate_up_proj"},
                                     {Part::kExpertDown, "model.layers.{l}.mlp.experts.down_proj"}}),
    .experts = true,
    .expert_bias = true,
    .attention_sinks = true,
    .activation = GatedActivation::kClampedSwiglu,
    .rope = {.default_theta = 150000},
    .read = read,
    .gguf = {.architecture = "gpt-oss",
             .names = kGgufNames.with({{Part::kFeedForwardNorm, "blk.{l}.post_attention_norm"}}),
             .biases = GgufForm::Biases::kAttention,
             .norm_topk_prob = true,
             .own_head = true,
             .yarn_keys = {"yarn_truncate"},
             .check = check_gguf,
             .read = read_gguf,
             .write = write_gguf,
             .keys = {"attention.sliding_window"}}};

}  // namespace moxie::model
