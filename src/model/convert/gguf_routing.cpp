// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "model/convert/gguf_parts.hpp"
#include "model/load/gguf_routing.hpp"

namespace moxie::inline abi1::model {

namespace {

bool limits_groups(const ModelConfig& config) noexcept { return config.topk_group < config.n_group; }

/// The first layer with experts; those behind have some too, where GGUF can say it.
std::size_t leading_dense(const ModelConfig& config) {
  return static_cast<std::size_t>(std::ranges::find(config.moe_layers, true) - config.moe_layers.begin());
}

}  // namespace

Status check_gguf_can_say_routing(const Family& family, const ModelConfig& config) {
  const std::string_view name = family.gguf.architecture;
  const auto first = config.moe_layers.begin() + static_cast<std::ptrdiff_t>(leading_dense(config));
  if (first == config.moe_layers.end() || std::find(first, config.moe_layers.end(), false) != config.moe_layers.end()) {
    return cannot_say(Text("experts in every layer behind the first of them, as GGUF's ", name, " has"),
                      "a layer without");
  }
  if (limits_groups(config) && config.group_score != GroupScore::kBestTwo) {
    return cannot_say(Text("groups of experts by their two best, as GGUF's ", name, " means"), "by the best");
  }
  return {};
}

Status set_gguf_routing(GgufKeyWriter& keys, const ModelConfig& config) {
  MOXIE_TRY(keys.size("leading_dense_block_count", leading_dense(config)));
  // Some architectures read the number of those beside the experts, some their width.
  MOXIE_TRY(keys.size("expert_shared_count", config.shared_expert_intermediate_size / config.moe_intermediate_size));
  if (config.shared_expert_intermediate_size > 0) {
    MOXIE_TRY(keys.size("expert_shared_feed_forward_length", config.shared_expert_intermediate_size));
  }
  // All groups for each row are none; llama.cpp ends the process where it reads so many.
  MOXIE_TRY(keys.size("expert_group_count", limits_groups(config) ? config.n_group : 1));
  MOXIE_TRY(keys.size("expert_group_used_count", limits_groups(config) ? config.topk_group : 1));
  MOXIE_TRY(keys.number("expert_weights_scale", config.routed_scaling_factor));
  if (config.norm_topk_prob) MOXIE_TRY(keys.flag("expert_weights_norm", true));
  const double gating = config.scoring_func == Scores::kSigmoid ? kSigmoidGating : kSoftmaxGating;
  return keys.size("expert_gating_func", static_cast<std::uint64_t>(gating));
}

}  // namespace moxie::model
