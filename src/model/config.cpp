// SPDX-License-Identifier: Apache-2.0
#include "model/config.hpp"

#include <initializer_list>
#include <optional>

#include "format/json.hpp"
#include "model/config_limits.hpp"

namespace moxie::model {

namespace {

using format::JsonDocument;
using format::JsonValue;

constexpr std::string_view kWhere = "config.json";

/// Reads fields and keeps the first error, so that the caller reads like a list.
class Fields {
 public:
  explicit Fields(JsonValue root) noexcept : root_(root) {}

  [[nodiscard]] JsonValue root() const noexcept { return root_; }
  [[nodiscard]] JsonValue find(std::string_view key) const noexcept { return root_.find(key); }
  [[nodiscard]] const Status& status() const noexcept { return status_; }

  /// Whether the field is there and not null, which is how transformers writes what is not set.
  [[nodiscard]] bool has(std::string_view key) const noexcept {
    const JsonValue value = root_.find(key);
    return value && !value.is_null();
  }

  std::size_t size(std::string_view key, std::uint64_t least, std::uint64_t most) {
    const JsonValue value = root_.find(key);
    const std::optional<std::uint64_t> number = value.as_u64();
    if (number && *number >= least && *number <= most) return static_cast<std::size_t>(*number);
    fail(Code::kFormat, Text(key, " as a whole number in [", least, ", ", most, "]"), value.describe());
    return least;
  }
  /// Of either name, for transformers has renamed some; of both where they agree.
  std::size_t size(std::string_view key, std::string_view other, std::uint64_t least, std::uint64_t most) {
    if (!has(other)) return size(key, least, most);
    const std::size_t number = size(other, least, most);
    if (has(key) && size(key, least, most) != number) {
      fail(Code::kFormat, Text(other, " equal to ", key, " ", root_.find(key).describe().view()), Text(number));
    }
    return number;
  }
  std::size_t size_or(std::string_view key, std::size_t otherwise, std::uint64_t least, std::uint64_t most) {
    return has(key) ? size(key, least, most) : otherwise;
  }
  bool flag_or(std::string_view key, bool otherwise) {
    if (!has(key)) return otherwise;
    const std::optional<bool> flag = root_.find(key).as_bool();
    if (!flag) fail(Code::kFormat, Text(key, " as true or false"), root_.find(key).describe());
    return flag.value_or(otherwise);
  }
  double number(JsonValue value, std::string_view key, double least, double most) {
    const std::optional<double> number = value.as_double();
    if (number && *number >= least && *number <= most) return *number;
    fail(Code::kFormat, Text(key, " as a number in [", least, ", ", most, "]"), value.describe());
    return least;
  }
  void fail(Code code, std::string_view needed, std::string_view came) {
    if (status_.ok()) status_ = Status(code, kWhere, needed, came);
  }

