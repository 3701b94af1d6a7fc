// SPDX-License-Identifier: Apache-2.0
#include "model/convert/gguf_parts.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/run/rope.hpp"

namespace moxie::inline abi1::model {

namespace {

using Type = RopeScaling::Type;

Status check_biases(const Family& family, const ModelConfig& config) {
  const auto check = [&](std::string_view what, bool has, bool allowed, bool needed) {
    if (has ? allowed : !needed) return Status();
    return cannot_say(Text(what, has ? " false" : " true", ", as GGUF's ", family.gguf.architecture, " has"),
                      has ? "true" : "false");
  };
  const GgufForm::Biases biases = family.gguf.biases;
  const bool any = biases == GgufForm::Biases::kAny;
  const bool output = biases == GgufForm::Biases::kAttention;
  const bool must = biases == GgufForm::Biases::kQueryKeyValue || output;
  const bool may = must || any || biases == GgufForm::Biases::kMaybeQueryKeyValue;
  MOXIE_TRY(check("attention_bias", config.attention_bias, may, must));
  MOXIE_TRY(check("attention_bias on the output", config.attention_output_bias, any || output, output));
  return check("mlp_bias", config.mlp_bias, any, false);
}

Status check_rope(const Family& family, const ModelConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  if ((scaling.type == Type::kLlama3 || scaling.type == Type::kFactors) && !family.gguf.rope_factors) {
    return cannot_say(Text("rope of type default, linear or yarn, as GGUF's ", family.gguf.architecture, " has"),
                      scaling.type == Type::kLlama3 ? "llama3" : "proportional");
  }
  if (scaling.type != Type::kYarn) return {};
  if (!scaling.truncate && !family.gguf.has_yarn_key("yarn_truncate")) {
    return cannot_say("truncate true, as GGUF's yarn means", "false");
  }
  if (family.latent_attention) return {};  // check_gguf_can_say_latent() knows
  const double all = family.gguf.has_yarn_key("yarn_log_multiplier") ? yarn_mscale_all_dim(scaling) : 0;
  const double usual = yarn_attention_factor(scaling.factor) / yarn_attention_factor(scaling.factor, all);
  if (scaling.attention_factor != usual) {
    return cannot_say(Text("attention_factor ", usual, ", as GGUF's yarn has for factor ", scaling.factor),
                      Text(scaling.attention_factor));
  }
  return {};
}

Status set_rope(GgufKeyWriter& keys, const Family& family, const ModelConfig& config) {
  MOXIE_TRY(keys.number("rope.freq_base", config.rope_theta));
  const RopeScaling& scaling = config.rope_scaling;
  if (scaling.type != Type::kLinear && scaling.type != Type::kYarn) return {};
  MOXIE_TRY(keys.text("rope.scaling.type", scaling.type == Type::kYarn ? "yarn" : "linear"));
  MOXIE_TRY(keys.number("rope.scaling.factor", scaling.factor));
  if (scaling.type != Type::kYarn) return {};
  MOXIE_TRY(keys.size("rope.scaling.original_context_length", scaling.original_max_position_embeddings));
  if (family.gguf.has_yarn_key("yarn_truncate")) {
    MOXIE_TRY(keys.flag("rope.scaling.yarn_truncate", scaling.truncate));
  }
  if (family.gguf.has_yarn_key("yarn_log_multiplier")) {
    MOXIE_TRY(keys.number("rope.scaling.yarn_log_multiplier", yarn_mscale_all_dim(scaling)));
  }
  MOXIE_TRY(keys.number("rope.scaling.yarn_beta_fast", scaling.beta_fast));
  return keys.number("rope.scaling.yarn_beta_slow", scaling.beta_slow);
}

/// The width of dense layers. Where there are none, llama.cpp wants the key all the same.
std::uint64_t dense_width(const Family& family, const ModelConfig& config) {
  if (config.num_experts == 0 || config.intermediate_size != 0) return config.intermediate_size;
  if (family.gguf.expert_width == "feed_forward_length" || family.gguf.routing_keys)
    return config.moe_intermediate_size;
  return checked::multiply(config.moe_intermediate_size, config.num_experts_per_tok).value_or(UINT64_MAX);
}

/// Widths are those of layers without a window, where there are some: keys that end in _swa say the others'.
Status set_heads(GgufKeyWriter& keys, const ModelConfig& config) {
  std::vector<std::size_t> heads, kv_heads;
  for (const LayerAttention& layer : config.layer_attention) {
    heads.push_back(layer.num_attention_heads);
    kv_heads.push_back(layer.num_key_value_heads);
  }
  const auto whole = std::ranges::find(config.sliding_windows, std::size_t{0});
  const LayerAttention& layer =
      config.layer_attention[whole == config.sliding_windows.end()
                                 ? 0
                                 : static_cast<std::size_t>(whole - config.sliding_windows.begin())];
  MOXIE_TRY(keys.sizes("attention.head_count", heads));
  MOXIE_TRY(keys.sizes("attention.head_count_kv", kv_heads));
  MOXIE_TRY(keys.size("attention.key_length", layer.head_dim));
  return keys.size("attention.value_length", layer.value_dim);
}

/// In architectures that have no key for windows.
Status check_windows(const Family& family, const ModelConfig& config) {
  if (std::ranges::find(family.gguf.keys, "attention.sliding_window") != family.gguf.keys.end()) return {};
  for (const std::size_t window : config.sliding_windows) {
    if (window == 0 || window >= config.max_position_embeddings) continue;
    return cannot_say(Text("no sliding_window, as GGUF's ", family.gguf.architecture, " has none"), Text(window));
  }
  return {};
}

}  // namespace

Status check_gguf_can_say(const Family& family, const ModelConfig& config) {
  const std::string_view name = family.gguf.architecture;
  if (family.latent_attention) MOXIE_TRY(check_gguf_can_say_latent(config));
  if (family.gguf.routing_keys) MOXIE_TRY(check_gguf_can_say_routing(family, config));
  // A model without any is the family's business: some architectures have dense ones too.
  if (config.num_experts != 0 && !family.gguf.routing_keys) {
    if (std::ranges::find(config.moe_layers, false) != config.moe_layers.end()) {
      return cannot_say(Text("experts in every layer, as GGUF's ", name, " has"), "a layer without");
    }
    if (config.norm_topk_prob != family.gguf.norm_topk_prob) {
      return cannot_say(
          Text("norm_topk_prob ", family.gguf.norm_topk_prob ? "true" : "false", ", as GGUF's ", name, " means"),
          config.norm_topk_prob ? "true" : "false");
    }
  }
  MOXIE_TRY(check_windows(family, config));
  if (family.gguf.check != nullptr) MOXIE_TRY(family.gguf.check(config));
  if (config.tie_word_embeddings && family.gguf.own_head) {
    return cannot_say(Text("tie_word_embeddings false, as GGUF's ", name, " has"), "true");
  }
  MOXIE_TRY(check_biases(family, config));
  return check_rope(family, config);
}

Status set_gguf_configuration(GgufWriter& writer, const Family& family, const ModelConfig& config, GgufFileType type,
                              std::string_view model_name) {
  MOXIE_TRY(writer.set_string("general.architecture", family.gguf.architecture));
  MOXIE_TRY(writer.set_string("general.name", model_name));
  MOXIE_TRY(writer.set_u32("general.file_type", static_cast<std::uint32_t>(type)));
  MOXIE_TRY(writer.set_u32("general.quantization_version", 2));
  GgufKeyWriter keys(writer, family.gguf.architecture);
  MOXIE_TRY(keys.size("block_count", config.num_hidden_layers));
  MOXIE_TRY(keys.size("context_length", config.max_position_embeddings));
  MOXIE_TRY(keys.size("embedding_length", config.hidden_size));
  if (std::ranges::adjacent_find(config.dense_sizes, std::not_equal_to()) != config.dense_sizes.end()) {
    MOXIE_TRY(keys.sizes("feed_forward_length", config.dense_sizes));
  } else {
    MOXIE_TRY(keys.size("feed_forward_length", dense_width(family, config)));
  }
  if (family.latent_attention) {
    MOXIE_TRY(keys.size("attention.head_count", config.num_attention_heads));
    MOXIE_TRY(keys.size("attention.head_count_kv", config.num_key_value_heads));
    MOXIE_TRY(set_gguf_latent(keys, config));
  } else {
    MOXIE_TRY(set_heads(keys, config));
  }
  MOXIE_TRY(keys.size("rope.dimension_count", config.rotary_dim));
  if (family.gguf.write != nullptr) MOXIE_TRY(family.gguf.write(keys, config));
  if (family.experts) {
    MOXIE_TRY(keys.size("expert_count", config.num_experts));
    MOXIE_TRY(keys.size("expert_used_count", config.num_experts_per_tok));
    if (family.gguf.expert_width != "feed_forward_length") {
      MOXIE_TRY(keys.size(family.gguf.expert_width, config.moe_intermediate_size));
    }
    if (family.gguf.routing_keys) MOXIE_TRY(set_gguf_routing(keys, config));
  }
  const bool rms = config.norm_kind == NormKind::kRms;
  MOXIE_TRY(
      keys.number(rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", config.rms_norm_eps));
  return set_rope(keys, family, config);
}

}  // namespace moxie::model
