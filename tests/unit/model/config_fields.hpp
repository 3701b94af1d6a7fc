// SPDX-License-Identifier: Apache-2.0
#pragma once

// The published config.json with fields changed, and what reading it must say.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/load/config.hpp"
#include "support/catch.hpp"

namespace moxie::test {

/// Fields of a config.json, as they are written there.
using Fields = std::map<std::string, std::string>;

/// The published file of Qwen3-30B-A3B.
inline Fields published() {
  return {{"architectures", R"(["Qwen3MoeForCausalLM"])"},
          {"attention_bias", "false"},
          {"attention_dropout", "0.0"},
          {"bos_token_id", "151643"},
          {"decoder_sparse_step", "1"},
          {"eos_token_id", "151645"},
          {"head_dim", "128"},
          {"hidden_act", R"("silu")"},
          {"hidden_size", "2048"},
          {"initializer_range", "0.02"},
          {"intermediate_size", "6144"},
          {"max_position_embeddings", "40960"},
          {"max_window_layers", "48"},
          {"mlp_only_layers", "[]"},
          {"model_type", R"("qwen3_moe")"},
          {"moe_intermediate_size", "768"},
          {"norm_topk_prob", "true"},
          {"num_attention_heads", "32"},
          {"num_experts", "128"},
          {"num_experts_per_tok", "8"},
          {"num_hidden_layers", "48"},
          {"num_key_value_heads", "4"},
          {"output_router_logits", "false"},
          {"rms_norm_eps", "1e-06"},
          {"rope_scaling", "null"},
          {"rope_theta", "1000000.0"},
          {"router_aux_loss_coef", "0.001"},
          {"sliding_window", "null"},
          {"tie_word_embeddings", "false"},
          {"torch_dtype", R"("bfloat16")"},
          {"transformers_version", R"("4.51.0")"},
          {"use_cache", "true"},
          {"use_sliding_window", "false"},
          {"vocab_size", "151936"}};
}

inline std::string config_text(const Fields& fields) {
  std::string text = "{";
  for (const auto& [key, value] : fields) text += (text.size() > 1 ? ",\n\"" : "\n\"") + key + "\": " + value;
  return text + "\n}";
}

inline Result<ModelConfig> read(const Fields& fields) { return model::read_config(config_text(fields)); }

/// `fields` with `more` put over them; one whose value is empty is taken out.
inline Fields with(Fields fields, const Fields& more) {
  for (const auto& [key, value] : more) {
    if (value.empty()) {
      fields.erase(key);
    } else {
      fields[key] = value;
    }
  }
  return fields;
}

/// The published file with some fields changed; one without a value is taken out.
using Changes = std::vector<std::pair<std::string, std::optional<std::string>>>;
inline Fields changed(const Changes& changes) {
  Fields fields = published();
  for (const auto& [key, value] : changes) {
    if (value) {
      fields[key] = *value;
    } else {
      fields.erase(key);
    }
  }
  return fields;
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

inline void refused(const Fields& fields, Code code, std::string_view culprit) {
  const Status status = read(fields).status();
  INFO(culprit << ": " << status.message());
  CHECK(name(status.code()) == name(code));
  CHECK(contains(status.message(), culprit));
}

inline void check_refused(const Changes& changes, Code code, std::string_view needed, std::string_view came) {
  const Fields fields = changed(changes);
  INFO(config_text(fields));
  const auto config = read(fields);
  REQUIRE(!config.ok());
  INFO(config.status().message());
  CHECK(config.status().code() == code);
  CHECK(config.status().where() == "config.json");
  CHECK(contains(config.status().needed(), needed));
  CHECK(contains(config.status().came(), came));
}

/// What no field of a kind may be, and how the error calls it. Missing and null are told apart by those
/// tests whose fields allow them.
struct Wrong {
  std::string value;
  std::string came;
};
inline const std::vector<Wrong> kNoNumber = {{R"("x")", R"("x")"},     {R"("8")", R"("8")"},
                                             {"true", "true"},         {"[]", "an array of 0"},
                                             {"[8]", "an array of 1"}, {"{}", "an object of 0"}};
inline const std::vector<Wrong> kNotWhole = {{"-1", "-1"},
                                             {"-9223372036854775808", "-9223372036854775808"},
                                             {"0", "0"},
                                             {"-0", "0"},
                                             {"1.5", "1.5"},
                                             {"8.0", "8"},
                                             {"8e0", "8"},
                                             {"4294967296", "4294967296"},
                                             {"9223372036854775807", "9223372036854775807"},
                                             {"18446744073709551615", "18446744073709551615"},
                                             {"18446744073709551616", "18446744073709551616"},
                                             {"1e300", "1e+300"}};
inline const std::vector<Wrong> kMissing = {{"", "nothing"}, {"null", "null"}};

inline void check_each(const std::string& key, const std::vector<Wrong>& values, Code code, const Changes& base = {}) {
  for (const Wrong& wrong : values) {
    Changes changes = base;
    changes.emplace_back(key, wrong.value.empty() ? std::nullopt : std::optional(wrong.value));
    check_refused(changes, code, key, wrong.came);
  }
}

}  // namespace moxie::test
