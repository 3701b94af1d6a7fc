// SPDX-License-Identifier: Apache-2.0
// Which layers have experts, and which a window.
#include <moxie/core/text.hpp>

#include "model/load/config_fields.hpp"

namespace moxie::inline abi1::model {

using format::JsonValue;

void read_sparse_layers(ConfigFields& fields, ModelConfig& config) {
  const std::size_t step = fields.size_or("decoder_sparse_step", 1, 1, kMaxLayers);
  config.moe_layers.resize(config.num_hidden_layers);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.moe_layers[layer] = (layer + 1) % step == 0;
  }
  if (!fields.has("mlp_only_layers")) return;
  const JsonValue dense = fields.find("mlp_only_layers");
  if (!dense.is_array()) return fields.fail(Code::kFormat, "mlp_only_layers as a list", dense.describe());
  for (const JsonValue::Member& member : dense) {
    const std::optional<std::uint64_t> layer = member.value.as_u64();
    if (!layer || *layer >= config.num_hidden_layers) {
      return fields.fail(Code::kFormat, Text("mlp_only_layers below ", config.num_hidden_layers),
                         member.value.describe());
    }
    config.moe_layers[static_cast<std::size_t>(*layer)] = false;
  }
}

void read_experts(ConfigFields& fields, ModelConfig& config, std::string_view width) {
  bool any = false;
  for (const bool moe : config.moe_layers) any = any || moe;
  if (!any) return;
  config.num_experts = fields.size("num_experts", "num_local_experts", 1, kMaxSize);
  config.num_experts_per_tok = fields.size("num_experts_per_tok", 1, config.num_experts);
  config.moe_intermediate_size = fields.size(width, 1, kMaxSize);
}

void read_window_of_all_layers(ConfigFields& fields, ModelConfig& config) {
  if (!fields.has("sliding_window")) return;
  config.sliding_windows.assign(config.num_hidden_layers, fields.size("sliding_window", 1, kMaxPositions));
}

namespace {

/// "layer_types": "full_attention" or "sliding_attention" for each layer. `without`: why there may be no window.
void read_layer_types(ConfigFields& fields, ModelConfig& config, std::size_t window, std::string_view without) {
  const JsonValue types = fields.find("layer_types");
  if (!types.is_array() || types.size() != config.num_hidden_layers) {
    return fields.fail(Code::kFormat, Text("layer_types as a list of ", config.num_hidden_layers), types.describe());
  }
  std::size_t layer = 0;
  for (const JsonValue::Member& type : types) {
    if (type.value.as_string() == "sliding_attention") {
      if (window == 0) {
        return fields.fail(Code::kFormat, Text("layer_types full_attention, as ", without), type.value.describe());
      }
      config.sliding_windows[layer] = window;
    } else if (type.value.as_string() != "full_attention") {
      return fields.fail(Code::kUnsupported, "layer_types full_attention or sliding_attention", type.value.describe());
    }
    ++layer;
  }
}

}  // namespace

void read_windows(ConfigFields& fields, ModelConfig& config, WindowRule rule) {
  // Without the flag the other fields may say anything: published files do.
  const bool used = fields.flag_or("use_sliding_window", false);
  // transformers takes a window of null for none.
  const std::size_t window = used && fields.has("sliding_window") ? fields.size("sliding_window", 1, kMaxPositions) : 0;
  if (rule != WindowRule::kAllLayers && fields.has("layer_types")) {
    return read_layer_types(fields, config, window, "use_sliding_window is not true");
  }
  if (window == 0) return;
  if (rule == WindowRule::kAllLayers) return config.sliding_windows.assign(config.num_hidden_layers, window);
  const std::size_t bound = fields.size("max_window_layers", 0, kMaxLayers);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool slides = rule == WindowRule::kFromLayer ? layer >= bound : layer % 2 == 0 && layer < bound;
    if (slides) config.sliding_windows[layer] = window;
  }
}

void read_alternating_windows(ConfigFields& fields, ModelConfig& config) {
  const bool listed = fields.has("layer_types");
  const std::size_t window =
      listed && !fields.has("sliding_window") ? 0 : fields.size("sliding_window", 1, kMaxPositions);
  if (listed) return read_layer_types(fields, config, window, "there is no sliding_window");
  for (std::size_t layer = 0; layer < config.num_hidden_layers; layer += 2) config.sliding_windows[layer] = window;
}

}  // namespace moxie::model
