// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/pre_names.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <moxie/text/tokenizer.hpp>

#include "text/tokenizer/published_patterns.hpp"

namespace moxie::inline abi1 {
namespace text {
namespace {

using namespace published;

constexpr std::array<std::string_view, 1> kGpt2List = {kGpt2};
constexpr std::array<std::string_view, 1> kCl100kList = {kCl100k};
constexpr std::array<std::string_view, 1> kQwen2List = {kQwen2};
constexpr std::array<std::string_view, 1> kO200kList = {kO200k};
constexpr std::array<std::string_view, 1> kTekkenList = {kTekken};
constexpr std::array<std::string_view, 1> kQwen35List = {kQwen35};
constexpr std::array<std::string_view, 6> kDeepSeekList = {kLineEnd,       kDeepSeekLetters, kDeepSeekSigns,
                                                           kTrailingSpace, kDeepSeekCjk,     kDigit};
constexpr std::array<std::string_view, 5> kDeepSeekCoderList = {kLineEnd, kAnyLetters, kAnySigns, kDeepSeekCjk, kDigit};
constexpr std::array<std::string_view, 3> kDeepSeek3List = {kThreeDigits, kDeepSeek3Cjk, kDeepSeek3};
constexpr std::array<std::string_view, 2> kStarCoderList = {kDigit, kGpt2};
constexpr std::array<std::string_view, 2> kFalconList = {kFalconSigns, kGpt2};
constexpr std::array<std::string_view, 2> kFalconBytes = {kDigits, kThreeAsciiDigits};
constexpr std::array<std::string_view, 4> kDefaultList = {kSigns, kGpt2, kDigits, kThreeAsciiDigits};

// Source: the table of names in llama.cpp, and the tokenizer.json files of the models that it names. Where the two
// differ (DeepSeek's digits, Falcon's, composing characters first), it is as in the file, which the model was made
// with.
constexpr auto kNames = std::to_array<PreNamed>({
    {.name = "default", .patterns = kDefaultList},
    {.name = "gpt-2", .patterns = kGpt2List},
    {.name = "gpt2", .patterns = kGpt2List},
    {.name = "olmo", .patterns = kGpt2List},
    {.name = "mpt", .patterns = kGpt2List},
    {.name = "phi-2", .patterns = kGpt2List},
    {.name = "jais", .patterns = kGpt2List},
    {.name = "trillion", .patterns = kGpt2List},
    {.name = "llama-bpe", .patterns = kCl100kList, .ignore_merges = true, .add_bos = true},
    {.name = "llama3", .patterns = kCl100kList, .ignore_merges = true, .add_bos = true},
    {.name = "llama-v3", .patterns = kCl100kList, .ignore_merges = true, .add_bos = true},
    {.name = "dbrx", .patterns = kCl100kList},
    {.name = "smaug-bpe", .patterns = kCl100kList},
    {.name = "chatglm-bpe", .patterns = kCl100kList},
    {.name = "glm4", .patterns = kCl100kList},
    {.name = "qwen2", .patterns = kQwen2List, .nfc = true},
    {.name = "qwen35", .patterns = kQwen35List, .nfc = true},
    {.name = "stablelm2", .patterns = kQwen2List},
    {.name = "hunyuan", .patterns = kQwen2List},
    {.name = "grok-2", .patterns = kQwen2List},
    {.name = "gpt-4o", .patterns = kO200kList},
    {.name = "llama4", .patterns = kO200kList},
    {.name = "minimax-m2", .patterns = kO200kList},
    {.name = "tekken", .patterns = kTekkenList, .ignore_merges = true, .add_bos = true},
    {.name = "deepseek-llm", .patterns = kDeepSeekList},
    {.name = "deepseek-coder", .patterns = kDeepSeekCoderList},
    {.name = "deepseek-v3", .patterns = kDeepSeek3List},
    {.name = "hunyuan-dense", .patterns = kDeepSeek3List},
    {.name = "deepseek-r1-qwen", .patterns = kQwen2List},
    {.name = "starcoder", .patterns = kStarCoderList},
    {.name = "refact", .patterns = kStarCoderList},
    {.name = "command-r", .patterns = kStarCoderList, .nfc = true},
    {.name = "smollm", .patterns = kStarCoderList},
    {.name = "codeshell", .patterns = kStarCoderList},
    {.name = "exaone", .patterns = kStarCoderList},
    {.name = "falcon", .patterns = kFalconList, .byte_patterns = kFalconBytes},
});

constexpr auto kNameList = [] {
  std::array<std::string_view, kNames.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kNames[i].name;
  return names;
}();

}  // namespace

const PreNamed* find_pre(std::string_view name) noexcept {
  const auto found =
      std::find_if(kNames.begin(), kNames.end(), [name](const PreNamed& pre) { return pre.name == name; });
  return found == kNames.end() ? nullptr : &*found;
}

}  // namespace text

std::span<const std::string_view> pre_tokenizer_names() noexcept { return text::kNameList; }

}  // namespace moxie
