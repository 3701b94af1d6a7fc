// SPDX-License-Identifier: Apache-2.0
#include "model/load/config.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "model/families/family.hpp"
#include "model/load/config_checks.hpp"
#include "model/load/gguf_keys.hpp"
#include "model/load/gguf_latent.hpp"
#include "model/load/gguf_names.hpp"
#include "model/load/gguf_routing.hpp"
#include "model/run/rope.hpp"

namespace moxie::inline abi1::model {

namespace {

/// Factors of the frequencies stand in a tensor, where they do.
void read_rope_factors(const Checkpoint& checkpoint, ModelConfig& config, GgufKeys& keys, bool allowed) {
  const std::string name = kGgufNames.name({Part::kRopeFactors}) + ".weight";
  if (!checkpoint.contains(name)) return;
  const Tensor tensor = checkpoint.find(name).value_or(Tensor{});
  const std::uint64_t count = config.rotary_dim / 2;
  if (!allowed || config.rope_scaling.type != RopeScaling::Type::kNone) {
    return keys.fail(Code::kUnsupported, Text("no tensor ", name, ", which stretches the rotary embedding"), "one");
  }
  if (tensor.type != ElementType::kF32 || tensor.dims.size() != 1 || tensor.dims[0] != count) {
    return keys.fail(Code::kFormat, Text(name, " of [", count, "] in F32"),
                     Text(tensor.dims.size(), " dimensions of ", moxie::name(tensor.type)));
  }
  std::vector<float>& factors = config.rope_scaling.frequency_factors;
  factors.resize(static_cast<std::size_t>(count));
  std::memcpy(factors.data(), tensor.bytes.data(), tensor.bytes.size());
  for (const float factor : factors) {
    const auto value = static_cast<double>(factor);
    if ((value >= kMinRopeFactor && value <= kMaxRopeFactor) || factor == kNeverTurned) continue;
    return keys.fail(Code::kFormat, Text(name, " in [", kMinRopeFactor, ", ", kMaxRopeFactor, "], or ", kNeverTurned),
                     Text(factor));
  }
  config.rope_scaling.type = RopeScaling::Type::kFactors;
}

void read_yarn(RopeScaling& scaling, const ModelConfig& config, GgufKeys& keys, const Family& family) {
  if (!(config.rope_theta > 1)) {
    keys.fail(Code::kFormat, Text(keys.full("rope.freq_base"), " above 1 for yarn"), Text(config.rope_theta));
  }
  scaling.original_max_position_embeddings =
      keys.size_or("rope.scaling.original_context_length", config.max_position_embeddings, 1, kMaxPositions);
  scaling.beta_fast = keys.number_or("rope.scaling.yarn_beta_fast", 32, kMinRopeFactor, kMaxRopeFactor);
  scaling.beta_slow = keys.number_or("rope.scaling.yarn_beta_slow", 1, kMinRopeFactor, kMaxRopeFactor);
  if (family.gguf.has_yarn_key("yarn_truncate")) {
    const MetadataValue truncate = keys.find("rope.scaling.yarn_truncate");
    scaling.truncate = truncate.as_bool().value_or(false);
    if (truncate && !truncate.as_bool()) {
      keys.fail(Code::kFormat, Text(keys.full("rope.scaling.yarn_truncate"), " as true or false"), truncate.describe());
    }
  }
  if (!family.latent_attention) {
    const double all = family.gguf.has_yarn_key("yarn_log_multiplier")
                           ? keys.number_or("rope.scaling.yarn_log_multiplier", 0, 0, kMaxRopeFactor)
                           : 0;
    scaling.attention_factor = yarn_attention_factor(scaling.factor) / yarn_attention_factor(scaling.factor, all);
    scaling.yarn_log_multiplier = static_cast<float>(0.1 * all);
    return;
  }
  // Then it is the scores that are scaled. Without the key llama.cpp scales twice, which no model means.
  scaling.yarn_log_multiplier =
      static_cast<float>(keys.number("rope.scaling.yarn_log_multiplier", kMinRopeFactor, kMaxRopeFactor));
}

/// Keys of GGUF's stretched rotary embeddings. A factor without a type means a linear one.
void read_rope(const Checkpoint& checkpoint, ModelConfig& config, GgufKeys& keys, const Family& family) {
  const std::string prefix = keys.full("rope.scaling.");
  const MetadataValue type = keys.find("rope.scaling.type");
  RopeScaling& scaling = config.rope_scaling;
  if (type.as_string() == "linear") scaling.type = RopeScaling::Type::kLinear;
  if (type.as_string() == "yarn") scaling.type = RopeScaling::Type::kYarn;
  const bool yarn = scaling.type == RopeScaling::Type::kYarn;
  for (const MetadataEntry& entry : keys.metadata().entries()) {
    if (!entry.key.starts_with(prefix) || type.as_string() == "none") continue;
    const std::string_view key = entry.key.substr(prefix.size());
    // A model that was trained with its scaling or not: llama.cpp keeps it and does nothing with it.
    const bool known = key == "type" || key == "factor" || key == "finetuned" || key == "original_context_length";
    const bool of_yarn = key.starts_with("yarn_beta_") || (family.latent_attention && key == "yarn_log_multiplier");
    if (scaling.type != RopeScaling::Type::kNone && (known || (yarn && of_yarn))) continue;
    if (yarn && family.gguf.has_yarn_key(key)) continue;
    keys.fail(Code::kUnsupported,
              Text(prefix, "type none, linear or yarn, and no other key of rope.scaling than theirs"),
              Text(entry.key.substr(0, 100), ' ', entry.value.describe().view()));
  }
  if (scaling.type != RopeScaling::Type::kNone) scaling.factor = keys.number("rope.scaling.factor", 1, kMaxRopeFactor);
  if (yarn) read_yarn(scaling, config, keys, family);
  keys.require("rope.scale_linear", 1);
  if (family.gguf.interleaved_rows) keys.require("rope.dimension_count", static_cast<double>(config.head_dim));
  config.rotary_dim = keys.size_or("rope.dimension_count", config.head_dim, 2, config.head_dim);
  if (config.rotary_dim % 2 != 0) {
    keys.fail(Code::kFormat, Text("an even ", keys.full("rope.dimension_count")), Text(config.rotary_dim));
  }
  if (keys.find("rope.dimension_sections")) {
    keys.fail(Code::kUnsupported, Text("no ", keys.full("rope.dimension_sections")), "one");
  }
  read_rope_factors(checkpoint, config, keys, family.gguf.rope_factors);
}

/// Of architectures whose routing no key says.
void check_routing(const Family& family, GgufKeys& keys) {
  keys.require("expert_shared_count", 0);
  keys.require("leading_dense_block_count", 0);
  if (const MetadataValue groups = keys.find("expert_group_count"); groups.as_double() != 0) {  // 0: none
    keys.require("expert_group_count", 1);
  }
  if (const MetadataValue scale = keys.find("expert_weights_scale"); scale.as_double() != 0) {  // 0: none
    keys.require("expert_weights_scale", 1);
  }
  if (const MetadataValue norm = keys.find("expert_weights_norm");
      norm && norm.as_bool() != family.gguf.norm_topk_prob) {
    keys.fail(Code::kUnsupported,
              Text(keys.full("expert_weights_norm"), family.gguf.norm_topk_prob ? " true" : " false", ", or none"),
              norm.describe());
  }
}

double gating_of(const Family& family) {
  return family.scoring_func == Scores::kSigmoid ? kSigmoidGating : kSoftmaxGating;
}

/// Which keys of routing may say as well.
double other_gating(const Family& family) {
  return family.scoring_func == Scores::kSigmoid ? kSoftmaxGating : kSigmoidGating;
}

void check_supported(const Family& family, GgufKeys& keys) {
  for (const std::string_view key :
       {"attention.scale", "attention.clamp_kqv", "attention.sliding_window", "attn_logit_softcapping",
        "final_logit_softcapping", "residual_scale", "embedding_scale", "logit_scale", "attention.temperature_scale"}) {
    if (std::ranges::find(family.gguf.keys, key) == family.gguf.keys.end()) keys.require(key, 0);
  }
  if (!family.experts) keys.require("expert_count", 0);
  if (const MetadataValue gating = keys.find("expert_gating_func");
      !family.gguf.routing_keys || gating.as_double() != other_gating(family)) {
    keys.require("expert_gating_func", gating_of(family));
  }
  if (!family.gguf.routing_keys) check_routing(family, keys);
  if (const MetadataValue layout = keys.metadata().find("moxie.layout")) {
    if (layout.as_string() != kTileLayout) {
      keys.fail(Code::kUnsupported, Text("tensors in llama.cpp's layout, or moxie.layout ", kTileLayout),
                layout.describe());
    }
  }
}

/// Tiles may have another order in another version: a file that has some must name it.
void check_layout(const Checkpoint& checkpoint, GgufKeys& keys) {
  if (keys.metadata().find("moxie.layout")) return;
  for (const Tensor& tensor : checkpoint.tensors()) {
    if (!tensor.tiled) continue;
    keys.fail(Code::kFormat,
              Text("moxie.layout ", kTileLayout, " in a file with tiles, as of ", tensor.name.substr(0, 100)),
              "no such key");
  }
}

/// The vocabulary's size stands in a tensor; where keys name it too, they must agree.
void read_vocabulary(const Checkpoint& checkpoint, ModelConfig& config, GgufKeys& keys) {
  const std::string name = kGgufNames.name({Part::kEmbedding}) + ".weight";
  const Result<Tensor> embedding = checkpoint.find(name);
  if (!embedding.ok()) return keys.fail(embedding.status().code(), embedding.status().needed(), "none");
  if (embedding->dims.size() != 2 || embedding->dims[0] == 0 || embedding->dims[0] > kMaxVocabulary) {
    return keys.fail(Code::kFormat, Text(name, " of [V, ", config.hidden_size, "], V at most ", kMaxVocabulary),
                     Text(embedding->dims.size(), " dimensions, ", embedding->dims.empty() ? 0 : embedding->dims[0]));
  }
  config.vocab_size = static_cast<std::size_t>(embedding->dims[0]);
  const MetadataValue tokens = keys.metadata().find("tokenizer.ggml.tokens");
  if (tokens && (tokens.element_type() != MetadataType::kString || tokens.size() != config.vocab_size)) {
    keys.fail(Code::kFormat, Text("tokenizer.ggml.tokens of ", config.vocab_size, " strings, as ", name, " has rows"),
              tokens.describe());
  }
  if (keys.size_or("vocab_size", config.vocab_size, 1, kMaxVocabulary) != config.vocab_size) {
    keys.fail(Code::kFormat, Text(keys.full("vocab_size"), ' ', config.vocab_size, ", as ", name, " has rows"),
              keys.find("vocab_size").describe());
  }
}

void read_attention(ModelConfig& config, GgufKeys& keys) {
  config.num_attention_heads = keys.sizes("attention.head_count", config.num_hidden_layers, 1, kMaxSize)[0];
  config.num_key_value_heads = config.num_attention_heads;
  if (keys.find("attention.head_count_kv")) {
    config.num_key_value_heads = keys.sizes("attention.head_count_kv", config.num_hidden_layers, 1, kMaxSize)[0];
  }
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    keys.fail(Code::kFormat,
              Text(keys.full("attention.head_count"), " as a multiple of head_count_kv ", config.num_key_value_heads),
              Text(config.num_attention_heads));
  }
  config.head_dim = keys.size_or("attention.key_length", config.hidden_size / config.num_attention_heads, 2, kMaxSize);
  if (config.head_dim % 2 != 0 || config.head_dim == 0) {
    keys.fail(Code::kFormat, Text("an even ", keys.full("attention.key_length"), " (rotary embedding rotates pairs)"),
              Text(config.head_dim));
  }
  if (config.head_dim > kMaxAttentionWidth / config.num_attention_heads) {
    keys.fail(Code::kFormat,
              Text(keys.full("attention.head_count"), " * attention.key_length at most ", kMaxAttentionWidth),
              Text(config.num_attention_heads, " * ", config.head_dim));
  }
  if (const std::size_t value = keys.size_or("attention.value_length", config.head_dim, 1, kMaxSize);
      value != config.head_dim) {
    keys.fail(Code::kUnsupported, Text(keys.full("attention.value_length"), ' ', config.head_dim, ", as key_length"),
              Text(value));
  }
}

/// Lists where most files have one number for all layers.
void read_layer_heads(ModelConfig& config, GgufKeys& keys) {
  make_layers_alike(config);
  if (config.layer_attention.empty()) return;
  const std::size_t L = config.num_hidden_layers;
  const std::vector<std::size_t> heads = keys.sizes("attention.head_count", L, 1, kMaxSize);
  const std::vector<std::size_t> kv_heads =
      keys.find("attention.head_count_kv") ? keys.sizes("attention.head_count_kv", L, 1, kMaxSize) : heads;
  for (std::size_t layer = 0; layer < L; ++layer) {
    config.layer_attention[layer].num_attention_heads = heads[layer];
    config.layer_attention[layer].num_key_value_heads = kv_heads[layer];
  }
}

/// A layer has experts where it has a router: no key says it.
void read_layers(const Checkpoint& checkpoint, const Family& family, ModelConfig& config, GgufKeys& keys) {
  bool any_moe = false;
  bool any_dense = false;
  config.moe_layers.resize(config.num_hidden_layers);
  config.sliding_windows.resize(config.num_hidden_layers);
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool moe = family.experts && checkpoint.contains(kGgufNames.name({Part::kRouter, layer}) + ".weight");
    config.moe_layers[layer] = moe;
    (moe ? any_moe : any_dense) = true;
  }
  config.dense_sizes.assign(config.num_hidden_layers, 0);
  if (any_dense) config.dense_sizes = keys.sizes("feed_forward_length", config.num_hidden_layers, 1, kMaxSize);
  config.intermediate_size = config.dense_sizes[0];
  if (!any_moe) return;
  config.num_experts = keys.size("expert_count", 1, kMaxSize);
  config.num_experts_per_tok = keys.size("expert_used_count", 1, config.num_experts);
  config.moe_intermediate_size = keys.size(family.gguf.expert_width, 1, kMaxSize);
  config.scoring_func = family.scoring_func;
  if (keys.find("expert_gating_func").as_double() == other_gating(family)) {
    config.scoring_func = family.scoring_func == Scores::kSigmoid ? Scores::kSoftmax : Scores::kSigmoid;
  }
  config.norm_topk_prob = family.gguf.norm_topk_prob;
  if (family.gguf.routing_keys) return read_gguf_routing(checkpoint, family.gguf.names, config, keys);
}

