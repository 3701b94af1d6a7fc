// SPDX-License-Identifier: Apache-2.0
// Gemma 2 and 3: norms around attention and feed-forward, whose weights are kept as what they are more than 1; the
// embedding times sqrt(D); windows in most layers. Gemma 2 caps scores and logits, Gemma 3 has norms on queries and
// keys and another rope in the layers with a window.

#include <cmath>

#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/config_fields.hpp"
#include "model/load/gguf_keys.hpp"
#include "model/load/hugging_face_names.hpp"

namespace moxie::inline abi1::model {

namespace {

constexpr std::size_t kEvery2 = 2, kEvery3 = 6;  // of the layers, those without a window

double inverse_root(double x) { return 1 / std::sqrt(x); }

void read_common(ConfigFields& fields, ModelConfig& config, std::size_t every, double cap_scores, double cap_logits) {
  fields.require("use_bidirectional_attention", false);
  config.attention_bias = config.attention_output_bias = fields.flag_or("attention_bias", false);
  const auto cap = [&](std::string_view key, double otherwise) {
    const bool said = static_cast<bool>(fields.find(key));  // null is none
    return said && !fields.has(key) ? 0 : fields.number_or(key, otherwise, kMinRopeFactor, kMaxRopeFactor);
  };
  config.attention_softcap = cap("attn_logit_softcapping", cap_scores);
  config.logit_softcap = cap("final_logit_softcapping", cap_logits);
  config.attention_scale = inverse_root(fields.number_or("query_pre_attn_scalar", 256, kMinRopeFactor, kMaxSize));
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden_size));
  read_windows_but_every(fields, config, every);
}

void read_gemma2(ConfigFields& fields, ModelConfig& config) { read_common(fields, config, kEvery2, 50, 30); }

void read_gemma3(ConfigFields& fields, ModelConfig& config) {
  read_common(fields, config, fields.size_or("sliding_window_pattern", kEvery3, 1, kMaxLayers), 0, 0);
  use_local_rope(config);
}

/// What llama.cpp takes, by the size that has so many layers: 27B has another.
double gguf_scale(const ModelConfig& config, std::size_t layers_of_27b) {
  const std::size_t share = config.hidden_size / config.num_attention_heads;
  return inverse_root(static_cast<double>(config.num_hidden_layers == layers_of_27b ? share : config.head_dim));
}

void read_gguf(GgufKeys& keys, ModelConfig& config, std::size_t every, std::size_t layers_of_27b) {
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden_size));
  config.attention_scale = gguf_scale(config, layers_of_27b);
  const std::size_t window = keys.size("attention.sliding_window", 1, kMaxPositions);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.sliding_windows[layer] = (layer + 1) % every != 0 ? window : 0;
  }
}

void read_gguf2(const Checkpoint&, GgufKeys& keys, ModelConfig& config) {
  read_gguf(keys, config, kEvery2, 46);
  config.attention_softcap = keys.number_or("attn_logit_softcapping", 50, kMinRopeFactor, kMaxRopeFactor);
  config.logit_softcap = keys.number_or("final_logit_softcapping", 30, kMinRopeFactor, kMaxRopeFactor);
}

void read_gguf3(const Checkpoint&, GgufKeys& keys, ModelConfig& config) {
  read_gguf(keys, config, kEvery3, 62);
  config.other_ropes.push_back({.theta = keys.number_or("rope.freq_base_swa", 10000, kMinTheta, kMaxTheta),
                                .rotary_dim = config.rotary_dim,
                                .scaling = {}});
  use_local_rope(config);
}

Status check(const ModelConfig& config, std::size_t every, std::size_t layers_of_27b, std::string_view name) {
  std::size_t window = 0;
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const std::size_t here = config.sliding_windows[layer];
    if (here != 0) window = here;
    if ((here != 0) == ((layer + 1) % every != 0)) continue;
    return cannot_say(Text("full_attention in every layer of ", every, " alone, as GGUF's ", name, " has"),
                      Text(here != 0 ? "sliding_attention" : "full_attention", " in layer ", layer));
  }
  if (window == 0) return cannot_say(Text("a layer with a window, as GGUF's ", name, " has"), "none");
  if (const double scale = gguf_scale(config, layers_of_27b); config.attention_scale != scale) {
    return cannot_say(Text("query_pre_attn_scalar ", 1 / (scale * scale), ", as GGUF's ", name, " has"),
                      Text(1 / (config.attention_scale * config.attention_scale)));
  }
  return {};
}

Status write_window(GgufKeyWriter& keys, const ModelConfig& config) {
  return keys.size("attention.sliding_window", config.sliding_windows[0]);
}

Status check2(const ModelConfig& config) {
  if (config.attention_softcap == 0 || config.logit_softcap == 0) {
    return cannot_say("attn_logit_softcapping and final_logit_softcapping, as GGUF's gemma2 has", "none");
  }
  return check(config, kEvery2, 46, "gemma2");
}

Status write2(GgufKeyWriter& keys, const ModelConfig& config) {
  MOXIE_TRY(keys.number("attn_logit_softcapping", config.attention_softcap));
  MOXIE_TRY(keys.number("final_logit_softcapping", config.logit_softcap));
  return write_window(keys, config);
}

Status check3(const ModelConfig& config) {
  if (config.attention_softcap != 0 || config.logit_softcap != 0) {
    return cannot_say("no attn_logit_softcapping or final_logit_softcapping, as GGUF's gemma3 has none", "one");
  }
  return check(config, kEvery3, 62, "gemma3");
}

Status write3(GgufKeyWriter& keys, const ModelConfig& config) {
  MOXIE_TRY(keys.number("rope.freq_base_swa", config.other_ropes[0].theta));
  return write_window(keys, config);
}

constexpr TensorNames kNames = kNormsBehind.with({{Part::kAttentionNorm, "model.layers.{l}.input_layernorm"}});

}  // namespace

constexpr Family kGemma2{
    .model_type = "gemma2",
    .architecture = "Gemma2ForCausalLM",
    .models = "Gemma 2",
    .names = kNames,
    .activation = GatedActivation::kGelu,
    .norms_above_one = true,
    .block_norms = BlockNorms::kAround,
    .rope = {.default_theta = 10000},
    .shape = {.head_dim = 256},
    .tied = true,
    .read = read_gemma2,
    .gguf = {.architecture = "gemma2",
             .check = check2,
             .read = read_gguf2,
             .write = write2,
             .keys = {"attention.sliding_window", "attn_logit_softcapping", "final_logit_softcapping"}}};

constexpr Family kGemma3{
    .model_type = "gemma3_text",
    .architecture = "Gemma3ForCausalLM",
    .models = "Gemma 3, 270M to 27B",
    .names = kNames,
    .activation = GatedActivation::kGelu,
    .query_key_norm = QueryKeyNorm::kHead,
    .norms_above_one = true,
    .block_norms = BlockNorms::kAround,
    .rope = {.default_theta = 1e6, .local_theta = 10000},
    .shape =
        {.heads = 8, .kv_heads = 4, .head_dim = 256, .vocab_size = 262208, .positions = 131072, .rms_norm_eps = 1e-6},
    .tied = true,
    .read = read_gemma3,
    .gguf = {.architecture = "gemma3",
             .check = check3,
             .read = read_gguf3,
             .write = write3,
             .keys = {"attention.sliding_window"}}};

}  // namespace moxie::model
