// SPDX-License-Identifier: Apache-2.0
// Which layers have experts, how those are chosen, and which layers have a window.
#include <algorithm>

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

void read_dense_layers_first(ConfigFields& fields, ModelConfig& config, std::size_t first) {
  const JsonValue types = fields.find("mlp_layer_types");
  if (!fields.has("mlp_layer_types")) {
    first = fields.size_or("first_k_dense_replace", first, 0, kMaxLayers);
    const std::size_t step = fields.size_or("moe_layer_freq", 1, 1, kMaxLayers);
    for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
      config.moe_layers[layer] = layer >= first && layer % step == 0;
    }
    return;
  }
  if (!types.is_array() || types.size() != config.num_hidden_layers) {
    return fields.fail(Code::kFormat, Text("mlp_layer_types as a list of ", config.num_hidden_layers),
                       types.describe());
  }
  std::size_t layer = 0;
  for (const JsonValue::Member& type : types) {
    const bool sparse = type.value.as_string() == "sparse";
    if (!sparse && type.value.as_string() != "dense") {
      return fields.fail(Code::kUnsupported, "mlp_layer_types dense or sparse", type.value.describe());
    }
    config.moe_layers[layer++] = sparse;
  }
}

namespace {

bool any_experts(const ModelConfig& config) {
  return std::ranges::find(config.moe_layers, true) != config.moe_layers.end();
}

}  // namespace

void read_experts(ConfigFields& fields, ModelConfig& config, std::string_view width) {
  if (!any_experts(config)) return;
  config.num_experts = fields.size("num_experts", "num_local_experts", 1, kMaxSize);
  config.num_experts_per_tok = fields.size("num_experts_per_tok", 1, config.num_experts);
  config.moe_intermediate_size = fields.size(width, 1, kMaxSize);
}

void read_routed_experts(ConfigFields& fields, ModelConfig& config, const RoutedDefaults& defaults) {
  if (!any_experts(config)) return;
  config.num_experts = fields.has("num_experts") ? fields.size("num_experts", 1, kMaxSize)
                                                 : fields.size("n_routed_experts", "num_local_experts", 1, kMaxSize);
  config.num_experts_per_tok = fields.size("num_experts_per_tok", 1, config.num_experts);
  config.moe_intermediate_size = fields.size("moe_intermediate_size", 1, kMaxSize);
  config.shared_expert_intermediate_size =
      config.moe_intermediate_size *
      fields.size_or(fields.has("num_shared_experts") ? "num_shared_experts" : "n_shared_experts", defaults.shared, 0,
                     kMaxSize);
  config.routed_scaling_factor = defaults.scale;
  if (fields.has("routed_scaling_factor")) {
    config.routed_scaling_factor =
        fields.number(fields.find("routed_scaling_factor"), "routed_scaling_factor", kMinRoutedScale, kMaxRoutedScale);
  }
}

void read_sigmoid_router(ConfigFields& fields, ModelConfig& config, const RoutedDefaults& defaults) {
  read_routed_experts(fields, config, defaults);
  fields.require_one_of("scoring_func", {"sigmoid", "noaux_tc"});
  fields.require_one_of("topk_method", {"noaux_tc"});
  if (!any_experts(config)) return;
  config.scoring_func = Scores::kSigmoid;
  config.group_score = GroupScore::kBestTwo;
  config.selection_bias = true;
  // Here null is a false.
  config.norm_topk_prob = fields.flag_or("norm_topk_prob", !fields.find("norm_topk_prob") && defaults.normalised);
  read_groups(fields, config, defaults);
}

void read_groups(ConfigFields& fields, ModelConfig& config, const RoutedDefaults& defaults) {
  config.n_group = fields.size_or("n_group", defaults.groups, 1, kMaxSize);
  config.topk_group = fields.size_or("topk_group", defaults.used_groups, 1, kMaxSize);
  check_groups(fields, config, "n_group", "topk_group");
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
  if (fields.flag_or("use_sliding_window", false)) return read_used_windows(fields, config, rule);
  if (rule != WindowRule::kAllLayers && fields.has("layer_types")) {
    read_layer_types(fields, config, 0, "use_sliding_window is not true");
  }
}

void read_used_windows(ConfigFields& fields, ModelConfig& config, WindowRule rule) {
  // transformers takes a window of null for none.
  const std::size_t window = fields.has("sliding_window") ? fields.size("sliding_window", 1, kMaxPositions) : 0;
  if (rule != WindowRule::kAllLayers && fields.has("layer_types")) {
    return read_layer_types(fields, config, window, "there is no sliding_window");
  }
  if (window == 0) return;
  if (rule == WindowRule::kAllLayers) return config.sliding_windows.assign(config.num_hidden_layers, window);
  const std::size_t bound = fields.size("max_window_layers", 0, kMaxLayers);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool slides = rule == WindowRule::kFromLayer ? layer >= bound : layer % 2 == 0 && layer < bound;
    if (slides) config.sliding_windows[layer] = window;
  }
}

void read_windows_but_every(ConfigFields& fields, ModelConfig& config, std::size_t every) {
  const bool listed = fields.has("layer_types");
  const std::size_t window =
      listed && !fields.has("sliding_window") ? 0 : fields.size("sliding_window", 1, kMaxPositions);
  if (listed) return read_layer_types(fields, config, window, "there is no sliding_window");
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    if ((layer + 1) % every != 0) config.sliding_windows[layer] = window;
  }
}

void rotate_in_windows(ModelConfig& config) {
  config.layer_ropes.resize(config.num_hidden_layers);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.layer_ropes[layer] = config.sliding_windows[layer] != 0 ? 0 : kNoRope;
  }
}

void use_local_rope(ModelConfig& config) {
  config.layer_ropes.resize(config.num_hidden_layers);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.layer_ropes[layer] = config.sliding_windows[layer] != 0 ? 1 : 0;
  }
}

}  // namespace moxie::model