 private:
  JsonValue root_;
  Status status_;
};

/// Refuses what is not the default rotary embedding. A type may be named twice, in the older way and the
/// newer, and a file that names none but gives parameters means one that it does not say.
void check_rope(Fields& fields, std::string_view key) {
  if (!fields.has(key)) return;
  const JsonValue rope = fields.find(key);
  const Text needed(key, " of type default, or none");
  if (!rope.is_object()) return fields.fail(Code::kUnsupported, needed, rope.describe());
  bool typed = false;
  for (const JsonValue::Member& member : rope) {
    if (member.key != "rope_type" && member.key != "type") continue;
    if (member.value.as_string() != "default") {
      return fields.fail(Code::kUnsupported, needed, member.value.describe());
    }
    typed = true;
  }
  if (typed) return;
  for (const JsonValue::Member& member : rope) {
    if (member.key == "rope_theta") continue;
    return fields.fail(Code::kUnsupported, needed, Text("'", member.key.substr(0, 100), "' and no type"));
  }
}

/// rope_theta, which transformers has moved: from all places that have it, where they agree.
double read_rope(Fields& fields) {
  check_rope(fields, "rope_parameters");
  check_rope(fields, "rope_scaling");
  std::optional<double> theta;
  for (const JsonValue place : {fields.find("rope_parameters"), fields.find("rope_scaling"), fields.root()}) {
    const JsonValue value = place.find("rope_theta");
    if (!value || value.is_null()) continue;
    const double number = fields.number(value, "rope_theta", kLeastTheta, kMostTheta);
    if (theta && *theta != number) fields.fail(Code::kFormat, "one rope_theta", Text(*theta, " and ", number));
    theta = number;
  }
  return theta ? *theta : fields.number(fields.find("rope_theta"), "rope_theta", kLeastTheta, kMostTheta);
}

void read_layers(Fields& fields, ModelConfig& config) {
  const std::size_t step = fields.size_or("decoder_sparse_step", 1, 1, kMostLayers);
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

void check_supported(Fields& fields) {
  const JsonValue activation = fields.find("hidden_act");
  if (activation && activation.as_string() != "silu") {
    fields.fail(Code::kUnsupported, "hidden_act silu", activation.describe());
  }
  if (fields.flag_or("use_sliding_window", false)) {
    fields.fail(Code::kUnsupported, "use_sliding_window false", "true");
  }
  if (fields.has("quantization_config")) {
    fields.fail(Code::kUnsupported, "weights of F32, BF16 or F16 without quantization_config",
                fields.find("quantization_config").describe());
  }
}

void read_moe(Fields& fields, ModelConfig& config) {
  bool any_moe = false;
  bool any_dense = false;
  for (const bool moe : config.moe_layers) (moe ? any_moe : any_dense) = true;
  if (any_dense) config.intermediate_size = fields.size("intermediate_size", 1, kMostSize);
  if (!any_moe) return;
  config.num_experts = fields.size("num_experts", "num_local_experts", 1, kMostSize);
  config.num_experts_per_tok = fields.size("num_experts_per_tok", 1, config.num_experts);
  config.moe_intermediate_size = fields.size("moe_intermediate_size", 1, kMostSize);
  config.norm_topk_prob = fields.flag_or("norm_topk_prob", false);
}

}  // namespace

Result<ModelConfig> read_config(std::string_view json) {
  MOXIE_TRY_LET(const JsonDocument document, JsonDocument::parse(json, {}, kWhere));
  Fields fields(document.root());
  const JsonValue type = fields.find("model_type");
  if (type.as_string() != "qwen3_moe") {
    return Status(Code::kUnsupported, kWhere, "model_type qwen3_moe", type.describe());
  }
  ModelConfig config;
  config.model_type = *type.as_string();
  config.hidden_size = fields.size("hidden_size", 1, kMostSize);
  config.num_hidden_layers = fields.size("num_hidden_layers", 1, kMostLayers);
  config.num_attention_heads = fields.size("num_attention_heads", 1, kMostSize);
  config.num_key_value_heads =
      fields.size_or("num_key_value_heads", config.num_attention_heads, 1, config.num_attention_heads);
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    fields.fail(Code::kFormat,
                Text("num_attention_heads as a multiple of num_key_value_heads ", config.num_key_value_heads),
                Text(config.num_attention_heads));
  }
  config.head_dim = fields.size_or("head_dim", config.hidden_size / config.num_attention_heads, 2, kMostSize);
  if (config.head_dim % 2 != 0 || config.head_dim == 0) {
    fields.fail(Code::kFormat, "an even head_dim (rotary embedding turns pairs)", Text(config.head_dim));
  }
  if (config.head_dim > kMostAttentionWidth / config.num_attention_heads) {
    fields.fail(Code::kFormat, Text("num_attention_heads * head_dim at most ", kMostAttentionWidth),
                Text(config.num_attention_heads, " * ", config.head_dim));
  }
  config.vocab_size = fields.size("vocab_size", 1, kMostVocabulary);
  config.max_position_embeddings = fields.size("max_position_embeddings", 1, kMostPositions);
  config.rms_norm_eps = fields.number(fields.find("rms_norm_eps"), "rms_norm_eps", kLeastEpsilon, kMostEpsilon);
  config.attention_bias = fields.flag_or("attention_bias", false);
  config.tie_word_embeddings = fields.flag_or("tie_word_embeddings", false);
  config.rope_theta = read_rope(fields);
  check_supported(fields);
  MOXIE_TRY(fields.status());
  read_layers(fields, config);
  read_moe(fields, config);
  MOXIE_TRY(fields.status());
  return config;
}

}  // namespace moxie::model
