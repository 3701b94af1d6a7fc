// SPDX-License-Identifier: Apache-2.0
#include "model/gguf_config.hpp"

#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "model/config_limits.hpp"
#include "model/gguf_names.hpp"

namespace moxie::model {

namespace {

constexpr std::string_view kWhere = "GGUF metadata";
constexpr std::string_view kFamily = "qwen3moe";

/// Reads the family's keys and keeps the first error, so that the caller reads like a list.
class Keys {
 public:
  explicit Keys(const Metadata& metadata) noexcept : metadata_(metadata) {}

  [[nodiscard]] const Status& status() const noexcept { return status_; }
  [[nodiscard]] static std::string full(std::string_view key) { return std::string(kFamily) + '.' + std::string(key); }
  /// Of `key` behind the family's name.
  [[nodiscard]] MetadataValue find(std::string_view key) const { return metadata_.find(full(key)); }

  std::size_t size(std::string_view key, std::uint64_t least, std::uint64_t most) {
    const MetadataValue value = find(key);
    const std::optional<std::uint64_t> number = value.as_u64();
    if (number && *number >= least && *number <= most) return static_cast<std::size_t>(*number);
    fail(Code::kFormat, Text(full(key), " as a whole number in [", least, ", ", most, "]"), value.describe());
    return least;
  }
  std::size_t size_or(std::string_view key, std::size_t otherwise, std::uint64_t least, std::uint64_t most) {
    return find(key) ? size(key, least, most) : otherwise;
  }
  double number(std::string_view key, double least, double most) {
    const MetadataValue value = find(key);
    const std::optional<double> number = value.as_double();
    if (number && *number >= least && *number <= most) return *number;
    fail(Code::kFormat, Text(full(key), " as a number in [", least, ", ", most, "]"), value.describe());
    return least;
  }
  /// Where the key is there, its number must be that one: all else is something that the family does not run.
  void require(std::string_view key, double wanted) {
    const MetadataValue value = find(key);
    if (!value || value.as_double() == wanted) return;
    fail(Code::kUnsupported, Text(full(key), ' ', wanted, ", or none"), value.describe());
  }
  void fail(Code code, std::string_view needed, std::string_view came) {
    if (status_.ok()) status_ = Status(code, kWhere, needed, came);
  }

