// SPDX-License-Identifier: Apache-2.0
#include "model/load/config.hpp"

#include <optional>
#include <string>

#include <moxie/core/text.hpp>

#include "format/json.hpp"
#include "model/families/family.hpp"
#include "model/load/config_checks.hpp"
#include "model/load/config_fields.hpp"

namespace moxie::inline abi1::model {

namespace {

using format::JsonDocument;
using format::JsonValue;

/// Of another class, a classifier say, the weights would run and mean nothing.
void check_architecture(ConfigFields& fields, std::string_view model_type, std::string_view architecture) {
  if (!fields.has("architectures")) return;
  const JsonValue list = fields.find("architectures");
  if (!list.is_array()) return fields.fail(Code::kFormat, "architectures as a list", list.describe());
  for (const JsonValue::Member& member : list) {
    if (member.value.as_string() == architecture) continue;
    return fields.fail(Code::kUnsupported,
                       Text("architectures [", architecture, "], as model_type ", model_type, " has"),
                       member.value.describe());
  }
}

void check_activation(ConfigFields& fields, const Family& family) {
  const std::string_view wanted = family.activation == GatedActivation::kGelu ? "gelu_pytorch_tanh" : "silu";
  for (const std::string_view key : {"hidden_act", "hidden_activation"}) {
    const JsonValue activation = fields.find(key);
    if (!activation || activation.as_string() == wanted) continue;
    if (key == "hidden_activation" && activation.is_null()) continue;
    fields.fail(Code::kUnsupported, Text(key, ' ', wanted), activation.describe());
  }
}

/// Of a field that the family may leave out.
std::size_t size_of(ConfigFields& fields, std::string_view key, std::size_t otherwise, std::uint64_t least,
                    std::uint64_t most) {
  return otherwise == 0 ? fields.size(key, least, most) : fields.size_or(key, otherwise, least, most);
}

void check_quantization(ConfigFields& fields, const Family& family) {
  const JsonValue quantized = fields.find("quantization_config");
  if (fields.has("quantization_config") &&
      !(family.names.take_turns() && quantized.find("quant_method").as_string() == "mxfp4")) {
    fields.fail(Code::kUnsupported,
                Text("weights of F32, BF16 or F16 without quantization_config",
                     family.names.take_turns() ? ", or one of quant_method mxfp4" : ""),
                quantized.find("quant_method") ? quantized.find("quant_method").describe() : quantized.describe());
  }
}

void read_attention(ConfigFields& fields, const Family& family, ModelConfig& config) {
  const ShapeForm& form = family.shape;
  config.num_attention_heads = size_of(fields, "num_attention_heads", form.heads, 1, kMaxSize);
  config.num_key_value_heads =
      fields.size_or("num_key_value_heads", form.kv_heads != 0 ? form.kv_heads : config.num_attention_heads, 1,
                     config.num_attention_heads);
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    fields.fail(Code::kFormat,
                Text("num_attention_heads as a multiple of num_key_value_heads ", config.num_key_value_heads),
                Text(config.num_attention_heads));
  }
  const std::size_t share = config.hidden_size / config.num_attention_heads;
  config.head_dim = fields.size_or("head_dim", form.head_dim != 0 ? form.head_dim : share, 2, kMaxSize);
  if (config.head_dim % 2 != 0 || config.head_dim == 0) {
    fields.fail(Code::kFormat, "an even head_dim (rotary embedding rotates pairs)", Text(config.head_dim));
  }
  if (config.head_dim > kMaxAttentionWidth / config.num_attention_heads) {
    fields.fail(Code::kFormat, Text("num_attention_heads * head_dim at most ", kMaxAttentionWidth),
                Text(config.num_attention_heads, " * ", config.head_dim));
  }
}

/// Latent attention: all heads have keys and values of their own, made of what the cache keeps once for all.
void read_latent_attention(ConfigFields& fields, ModelConfig& config) {
  config.num_attention_heads = fields.size("num_attention_heads", 1, kMaxSize);
  const std::size_t A = config.num_attention_heads;
  if (fields.size_or("num_key_value_heads", A, 1, kMaxSize) != A) {
    fields.fail(Code::kFormat, Text("num_key_value_heads ", A, ", as num_attention_heads"),
                fields.find("num_key_value_heads").describe());
  }
  config.num_key_value_heads = 1;
  config.q_lora_rank = fields.size_or("q_lora_rank", 0, 1, kMaxSize);
  config.kv_lora_rank = fields.size("kv_lora_rank", 1, kMaxSize);
  config.qk_nope_head_dim = fields.size("qk_nope_head_dim", 1, kMaxSize);
  config.qk_rope_head_dim = fields.size("qk_rope_head_dim", 2, kMaxSize);
  config.v_head_dim = fields.size("v_head_dim", 1, kMaxSize);
  config.head_dim = config.qk_rope_head_dim;
  check_latent_attention(fields, config);
}

/// What all families have.
void read_shape(ConfigFields& fields, const Family& family, ModelConfig& config) {
  config.hidden_size = fields.size("hidden_size", 1, kMaxSize);
  config.num_hidden_layers = fields.size("num_hidden_layers", 1, kMaxLayers);
  if (family.latent_attention) {
    read_latent_attention(fields, config);
  } else {
    read_attention(fields, family, config);
  }
  config.vocab_size = size_of(fields, "vocab_size", family.shape.vocab_size, 1, kMaxVocabulary);
  config.max_position_embeddings = size_of(fields, "max_position_embeddings", family.shape.positions, 1, kMaxPositions);
  config.rms_norm_eps = fields.has("rms_norm_eps") || family.shape.rms_norm_eps == 0
                            ? fields.number(fields.find("rms_norm_eps"), "rms_norm_eps", kMinEpsilon, kMaxEpsilon)
                            : family.shape.rms_norm_eps;
  config.tie_word_embeddings = fields.flag_or("tie_word_embeddings", family.tied);
}

}  // namespace

