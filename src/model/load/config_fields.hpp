// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include <moxie/core/status.hpp>
#include <moxie/core/text.hpp>
#include <moxie/model/model_config.hpp>

#include "format/json.hpp"
#include "model/families/family.hpp"
#include "model/load/config_checks.hpp"

namespace moxie::inline abi1::model {

/// Reads fields of config.json and keeps the first error, so that the caller reads like a list.
class ConfigFields {
 public:
  static constexpr std::string_view kWhere = "config.json";

  explicit ConfigFields(format::JsonValue root) noexcept : root_(root) {}

  [[nodiscard]] format::JsonValue root() const noexcept { return root_; }
  [[nodiscard]] format::JsonValue find(std::string_view key) const noexcept { return root_.find(key); }
  [[nodiscard]] const Status& status() const noexcept { return status_; }

  /// Whether the field is there and not null, which is how transformers writes what is not set.
  [[nodiscard]] bool has(std::string_view key) const noexcept;

  std::size_t size(std::string_view key, std::uint64_t least, std::uint64_t most);
  /// Of either name, for transformers has renamed some; of both where they agree.
  std::size_t size(std::string_view key, std::string_view other, std::uint64_t least, std::uint64_t most);
  std::size_t size_or(std::string_view key, std::size_t otherwise, std::uint64_t least, std::uint64_t most);
  bool flag_or(std::string_view key, bool otherwise);
  /// Of a number, or of a list with the same for each layer.
  std::size_t size_of_all(std::string_view key, std::size_t otherwise, std::uint64_t least, std::uint64_t most);
  /// Calls set(layer, number) for each of a list; where there is none, for nothing.
  template <class F>
  void each_layer_size(std::string_view key, std::size_t layers, std::uint64_t least, std::uint64_t most, F set) {
    if (!has(key)) return;
    const format::JsonValue list = find(key);
    if (!list.is_array() || list.size() != layers) {
      return fail(Code::kFormat, Text(key, " as a list of ", layers), list.describe());
    }
    std::size_t layer = 0;
    for (const format::JsonValue::Member& member : list) {
      const auto number = member.value.as_u64();
      if (!number || *number < least || *number > most) {
        return fail(Code::kFormat, Text(key, " of whole numbers in [", least, ", ", most, "]"),
                    member.value.describe());
      }
      set(layer++, static_cast<std::size_t>(*number));
    }
  }
  /// Infinity is one where `most` is.
  double number_or(std::string_view key, double otherwise, double least, double most) {
    return has(key) ? number(find(key), key, least, most) : otherwise;
  }
  double number(format::JsonValue value, std::string_view key, double least, double most);
  /// Of all `places` that have the field and not null, where they agree; nothing where none has it.
  std::optional<double> agreed(std::initializer_list<format::JsonValue> places, std::string_view key, double least,
                               double most);
  /// For what transformers can do and moxie does not.
  void refuse_unless_null(std::string_view key);
  /// Where the field is there and not null, it must be one of these: the family has one value of it.
  void require_one_of(std::string_view key, std::initializer_list<std::string_view> values);
  void require(std::string_view key, bool value);
  void fail(Code code, std::string_view needed, std::string_view came);

 private:
  format::JsonValue root_;
  Status status_;
};

// Parts of a configuration that several families have. Each needs config.num_hidden_layers.

/// config.json as Python writes it: Infinity, -Infinity and NaN, which JSON has not, become texts of that name. A field
/// that may be without bound takes them (ConfigFields::number), others refuse a text.
///
/// Errors   those of JsonDocument::parse.
Result<format::JsonDocument> parse_config(std::string_view json, std::string_view where);

/// rope_theta and the scaling, in the older form (rope_theta, rope_scaling) and the newer (rope_parameters).
void read_rope(ConfigFields& fields, ModelConfig& config, const RopeForm& form);

/// moe_layers by `decoder_sparse_step` and `mlp_only_layers`.
void read_sparse_layers(ConfigFields& fields, ModelConfig& config);
/// moe_layers by `mlp_layer_types`; or every `moe_layer_freq`th from `first_k_dense_replace` on, which is `first` where
/// the file has none.
void read_dense_layers_first(ConfigFields& fields, ModelConfig& config, std::size_t first);
/// N, K and H, the last under the name `width`, where a layer has experts.
void read_experts(ConfigFields& fields, ModelConfig& config, std::string_view width);

/// What a file of DeepSeek's kind means where it does not say it.
struct RoutedDefaults {
  double scale = 1;
  std::size_t shared = 0;
  bool normalised = true;
  std::size_t groups = 1;
  std::size_t used_groups = 1;
};
/// N, K and H, experts for every row and the factor, under the names that DeepSeek has, where a layer has experts.
void read_routed_experts(ConfigFields& fields, ModelConfig& config, const RoutedDefaults& defaults);
/// The router of DeepSeek-V3: sigmoid, a bias for choosing, groups by their two best. Reads the experts too.
void read_sigmoid_router(ConfigFields& fields, ModelConfig& config, const RoutedDefaults& defaults);
void read_groups(ConfigFields& fields, ModelConfig& config, const RoutedDefaults& defaults);

/// `sliding_window`, where it is there, in every layer.
void read_window_of_all_layers(ConfigFields& fields, ModelConfig& config);
/// Which layers have the window where `use_sliding_window` is true and no `layer_types` says it.
enum class WindowRule : std::uint8_t {
  kAllLayers,
  kFromLayer,       ///< those from `max_window_layers` on
  kEvenBelowLayer,  ///< the even ones below it
};
void read_windows(ConfigFields& fields, ModelConfig& config, WindowRule rule);
/// The same where no flag says whether `sliding_window` is used.
void read_used_windows(ConfigFields& fields, ModelConfig& config, WindowRule rule);
/// By `layer_types`, or in all layers but the `every`th.
void read_windows_but_every(ConfigFields& fields, ModelConfig& config, std::size_t every);
/// Layers with a window have the rope that is theirs.
void use_local_rope(ModelConfig& config);
/// Layers without a window have no rope.
void rotate_in_windows(ModelConfig& config);

}  // namespace moxie::model
