// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <moxie/core/status.hpp>
#include <moxie/model/model_config.hpp>

#include "model/load/gguf_names.hpp"
#include "model/load/tensor_names.hpp"

namespace moxie::inline abi1::model {

class ConfigFields;
class GgufKeys;
class GgufKeyWriter;

/// What a family means by its rotary embedding where config.json does not say it.
struct RopeForm {
  double default_theta = 0;  ///< where there is no rope_theta, as in early files; 0: it must be there
  double part = 0;     ///< of a head that is turned, where no field says how much; 0: all, and no field may say less
  bool alpha = false;  ///< "dynamic" may have an `alpha`, which changes theta
  bool query_scale = false;      ///< `llama_4_scaling_beta` scales queries by their position
  std::string_view width_key{};  ///< the field that has the width of heads in layers without a window; none: head_dim
  double local_theta = 0;        ///< of layers with a window, which have a rope of their own; 0: they have that of all
  double local_part = 0;         ///< as `part`, of those
};

/// Of a shape, what config.json may leave out; 0: it must be there.
struct ShapeForm {
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t vocab_size = 0;
  std::size_t positions = 0;
  double rms_norm_eps = 0;
};

/// What llama.cpp takes for granted in the files of one architecture, since no key says it.
struct GgufForm {
  /// Biases that it knows: a model with others, or without those that must be there, cannot be said.
  enum class Biases : std::uint8_t { kNone, kQueryKeyValue, kMaybeQueryKeyValue, kAttention, kAny };

  std::string_view architecture{};  ///< `general.architecture`; empty: there is none
  TensorNames names = kGgufNames;
  Biases biases = Biases::kNone;
  bool norm_topk_prob = false;
  /// The key of an expert's width.
  std::string_view expert_width = "expert_feed_forward_length";
  /// Rows of queries and keys lie so that the rotary embedding rotates neighbours: the halves of a head are shuffled
  /// into each other.
  bool interleaved_rows = false;
  /// The head is a tensor of its own, never the embedding.
  bool own_head = false;
  /// Keys say how experts are chosen and weighted, how many are shared, and how many layers before have none.
  bool routing_keys = false;
  /// Frequencies may have factors of their own, in a tensor.
  bool rope_factors = false;
  /// Keys of yarn that not all architectures have, behind `rope.scaling.`. yarn_truncate: whether its bounds are whole;
  /// where it is not there, they are not, and without such a key they are. yarn_log_multiplier: mscale_all_dim.
  std::array<std::string_view, 2> yarn_keys{};
  [[nodiscard]] constexpr bool has_yarn_key(std::string_view key) const noexcept {
    return yarn_keys[0] == key || yarn_keys[1] == key;
  }
  /// kUnsupported for what llama.cpp would not load besides.
  Status (*check)(const ModelConfig& config) = nullptr;
  /// Reads what no key says and not all files of the architecture have.
  void (*read)(const Checkpoint& checkpoint, GgufKeys& keys, ModelConfig& config) = nullptr;
  /// Writes what it reads.
  Status (*write)(GgufKeyWriter& keys, const ModelConfig& config) = nullptr;
  /// Keys that `read` knows, and others refuse unless they are 0.
  std::array<std::string_view, 4> keys{};
};

/// A family of models: all that is peculiar to it. A file of this folder has one or more, families.cpp lists them, and
/// docs/families.md says how to add one.
struct Family {
  std::string_view model_type;    ///< in config.json
  std::string_view architecture;  ///< the class that config.json's `architectures` names
  std::string_view models;        ///< that people know, for docs
  TensorNames names;              ///< what Hugging Face calls its tensors
  bool experts = false;           ///< at least some layers have them
  bool latent_attention = false;  ///< keys and values are made of one latent: latent_attention.hpp
  Scores scoring_func = Scores::kSoftmax;
  bool expert_bias = false;  ///< router and experts have biases
  bool attention_sinks = false;
  GatedActivation activation = GatedActivation::kSilu;
  QueryKeyNorm query_key_norm = QueryKeyNorm::kNone;
  bool norm_after_rope = false;   ///< queries and keys pass their norms behind the rotary embedding
  bool interleaved_rows = false;  ///< safetensors have rows so that the rotary embedding turns neighbours
  bool layer_norms = false;       ///< rows may be normed by layer norms, where a file says so
  bool parallel_blocks = false;   ///< attention and feed-forward read one normed row
  bool gate_softplus = false;
  bool norms_above_one = false;  ///< safetensors have of every norm's weight what it is more than 1
  BlockNorms block_norms = BlockNorms::kBefore;
  AttentionGate attention_gate = AttentionGate::kNone;
  RopeForm rope{};
  ShapeForm shape{};
  bool tied = false;  ///< the head is the embedding, where config.json does not say it
  /// Reads what config.json says beyond what all families have (read_config does that before).
  void (*read)(ConfigFields& fields, ModelConfig& config) = nullptr;
  GgufForm gguf;
};

/// Every family that moxie runs.
[[nodiscard]] std::span<const Family* const> families() noexcept;

/// A configuration around those of several models: `text_config` has the text model's, whose model_type is a family's.
struct Wrapper {
  std::string_view model_type;
  std::string_view architecture;
};
/// Null where there is none.
[[nodiscard]] const Wrapper* find_wrapper(std::string_view model_type) noexcept;

/// A configuration with what all models of a family have.
[[nodiscard]] ModelConfig config_of(const Family& family);

/// The family of that model_type; null where there is none.
[[nodiscard]] const Family* find_family(std::string_view model_type) noexcept;
/// Of a GGUF file; several may share an architecture, told apart by whether they have experts and how their router
/// scores. Null where there is none.
[[nodiscard]] const Family* find_gguf_family(std::string_view architecture, bool experts,
                                             Scores scoring_func = Scores::kSoftmax) noexcept;

/// "llama, qwen3 or qwen3_moe", for messages.
[[nodiscard]] std::string known_model_types();
[[nodiscard]] std::string known_gguf_architectures();

extern const Family kAfmoe;
extern const Family kDeepseekV2;
extern const Family kDeepseekV3;
extern const Family kCohere2Moe;
extern const Family kDots1;
extern const Family kErnie45Moe;
extern const Family kExaoneMoe;
extern const Family kFlexOlmo;
extern const Family kGemma2;
extern const Family kGemma3;
extern const Family kGemma4;
extern const Family kGlm4Moe;
extern const Family kGlm4MoeLite;
extern const Family kGptOss;
extern const Family kGranite;
extern const Family kGraniteMoe;
extern const Family kHunyuanV1Moe;
extern const Family kHyV3;
extern const Family kKimiK2;
extern const Family kLaguna;
extern const Family kLlama;
extern const Family kMinimaxM2;
extern const Family kMinistral3;
extern const Family kMistral;
extern const Family kMistral4;
extern const Family kMixtral;
extern const Family kOlmo2;
extern const Family kOlmo3;
extern const Family kOlmoe;
extern const Family kQwen2;
extern const Family kQwen2Moe;
extern const Family kQwen3;
extern const Family kQwen3Moe;
extern const Family kSeedOss;
extern const Family kSmollm3;
extern const Family kSolarOpen;

}  // namespace moxie::model