Result<ModelConfig> read_config(std::string_view json) {
  MOXIE_TRY_LET(const JsonDocument document, parse_config(json, ConfigFields::kWhere));
  ConfigFields whole(document.root());
  const Wrapper* const wrapper = find_wrapper(whole.find("model_type").as_string().value_or(""));
  if (wrapper != nullptr) {
    check_architecture(whole, wrapper->model_type, wrapper->architecture);
    if (!whole.find("text_config").is_object()) {
      whole.fail(Code::kFormat, "text_config as an object", whole.find("text_config").describe());
    }
    MOXIE_TRY(whole.status());
  }
  ConfigFields fields(wrapper == nullptr ? document.root() : whole.find("text_config"));
  const JsonValue type = fields.find("model_type");
  const Family* const family = find_family(type.as_string().value_or(""));
  if (family == nullptr) {
    return Status(Code::kUnsupported, ConfigFields::kWhere, std::string("model_type ") + known_model_types(),
                  type.describe());
  }
  ModelConfig config = config_of(*family);
  check_architecture(fields, family->model_type, family->architecture);
  read_shape(fields, *family, config);
  read_rope(fields, config, family->rope);
  check_activation(fields, *family);
  check_quantization(fields, *family);
  if (wrapper != nullptr) {
    check_quantization(whole, *family);
    MOXIE_TRY(whole.status());
  }
  MOXIE_TRY(fields.status());
  config.moe_layers.assign(config.num_hidden_layers, false);
  config.sliding_windows.assign(config.num_hidden_layers, 0);
  make_layers_alike(config);
  family->read(fields, config);
  for (const bool moe : config.moe_layers) {
    if (!moe && config.intermediate_size == 0) config.intermediate_size = fields.size("intermediate_size", 1, kMaxSize);
  }
  if (config.dense_sizes.empty()) config.dense_sizes.assign(config.num_hidden_layers, config.intermediate_size);
  check_layers(fields, config);
  MOXIE_TRY(fields.status());
  return config;
}

}  // namespace moxie::model