/// Biases are there or not; no key says it.
void read_biases(const Checkpoint& checkpoint, ModelConfig& config) {
  const auto has = [&](Part part) { return checkpoint.contains(kGgufNames.name({part}) + ".bias"); };
  config.attention_bias = has(Part::kQuery);
  config.attention_output_bias = has(Part::kAttentionOutput);
  config.mlp_bias = has(Part::kGate);
}

}  // namespace

Result<ModelConfig> read_gguf_config(const Checkpoint& checkpoint) {
  const Metadata metadata = checkpoint.metadata();
  const MetadataValue named = metadata.find("general.architecture");
  const std::string architecture(named.as_string().value_or("").substr(0, 100));
  GgufKeys keys(metadata, architecture);
  const MetadataValue experts = keys.find("expert_count");
  const bool sigmoid = keys.find("expert_gating_func").as_double() == kSigmoidGating;
  const Family* const family = find_gguf_family(architecture, experts && experts.as_double() != 0,
                                                sigmoid ? Scores::kSigmoid : Scores::kSoftmax);
  if (family == nullptr) {
    return Status(named ? Code::kUnsupported : Code::kFormat, GgufKeys::kWhere,
                  std::string("general.architecture ") + known_gguf_architectures(), named.describe());
  }
  ModelConfig config = config_of(*family);
  config.hidden_size = keys.size("embedding_length", 1, kMaxSize);
  config.num_hidden_layers = keys.size("block_count", 1, kMaxLayers);
  // The last of them predict further tokens; no logit of the model depends on those.
  config.num_hidden_layers -= keys.size_or("nextn_predict_layers", 0, 0, config.num_hidden_layers - 1);
  config.max_position_embeddings = keys.size("context_length", 1, kMaxPositions);
  if (family->latent_attention) {
    read_gguf_latent_attention(config, keys);
  } else {
    read_attention(config, keys);
  }
  // Without it, norms are those of another kind, with an epsilon of that.
  if (!keys.find("attention.layer_norm_rms_epsilon") && keys.find("attention.layer_norm_epsilon") &&
      family->layer_norms) {
    config.norm_kind = NormKind::kLayer;
    config.rms_norm_eps = keys.number("attention.layer_norm_epsilon", kMinEpsilon, kMaxEpsilon);
  } else {
    config.rms_norm_eps = keys.number("attention.layer_norm_rms_epsilon", kMinEpsilon, kMaxEpsilon);
  }
  // Without the key, llama.cpp takes the value that most models have.
  config.rope_theta = keys.number_or("rope.freq_base", 10000, kMinTheta, kMaxTheta);
  read_rope(checkpoint, config, keys, *family);
  check_supported(*family, keys);
  check_layout(checkpoint, keys);
  MOXIE_TRY(keys.status());
  read_vocabulary(checkpoint, config, keys);
  read_biases(checkpoint, config);
  config.tie_word_embeddings = !checkpoint.contains(kGgufNames.name({Part::kHead}) + ".weight");
  read_layers(checkpoint, *family, config, keys);
  read_layer_heads(config, keys);
  MOXIE_TRY(keys.status());
  if (family->gguf.read != nullptr) family->gguf.read(checkpoint, keys, config);
  check_layers(keys, config);
  MOXIE_TRY(keys.status());
  return config;
}

}  // namespace moxie::model
