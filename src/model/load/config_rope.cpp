// SPDX-License-Identifier: Apache-2.0
// The rotary embedding in config.json: `rope_scaling` beside `rope_theta`, or both in `rope_parameters`.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include <moxie/core/text.hpp>

#include "model/load/config_fields.hpp"
#include "model/run/rope.hpp"

namespace moxie::inline abi1::model {

namespace {

using format::JsonValue;
using Type = RopeScaling::Type;

/// Fields that a scaling may have, whether or not its type uses them.
constexpr std::array<std::string_view, 17> kKnown = {"rope_type",
                                                     "type",
                                                     "rope_theta",
                                                     "factor",
                                                     "low_freq_factor",
                                                     "high_freq_factor",
                                                     "beta_fast",
                                                     "beta_slow",
                                                     "attention_factor",
                                                     "original_max_position_embeddings",
                                                     "mscale",
                                                     "mscale_all_dim",
                                                     "truncate",
                                                     "finetuned",
                                                     "partial_rotary_factor",
                                                     "llama_4_scaling_beta",
                                                     "max_position_embeddings"};

/// With `alpha`, "dynamic" is none: stretch_theta() knows what it is.
std::optional<Type> parse_type(JsonValue value, bool static_alpha) {
  const auto name = value.as_string();
  if (name == "default") return Type::kNone;
  if (name == "linear") return Type::kLinear;
  if (name == "llama3") return Type::kLlama3;
  if (name == "yarn") return Type::kYarn;
  if (name == "proportional") return Type::kFactors;
  if (name == "dynamic" && static_alpha) return Type::kNone;
  return std::nullopt;
}

/// The type that one of the two fields names, under either name; nothing where it is not there. A field that names
/// none but gives parameters means one that it does not say.
std::optional<Type> read_type(ConfigFields& fields, std::string_view key, JsonValue rope, const RopeForm& form) {
  if (!rope || rope.is_null()) return std::nullopt;
  const Text needed(key, " of type default, linear, llama3, yarn or proportional, or none");
  const auto refuse = [&](std::string_view wanted, std::string_view came) {
    fields.fail(Code::kUnsupported, wanted, came);
    return std::nullopt;
  };
  if (!rope.is_object()) return refuse(needed, rope.describe());
  const bool static_alpha = form.alpha && rope.find("alpha");
  std::optional<Type> found;
  for (const JsonValue::Member& member : rope) {
    if (member.key != "rope_type" && member.key != "type") continue;
    const std::optional<Type> type = parse_type(member.value, static_alpha);
    if (!type && member.value.as_string() == "dynamic") {
      return refuse(Text(needed, " (under a dynamic one a row would depend on how long its context becomes)"),
                    member.value.describe());
    }
    if (!type) return refuse(needed, member.value.describe());
    if (found && *found != *type) {
      fields.fail(Code::kFormat, Text("one type in ", key), member.value.describe());
    }
    found = type;
  }
  for (const JsonValue::Member& member : rope) {
    if (!found && member.key != "rope_theta") {
      return refuse(needed, Text("'", member.key.substr(0, 100), "' and no type"));
    }
    if (found && *found != Type::kNone && std::ranges::find(kKnown, member.key) == kKnown.end()) {
      return refuse(Text(key, " without '", member.key.substr(0, 100), "'"), member.value.describe());
    }
  }
  return found;
}

/// Where a rope stands.
struct Places {
  JsonValue newer;  ///< rope_parameters
  JsonValue older;  ///< rope_scaling
  JsonValue root;   ///< the fields beside those
};

std::optional<Type> read_types(ConfigFields& fields, const Places& at, const RopeForm& form) {
  const std::optional<Type> newer = read_type(fields, "rope_parameters", at.newer, form);
  const std::optional<Type> older = read_type(fields, "rope_scaling", at.older, form);
  if (newer && older && *newer != *older) {
    fields.fail(Code::kFormat, "rope_parameters and rope_scaling of one type", at.older.describe());
  }
  return newer ? newer : older;
}

/// Of the pairs of a whole head, the first are turned, as if all were.
/// Source   _compute_proportional_rope_parameters of transformers
void read_proportional(ConfigFields& fields, const Places& at, RopeConfig& rope) {
  const double part = fields.agreed({at.newer, at.older}, "partial_rotary_factor", 0, 1).value_or(1);
  const double factor = fields.agreed({at.newer, at.older}, "factor", 1, kMaxRopeFactor).value_or(1);
  const auto turned = static_cast<std::size_t>(part * static_cast<double>(rope.rotary_dim)) / 2;
  std::vector<float>& factors = rope.scaling.frequency_factors;
  factors.assign(rope.rotary_dim / 2, kNeverTurned);
  std::fill_n(factors.begin(), turned, static_cast<float>(factor));
}

/// Of a head's elements, how many are turned.
void read_rotary_dim(ConfigFields& fields, const Places& at, const ModelConfig& config, const RopeForm& form,
                     RopeConfig& rope) {
  const std::size_t width =
      form.width_key.empty() ? config.head_dim : fields.size_or(form.width_key, config.head_dim, 2, kMaxSize);
  rope.rotary_dim = width;
  if (rope.scaling.type == Type::kFactors) return read_proportional(fields, at, rope);
  const std::optional<double> said =
      fields.agreed({at.newer, at.older, at.root}, "partial_rotary_factor", 0, kMaxRopeFactor);
  // Of latent attention, some files say it of a whole head, of which what is turned is a part by itself.
  const auto rope_width = static_cast<double>(config.qk_rope_head_dim);
  if (config.kv_lora_rank > 0 && said == rope_width / (static_cast<double>(config.qk_nope_head_dim) + rope_width)) {
    return;
  }
  if (form.part == 0) {
    if (said.value_or(1) == 1) return;
    return fields.fail(Code::kUnsupported, Text("partial_rotary_factor 1, as the family ", config.model_type, " has"),
                       Text(*said));
  }
  const double part = said.value_or(form.part);
  rope.rotary_dim = static_cast<std::size_t>(static_cast<double>(width) * std::min(part, 2.0));
  // transformers takes this field of those that have it for nothing; the published weights do not.
  if (fields.has("rotary_dim")) rope.rotary_dim = fields.size("rotary_dim", 2, width);
  if (rope.rotary_dim < 2 || rope.rotary_dim > width || rope.rotary_dim % 2 != 0) {
    fields.fail(Code::kFormat, Text("a rotary embedding of an even number of elements up to ", width),
                Text(rope.rotary_dim));
  }
}

/// A "dynamic" rope with `alpha`, which is there where read_type() took it: theta of a longer context, once and for
/// all. Source   HunYuanMoEV1RotaryEmbedding of transformers
void stretch_theta(ConfigFields& fields, const Places& at, const ModelConfig& config, RopeConfig& rope) {
  const auto is_dynamic = [](JsonValue place) {
    return place.find("rope_type").as_string() == "dynamic" || place.find("type").as_string() == "dynamic";
  };
  if (!is_dynamic(at.newer) && !is_dynamic(at.older)) return;
  const auto width = static_cast<double>(config.head_dim);
  const double alpha = fields.agreed({at.newer, at.older}, "alpha", 1, kMaxRopeFactor).value_or(1);
  if (config.head_dim <= 2) return;
  // As a float, which is what GGUF keeps, so that a model runs alike from both kinds of files.
  rope.theta = static_cast<double>(static_cast<float>(rope.theta * std::pow(alpha, width / (width - 2))));
}

RopeConfig read_one(ConfigFields& fields, const Places& at, const ModelConfig& config, const RopeForm& form) {
  RopeConfig rope;
  RopeScaling& scaling = rope.scaling;
  scaling.type = read_types(fields, at, form).value_or(Type::kNone);
  const auto& [newer, older, root] = at;
  const std::optional<double> theta = fields.agreed({newer, older, root}, "rope_theta", kMinTheta, kMaxTheta);
  rope.theta = theta                     ? *theta
               : form.default_theta != 0 ? form.default_theta
                                         : fields.number(root.find("rope_theta"), "rope_theta", kMinTheta, kMaxTheta);
  read_rotary_dim(fields, at, config, form, rope);
  stretch_theta(fields, at, config, rope);
  if (scaling.type == Type::kNone || scaling.type == Type::kFactors) return rope;

  const auto number = [&](std::string_view key, double least, std::optional<double> otherwise) {
    const std::optional<double> found = fields.agreed({at.newer, at.older}, key, least, kMaxRopeFactor);
    if (found) return *found;
    return otherwise ? *otherwise : fields.number({}, key, least, kMaxRopeFactor);
  };
  scaling.factor = number("factor", 1, std::nullopt);
  if (scaling.type == Type::kLinear) return rope;
  const double length =
      fields.agreed({newer, older, root}, "original_max_position_embeddings", 1, static_cast<double>(kMaxPositions))
          .value_or(static_cast<double>(config.max_position_embeddings));
  scaling.original_max_position_embeddings = static_cast<std::size_t>(length);
  if (scaling.type == Type::kLlama3) {
    scaling.low_freq_factor = number("low_freq_factor", kMinRopeFactor, std::nullopt);
    scaling.high_freq_factor = number("high_freq_factor", kMinRopeFactor, std::nullopt);
    if (!(scaling.high_freq_factor > scaling.low_freq_factor)) {
      fields.fail(Code::kFormat, Text("high_freq_factor above low_freq_factor ", scaling.low_freq_factor),
                  Text(scaling.high_freq_factor));
    }
    return rope;
  }
  if (!(rope.theta > 1)) fields.fail(Code::kFormat, "rope_theta above 1 for yarn", Text(rope.theta));
  scaling.beta_fast = number("beta_fast", kMinRopeFactor, 32);
  scaling.beta_slow = number("beta_slow", kMinRopeFactor, 1);
  const JsonValue truncate = newer.find("truncate") ? newer.find("truncate") : older.find("truncate");
  if (truncate && !truncate.is_null()) {
    if (!truncate.as_bool()) fields.fail(Code::kFormat, "truncate as true or false", truncate.describe());
    scaling.truncate = truncate.as_bool().value_or(true);
  }
  const double mscale = number("mscale", 0, 0);
  const double all = number("mscale_all_dim", 0, 0);
  const double usual = mscale != 0 && all != 0
                           ? yarn_attention_factor(scaling.factor, mscale) / yarn_attention_factor(scaling.factor, all)
                           : yarn_attention_factor(scaling.factor);
  scaling.attention_factor = number("attention_factor", kMinRopeFactor, usual);
  scaling.yarn_log_multiplier = static_cast<float>(0.1 * all);
  return rope;
}

}  // namespace

void read_rope(ConfigFields& fields, ModelConfig& config, const RopeForm& form) {
  const JsonValue newer = fields.find("rope_parameters");
  Places all{newer, fields.find("rope_scaling"), fields.root()};
  if (form.local_theta != 0) {
    RopeForm local{.default_theta = form.local_theta, .part = form.local_part};
    Places at;  // the older form has a theta of it alone
    if (newer.find("full_attention") || newer.find("sliding_attention")) {
      all = {newer.find("full_attention"), {}, {}};
      at.newer = newer.find("sliding_attention");
    } else {
      local.default_theta = fields.number_or("rope_local_base_freq", form.local_theta, kMinTheta, kMaxTheta);
    }
    config.other_ropes.push_back(read_one(fields, at, config, local));
  }
  const RopeConfig rope = read_one(fields, all, config, form);
  const std::optional<double> beta = fields.agreed({all.newer, all.older}, "llama_4_scaling_beta", 0, kMaxRopeFactor);
  if (beta && form.query_scale && rope.scaling.type == Type::kYarn) {
    config.query_scale_beta = *beta;
    config.query_scale_length = rope.scaling.original_max_position_embeddings;
  } else if (beta.value_or(0) != 0) {
    fields.fail(Code::kUnsupported, "no llama_4_scaling_beta", Text(*beta));
  }
  config.rope_theta = rope.theta;
  config.rotary_dim = rope.rotary_dim;
  config.rope_scaling = rope.scaling;
}

}  // namespace moxie::model