 private:
  const Metadata& metadata_;
  Status status_;
};

/// Keys of GGUF's stretched rotary embeddings. A factor without a type means a linear one.
void check_rope(const Metadata& metadata, const Checkpoint& checkpoint, std::size_t head_dim, Keys& keys) {
  const std::string scaling = Keys::full("rope.scaling.");
  const bool none = keys.find("rope.scaling.type").as_string() == "none";
  for (const MetadataEntry& entry : metadata.entries()) {
    if (!entry.key.starts_with(scaling) || none) continue;
    keys.fail(Code::kUnsupported, Text(scaling, "type none, or no key of rope.scaling"),
              Text(entry.key.substr(0, 100), ' ', entry.value.describe().view()));
  }
  keys.require("rope.dimension_count", static_cast<double>(head_dim));
  if (keys.find("rope.dimension_sections")) {
    keys.fail(Code::kUnsupported, Text("no ", Keys::full("rope.dimension_sections")), "one");
  }
  if (checkpoint.contains("rope_freqs.weight")) {
    keys.fail(Code::kUnsupported, "no tensor rope_freqs.weight, which stretches the rotary embedding", "one");
  }
}

void check_supported(const Metadata& metadata, Keys& keys) {
  keys.require("attention.sliding_window", 0);
  keys.require("expert_shared_count", 0);
  keys.require("expert_gating_func", 1);  // softmax
  keys.require("leading_dense_block_count", 0);
  if (const MetadataValue scale = keys.find("expert_weights_scale"); scale.as_double() != 0) {  // 0: none
    keys.require("expert_weights_scale", 1);
  }
  if (const MetadataValue norm = keys.find("expert_weights_norm"); norm && norm.as_bool() != true) {
    keys.fail(Code::kUnsupported, Text(Keys::full("expert_weights_norm"), " true, or none"), norm.describe());
  }
  if (const MetadataValue layout = metadata.find("moxie.layout")) {
    if (layout.as_string() != kTileLayout) {
      keys.fail(Code::kUnsupported, Text("tensors in llama.cpp's layout, or moxie.layout ", kTileLayout),
                layout.describe());
    }
  }
}

/// Tiles may have another order in another version: a file that has some must name it.
void check_layout(const Metadata& metadata, const Checkpoint& checkpoint, Keys& keys) {
  if (metadata.find("moxie.layout")) return;
  for (const Tensor& tensor : checkpoint.tensors()) {
    if (!tensor.tiled) continue;
    keys.fail(Code::kFormat,
              Text("moxie.layout ", kTileLayout, " in a file with tiles, as of ", tensor.name.substr(0, 100)),
              "no such key");
  }
}

/// The vocabulary's size stands in a tensor; where keys name it too, they must agree.
void read_vocabulary(const Metadata& metadata, const Checkpoint& checkpoint, ModelConfig& config, Keys& keys) {
  const std::string name = kGgufNames.name({Part::kEmbedding}) + ".weight";
  const Result<Tensor> embedding = checkpoint.find(name);
  if (!embedding.ok()) return keys.fail(embedding.status().code(), embedding.status().needed(), "none");
  if (embedding->dims.size() != 2 || embedding->dims[0] == 0 || embedding->dims[0] > kMostVocabulary) {
    return keys.fail(Code::kFormat, Text(name, " of [V, ", config.hidden_size, "], V at most ", kMostVocabulary),
                     Text(embedding->dims.size(), " dimensions, ", embedding->dims.empty() ? 0 : embedding->dims[0]));
  }
  config.vocab_size = static_cast<std::size_t>(embedding->dims[0]);
  const MetadataValue tokens = metadata.find("tokenizer.ggml.tokens");
  if (tokens && (tokens.element_type() != MetadataType::kString || tokens.size() != config.vocab_size)) {
    keys.fail(Code::kFormat, Text("tokenizer.ggml.tokens of ", config.vocab_size, " strings, as ", name, " has rows"),
              tokens.describe());
  }
  if (keys.size_or("vocab_size", config.vocab_size, 1, kMostVocabulary) != config.vocab_size) {
    keys.fail(Code::kFormat, Text(Keys::full("vocab_size"), ' ', config.vocab_size, ", as ", name, " has rows"),
              keys.find("vocab_size").describe());
  }
}

void read_attention(ModelConfig& config, Keys& keys) {
  config.num_attention_heads = keys.size("attention.head_count", 1, kMostSize);
  config.num_key_value_heads =
      keys.size_or("attention.head_count_kv", config.num_attention_heads, 1, config.num_attention_heads);
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    keys.fail(Code::kFormat,
              Text(Keys::full("attention.head_count"), " as a multiple of head_count_kv ", config.num_key_value_heads),
              Text(config.num_attention_heads));
  }
  config.head_dim = keys.size_or("attention.key_length", config.hidden_size / config.num_attention_heads, 2, kMostSize);
  if (config.head_dim % 2 != 0 || config.head_dim == 0) {
    keys.fail(Code::kFormat, Text("an even ", Keys::full("attention.key_length"), " (rotary embedding turns pairs)"),
              Text(config.head_dim));
  }
  if (config.head_dim > kMostAttentionWidth / config.num_attention_heads) {
    keys.fail(Code::kFormat,
              Text(Keys::full("attention.head_count"), " * attention.key_length at most ", kMostAttentionWidth),
              Text(config.num_attention_heads, " * ", config.head_dim));
  }
  if (const std::size_t value = keys.size_or("attention.value_length", config.head_dim, 1, kMostSize);
      value != config.head_dim) {
    keys.fail(Code::kUnsupported, Text(Keys::full("attention.value_length"), ' ', config.head_dim, ", as key_length"),
              Text(value));
  }
}

/// A layer has experts where it has a router: no key says it.
void read_layers(const Checkpoint& checkpoint, ModelConfig& config, Keys& keys) {
  bool any_moe = false;
  bool any_dense = false;
  config.moe_layers.resize(config.num_hidden_layers);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool moe = checkpoint.contains(kGgufNames.name({Part::kRouter, layer}) + ".weight");
    config.moe_layers[layer] = moe;
    (moe ? any_moe : any_dense) = true;
  }
  if (any_dense) config.intermediate_size = keys.size("feed_forward_length", 1, kMostSize);
  if (!any_moe) return;
  config.num_experts = keys.size("expert_count", 1, kMostSize);
  config.num_experts_per_tok = keys.size("expert_used_count", 1, config.num_experts);
  config.moe_intermediate_size = keys.size("expert_feed_forward_length", 1, kMostSize);
  config.norm_topk_prob = true;
}

}  // namespace

Result<ModelConfig> read_gguf_config(const Checkpoint& checkpoint) {
  const Metadata metadata = checkpoint.metadata();
  const MetadataValue family = metadata.find("general.architecture");
  if (family.as_string() != kFamily) {
    return Status(family ? Code::kUnsupported : Code::kFormat, kWhere, Text("general.architecture ", kFamily),
                  family.describe());
  }
  Keys keys(metadata);
  ModelConfig config;
  config.model_type = "qwen3_moe";
  config.hidden_size = keys.size("embedding_length", 1, kMostSize);
  config.num_hidden_layers = keys.size("block_count", 1, kMostLayers);
  config.max_position_embeddings = keys.size("context_length", 1, kMostPositions);
  read_attention(config, keys);
  config.rms_norm_eps = keys.number("attention.layer_norm_rms_epsilon", kLeastEpsilon, kMostEpsilon);
  // Without the key, llama.cpp takes the value that most models have.
  config.rope_theta = keys.find("rope.freq_base") ? keys.number("rope.freq_base", kLeastTheta, kMostTheta) : 10000;
  check_rope(metadata, checkpoint, config.head_dim, keys);
  check_supported(metadata, keys);
  check_layout(metadata, checkpoint, keys);
  MOXIE_TRY(keys.status());
  read_vocabulary(metadata, checkpoint, config, keys);
  config.attention_bias = checkpoint.contains(kGgufNames.name({Part::kQuery}) + ".bias");
  config.tie_word_embeddings = !checkpoint.contains(kGgufNames.name({Part::kHead}) + ".weight");
  read_layers(checkpoint, config, keys);
  MOXIE_TRY(keys.status());
  return config;
}

}  // namespace moxie::model
