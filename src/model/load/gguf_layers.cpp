// SPDX-License-Identifier: Apache-2.0
#include "model/load/gguf_layers.hpp"

#include <algorithm>
#include <vector>

#include "model/load/config_checks.hpp"

namespace moxie::inline abi1::model {

void read_gguf_windows(GgufKeys& keys, ModelConfig& config) {
  const std::size_t window = keys.size("attention.sliding_window", 1, kMaxPositions);
  const MetadataValue pattern = keys.find("attention.sliding_window_pattern");
  if (pattern.element_type() != MetadataType::kBool || pattern.size() < config.num_hidden_layers) {
    return keys.fail(
        Code::kFormat,
        Text(keys.full("attention.sliding_window_pattern"), " as ", config.num_hidden_layers, " of true and false"),
        pattern.describe());
  }
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.sliding_windows[layer] = pattern[layer].as_bool() == true ? window : 0;
  }
}

void read_gguf_local_layers(GgufKeys& keys, ModelConfig& config) {
  const std::size_t width = keys.size_or("attention.key_length_swa", config.head_dim, 2, kMaxSize);
  const std::size_t values = keys.size_or("attention.value_length_swa", width, 1, kMaxSize);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    if (config.sliding_windows[layer] == 0) continue;
    config.layer_attention[layer].head_dim = config.head_dim = width;
    config.layer_attention[layer].value_dim = values;
    config.num_key_value_heads = config.layer_attention[layer].num_key_value_heads;
  }
  config.other_ropes.push_back(
      {.theta = keys.number_or("rope.freq_base_swa", config.rope_theta, kMinTheta, kMaxTheta),
       .rotary_dim = keys.size_or("rope.dimension_count_swa", std::min(width, config.rotary_dim), 2, width),
       .scaling = {}});
  if (config.other_ropes[0].rotary_dim % 2 != 0) {
    keys.fail(Code::kFormat, Text("an even ", keys.full("rope.dimension_count_swa")),
              Text(config.other_ropes[0].rotary_dim));
  }
}

namespace {

std::size_t first_with_window(const ModelConfig& config) {
  const auto slides = [](std::size_t window) { return window != 0; };
  return static_cast<std::size_t>(std::ranges::find_if(config.sliding_windows, slides) -
                                  config.sliding_windows.begin());
}

}  // namespace

Status check_any_window(const ModelConfig& config) {
  if (first_with_window(config) < config.num_hidden_layers) return {};
  return cannot_say("a layer with a window, as the architecture of GGUF has", "none");
}

Status write_gguf_windows(GgufKeyWriter& keys, const ModelConfig& config, bool pattern) {
  std::vector<bool> slides;
  for (const std::size_t window : config.sliding_windows) slides.push_back(window != 0);
  MOXIE_TRY(keys.size("attention.sliding_window", config.sliding_windows[first_with_window(config)]));
  return pattern ? keys.flags("attention.sliding_window_pattern", slides) : Status();
}

Status write_gguf_local_layers(GgufKeyWriter& keys, const ModelConfig& config, bool pattern) {
  MOXIE_TRY(write_gguf_windows(keys, config, pattern));
  const LayerAttention& heads = config.layer_attention[first_with_window(config)];
  MOXIE_TRY(keys.size("attention.key_length_swa", heads.head_dim));
  MOXIE_TRY(keys.size("attention.value_length_swa", heads.value_dim));
  MOXIE_TRY(keys.number("rope.freq_base_swa", config.other_ropes[0].theta));
  return keys.size("rope.dimension_count_swa", config.other_ropes[0].rotary_dim);
}

}  // namespace moxie::model
