// SPDX-License-Identifier: Apache-2.0
#include "model/convert_config.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "model/rope.hpp"

namespace moxie::model {

namespace {

constexpr std::string_view kWhere = "convert";

using Type = RopeScaling::Type;

Status refuse(std::string_view needed, std::string_view came) {
  return Status(Code::kUnsupported, kWhere, needed, came);
}

Status check_biases(const Family& family, const ModelConfig& config) {
  const auto check = [&](std::string_view what, bool has, bool allowed, bool needed) {
    if (has ? allowed : !needed) return Status();
    return refuse(Text(what, has ? " false" : " true", ", as GGUF's ", family.gguf.architecture, " has"),
                  has ? "true" : "false");
  };
  const GgufForm::Biases biases = family.gguf.biases;
  const bool any = biases == GgufForm::Biases::kAny;
  const bool output = biases == GgufForm::Biases::kAttention;
  const bool must = biases == GgufForm::Biases::kQueryKeyValue || output;
  MOXIE_TRY(check("attention_bias", config.attention_bias, any || must, must));
  MOXIE_TRY(check("attention_bias on the output", config.attention_output_bias, any || output, output));
  return check("mlp_bias", config.mlp_bias, any, false);
}

Status check_rope(const Family& family, const ModelConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  if (scaling.type == Type::kLlama3 && !family.gguf.rope_factors) {
    return refuse(Text("rope of type default, linear or yarn, as GGUF's ", family.gguf.architecture, " has"), "llama3");
  }
  if (scaling.type != Type::kYarn) return {};
  if (!scaling.truncate && !family.gguf.truncate_key) return refuse("truncate true, as GGUF's yarn means", "false");
  if (const double usual = yarn_attention_factor(scaling.factor); scaling.attention_factor != usual) {
    return refuse(Text("attention_factor ", usual, ", as GGUF's yarn has for factor ", scaling.factor),
                  Text(scaling.attention_factor));
  }
  return {};
}

/// Numbers under keys of the architecture.
class Keys {
 public:
  Keys(GgufWriter& writer, std::string_view architecture) : writer_(writer), prefix_(std::string(architecture) + '.') {}

  Status size(std::string_view key, std::uint64_t value) {
    const auto narrow = checked::narrow<std::uint32_t>(value);
    if (!narrow) return refuse(Text(prefix_, key, " below 2^32"), Text(value));
    return writer_.set_u32(prefix_ + std::string(key), *narrow);
  }
  Status number(std::string_view key, double value) {
    return writer_.set_f32(prefix_ + std::string(key), static_cast<float>(value));
  }
  Status flag(std::string_view key, bool value) { return writer_.set_bool(prefix_ + std::string(key), value); }
  Status text(std::string_view key, std::string_view value) {
    return writer_.set_string(prefix_ + std::string(key), value);
  }

 private:
  GgufWriter& writer_;
  std::string prefix_;
};

Status set_rope(Keys& keys, const Family& family, const ModelConfig& config) {
  MOXIE_TRY(keys.number("rope.freq_base", config.rope_theta));
  const RopeScaling& scaling = config.rope_scaling;
  if (scaling.type != Type::kLinear && scaling.type != Type::kYarn) return {};
  MOXIE_TRY(keys.text("rope.scaling.type", scaling.type == Type::kYarn ? "yarn" : "linear"));
  MOXIE_TRY(keys.number("rope.scaling.factor", scaling.factor));
  if (scaling.type != Type::kYarn) return {};
  MOXIE_TRY(keys.size("rope.scaling.original_context_length", scaling.original_max_position_embeddings));
  if (family.gguf.truncate_key) MOXIE_TRY(keys.flag("rope.scaling.yarn_truncate", scaling.truncate));
  MOXIE_TRY(keys.number("rope.scaling.yarn_beta_fast", scaling.beta_fast));
  return keys.number("rope.scaling.yarn_beta_slow", scaling.beta_slow);
}

/// The width of dense layers. Where there are none, llama.cpp wants the key all the same.
std::uint64_t dense_width(const Family& family, const ModelConfig& config) {
  if (config.num_experts == 0) return config.intermediate_size;
  if (family.gguf.expert_width == "feed_forward_length") return config.moe_intermediate_size;
  return checked::multiply(config.moe_intermediate_size, config.num_experts_per_tok).value_or(UINT64_MAX);
}

Status check_windows(const Family& family, const ModelConfig& config) {
  const std::string_view name = family.gguf.architecture;
  if (!family.gguf.alternating_windows) {
    for (const std::size_t window : config.sliding_windows) {
      if (window == 0 || window >= config.max_position_embeddings) continue;
      return refuse(Text("no sliding_window, as GGUF's ", name, " has none"), Text(window));
    }
    return {};
  }
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool slides = config.sliding_windows[layer] != 0;
    if (slides == (layer % 2 == 0)) continue;
    return refuse(Text("layer_types sliding_attention in even layers alone, as GGUF's ", name, " has"),
                  Text(slides ? "sliding_attention" : "full_attention", " in layer ", layer));
  }
  return {};
}

}  // namespace

