// SPDX-License-Identifier: Apache-2.0
#include "model/load/gguf_routing.hpp"

#include <algorithm>

#include <moxie/core/text.hpp>

#include "model/load/config_checks.hpp"

namespace moxie::inline abi1::model {

namespace {

/// Routers are where the keys put experts. Some architectures have no key for layers before them.
void check_layers(const ModelConfig& config, GgufKeys& keys) {
  const auto first = static_cast<std::size_t>(std::ranges::find(config.moe_layers, true) - config.moe_layers.begin());
  const std::size_t leading = keys.size_or("leading_dense_block_count", first, 0, kMaxLayers);
  const std::size_t step = keys.size_or("interleave_moe_layer_step", 1, 1, kMaxLayers);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool moe = layer >= leading && (layer + 1) % step == 0;
    if (config.moe_layers[layer] == moe) continue;
    return keys.fail(
        Code::kFormat,
        Text(moe ? "a router" : "no router", " in layer ", layer, ", as ", keys.full("leading_dense_block_count"), ' ',
             leading, step == 1 ? Text() : Text(" and interleave_moe_layer_step ", step), " says"),
        moe ? "none" : "one");
  }
}

}  // namespace

void read_gguf_routing(const Checkpoint& checkpoint, const TensorNames& names, ModelConfig& config, GgufKeys& keys) {
  check_layers(config, keys);
  config.shared_expert_intermediate_size =
      config.moe_intermediate_size * keys.size_or("expert_shared_count", 0, 0, kMaxSize);
  config.shared_expert_intermediate_size =
      keys.size_or("expert_shared_feed_forward_length", config.shared_expert_intermediate_size, 0, kMaxSize);
  if (const MetadataValue scale = keys.find("expert_weights_scale"); scale && scale.as_double() != 0) {  // 0: none
    config.routed_scaling_factor = keys.number("expert_weights_scale", kMinRoutedScale, kMaxRoutedScale);
  }
  if (const MetadataValue norm = keys.find("expert_weights_norm")) {
    if (!norm.as_bool()) {
      keys.fail(Code::kFormat, Text(keys.full("expert_weights_norm"), " as true or false"), norm.describe());
    }
    config.norm_topk_prob = norm.as_bool().value_or(false);
  }
  // DeepSeek-V2 judges a group by its best expert, V3 by its two best. llama.cpp does the latter in files of both.
  const bool sigmoid = config.scoring_func == Scores::kSigmoid;
  config.group_score = sigmoid ? GroupScore::kBestTwo : GroupScore::kBest;
  config.n_group = std::max<std::size_t>(keys.size_or("expert_group_count", 1, 0, kMaxSize), 1);
  config.topk_group = config.n_group == 1 ? 1 : keys.size("expert_group_used_count", 1, kMaxSize);
  check_groups(keys, config, keys.full("expert_group_count"), keys.full("expert_group_used_count"));
  const auto first = static_cast<std::size_t>(std::ranges::find(config.moe_layers, true) - config.moe_layers.begin());
  config.selection_bias = checkpoint.contains(names.name({Part::kSelectionBias, first}));
}

}  // namespace moxie::model
