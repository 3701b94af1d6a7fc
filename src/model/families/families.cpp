// SPDX-License-Identifier: Apache-2.0
#include "model/families/family.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

namespace moxie::inline abi1::model {

namespace {

/// Where several share an architecture of GGUF, and no key tells them apart, a file is taken for the first's.
constexpr const Family* kFamilies[] = {
    &kAfmoe,       &kDeepseekV2, &kDeepseekV3, &kDots1,        &kErnie45Moe, &kExaoneMoe, &kFlexOlmo, &kCohere2Moe,
    &kLaguna,      &kGraniteMoe, &kMinistral3, &kMistral4,     &kGemma2,     &kGemma3,    &kGemma4,   &kGlm4Moe,
    &kGlm4MoeLite, &kGptOss,     &kGranite,    &kHunyuanV1Moe, &kHyV3,       &kKimiK2,    &kLlama,    &kMinimaxM2,
    &kMistral,     &kMixtral,    &kOlmo2,      &kOlmo3,        &kOlmoe,      &kQwen2,     &kQwen2Moe, &kQwen3,
    &kQwen3Moe,    &kSeedOss,    &kSmollm3,    &kSolarOpen};

constexpr Wrapper kWrappers[] = {{.model_type = "gemma3", .architecture = "Gemma3ForConditionalGeneration"},
                                 {.model_type = "gemma4", .architecture = "Gemma4ForConditionalGeneration"},
                                 {.model_type = "mistral3", .architecture = "Mistral3ForConditionalGeneration"},
                                 {.model_type = "kimi_k25", .architecture = "KimiK25ForConditionalGeneration"}};

std::string listed(std::vector<std::string_view> names) {
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string text;
  for (const std::string_view& name : names) {
    if (!text.empty()) text += &name == &names.back() ? " or " : ", ";
    text += name;
  }
  return text;
}

}  // namespace

std::span<const Family* const> families() noexcept { return kFamilies; }

ModelConfig config_of(const Family& family) {
  ModelConfig config;
  config.model_type = family.model_type;
  config.query_key_norm = family.query_key_norm;
  config.norm_after_rope = family.norm_after_rope;
  config.block_norms = family.block_norms;
  config.attention_gate = family.attention_gate;
  config.parallel_blocks = family.parallel_blocks;
  config.gate_softplus = family.gate_softplus;
  config.expert_bias = family.expert_bias;
  config.attention_sinks = family.attention_sinks;
  config.activation = family.activation;
  return config;
}

const Family* find_family(std::string_view model_type) noexcept {
  const auto found = std::ranges::find(kFamilies, model_type, [](const Family* family) { return family->model_type; });
  return found == std::end(kFamilies) ? nullptr : *found;
}

const Wrapper* find_wrapper(std::string_view model_type) noexcept {
  const auto found = std::ranges::find(kWrappers, model_type, &Wrapper::model_type);
  return found == std::end(kWrappers) ? nullptr : &*found;
}

const Family* find_gguf_family(std::string_view architecture, bool experts, Scores scoring_func) noexcept {
  const Family* best = nullptr;
  const auto matches = [&](const Family& family) {
    return (family.experts == experts ? 2 : 0) + (family.scoring_func == scoring_func ? 1 : 0);
  };
  for (const Family* family : kFamilies) {
    if (architecture.empty() || family->gguf.architecture != architecture) continue;
    if (best == nullptr || matches(*family) > matches(*best)) best = family;
  }
  return best;
}

std::string known_model_types() {
  std::vector<std::string_view> names;
  for (const Family* family : kFamilies) names.push_back(family->model_type);
  for (const Wrapper& wrapper : kWrappers) names.push_back(wrapper.model_type);
  return listed(std::move(names));
}

std::string known_gguf_architectures() {
  std::vector<std::string_view> names;
  for (const Family* family : kFamilies) {
    if (!family->gguf.architecture.empty()) names.push_back(family->gguf.architecture);
  }
  return listed(std::move(names));
}

}  // namespace moxie::model