Status check_gguf_can_say(const Family& family, const ModelConfig& config) {
  const std::string_view name = family.gguf.architecture;
  if (family.experts) {
    if (std::ranges::find(config.moe_layers, false) != config.moe_layers.end()) {
      return refuse(Text("experts in every layer, as GGUF's ", name, " has"), "a layer without");
    }
    if (config.norm_topk_prob != family.gguf.norm_topk_prob) {
      return refuse(
          Text("norm_topk_prob ", family.gguf.norm_topk_prob ? "true" : "false", ", as GGUF's ", name, " means"),
          config.norm_topk_prob ? "true" : "false");
    }
  }
  MOXIE_TRY(check_windows(family, config));
  if (config.tie_word_embeddings && family.gguf.own_head) {
    return refuse(Text("tie_word_embeddings false, as GGUF's ", name, " has"), "true");
  }
  // llama.cpp wants both norms as wide as a row of the model.
  if (config.query_key_norm == QueryKeyNorm::kWhole &&
      std::uint64_t{config.num_key_value_heads} * config.head_dim != config.hidden_size) {
    return refuse(Text("num_key_value_heads * head_dim ", config.hidden_size, ", as GGUF's ", name, " has"),
                  Text(config.num_key_value_heads, " * ", config.head_dim));
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
  Keys keys(writer, family.gguf.architecture);
  MOXIE_TRY(keys.size("block_count", config.num_hidden_layers));
  MOXIE_TRY(keys.size("context_length", config.max_position_embeddings));
  MOXIE_TRY(keys.size("embedding_length", config.hidden_size));
  MOXIE_TRY(keys.size("feed_forward_length", dense_width(family, config)));
  MOXIE_TRY(keys.size("attention.head_count", config.num_attention_heads));
  MOXIE_TRY(keys.size("attention.head_count_kv", config.num_key_value_heads));
  MOXIE_TRY(keys.size("attention.key_length", config.head_dim));
  MOXIE_TRY(keys.size("attention.value_length", config.head_dim));
  MOXIE_TRY(keys.size("rope.dimension_count", config.rotary_dim));
  if (family.gguf.alternating_windows) {
    MOXIE_TRY(keys.size("attention.sliding_window", config.sliding_windows[0]));
  }
  if (family.experts) {
    MOXIE_TRY(keys.size("expert_count", config.num_experts));
    MOXIE_TRY(keys.size("expert_used_count", config.num_experts_per_tok));
    if (family.gguf.expert_width != "feed_forward_length") {
      MOXIE_TRY(keys.size(family.gguf.expert_width, config.moe_intermediate_size));
    }
    if (family.shared_expert) {
      MOXIE_TRY(keys.size("expert_shared_feed_forward_length", config.shared_expert_intermediate_size));
    }
  }
  MOXIE_TRY(keys.number("attention.layer_norm_rms_epsilon", config.rms_norm_eps));
  return set_rope(keys, family, config);
}

}  // namespace moxie::model
