// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <span>
#include <system_error>

#include <moxie/core/guard.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/text/chat_template.hpp>

#include "format/file.hpp"
#include "format/json.hpp"
#include "format/locate.hpp"
#include "text/template/sources.hpp"

namespace moxie::inline abi1 {

namespace {

using format::JsonValue;
using Source = text::TemplateSource;

constexpr std::array<std::string_view, 7> kSpecialTokens = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                            "pad_token", "cls_token", "mask_token"};

constexpr std::string_view kGgufKey = "tokenizer.chat_template";

// A token is its text, or an object with that text as content.
Status read_special_tokens(JsonValue config, std::vector<std::pair<std::string, Value>>& out) {
  for (const std::string_view name : kSpecialTokens) {
    const JsonValue token = config.find(name);
    const auto text = token.is_object() ? token.find("content").as_string() : token.as_string();
    if (!text) continue;
    MOXIE_TRY_LET(Value value, Value::string(*text, Origin::kTemplate));
    out.emplace_back(name, std::move(value));
  }
  return {};
}

Result<CheckpointTemplate> parse_all(std::span<const Source> sources, std::string_view name,
                                     std::vector<std::pair<std::string, Value>> special_tokens,
                                     std::string_view where) {
  auto chosen = std::ranges::find_if(sources, [&](const Source& source) { return source.name == name; });
  Status missing;
  if (chosen == sources.end()) {
    std::string names;
    for (const Source& source : sources) names.append(names.empty() ? "" : ", ").append(source.name);
    missing = Status(Code::kNotFound, where, Text("a chat_template named '", name, "'"),
                     sources.empty() ? Text("none") : Text("others: ", names));
    if (sources.empty() || name != "default") return missing;
    chosen = sources.begin();  // tools may have one all the same
  }
  std::vector<ChatVariant> variants;
  for (const Source& source : sources) {
    ChatVariant variant{.name = source.name, .chat = ChatTemplate::parse(source.text, source.where)};
    if (variant.chat.ok()) {
      MOXIE_TRY_LET(variant.traits, find_traits(*variant.chat, source.text, special_tokens));
    }
    variants.push_back(std::move(variant));
  }
  const ChatVariant& variant = variants[static_cast<std::size_t>(chosen - sources.begin())];
  MOXIE_TRY_LET(ChatTemplate chat, variant.chat);
  TemplateTraits traits = variant.traits;
  return CheckpointTemplate{std::move(chat), std::move(special_tokens), std::move(traits), std::move(variants),
                            std::move(missing)};
}

// GGUF names special tokens by their ids. Those that no file can have are left out: the template may not need them.
Status read_special_tokens(const Metadata& metadata, std::vector<std::pair<std::string, Value>>& out) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, kSpecialTokens.size()> kKeys = {
      {{"bos_token", "tokenizer.ggml.bos_token_id"},
       {"eos_token", "tokenizer.ggml.eos_token_id"},
       {"unk_token", "tokenizer.ggml.unknown_token_id"},
       {"sep_token", "tokenizer.ggml.seperator_token_id"},  // spelt so by the format
       {"pad_token", "tokenizer.ggml.padding_token_id"},
       {"cls_token", "tokenizer.ggml.cls_token_id"},
       {"mask_token", "tokenizer.ggml.mask_token_id"}}};
  const MetadataValue tokens = metadata.find("tokenizer.ggml.tokens");
  for (const auto& [name, key] : kKeys) {
    const auto id = metadata.find(key).as_u64();
    if (!id || *id >= tokens.size()) continue;
    const auto text = tokens[static_cast<std::size_t>(*id)].as_string();
    if (!text) continue;
    MOXIE_TRY_LET(Value value, Value::string(*text, Origin::kTemplate));
    out.emplace_back(name, std::move(value));
  }
  return {};
}

Result<CheckpointTemplate> from_metadata(const Metadata& metadata, std::string_view name) {
  std::vector<Source> sources;
  const auto add = [&](std::string_view key, std::string_view as) -> Status {
    const MetadataValue value = metadata.find(key);
    if (!value) return {};
    const auto text = value.as_string();
    if (!text) return Status(Code::kFormat, key, "a chat template", value.describe());
    sources.push_back({std::string(as), std::string(*text), std::string(key)});
    return {};
  };
  MOXIE_TRY(add(kGgufKey, "default"));
  const MetadataValue names = metadata.find("tokenizer.chat_templates");
  for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), text::kMaxTemplates); ++i) {
    const auto each = names[i].as_string();
    if (each && each != "default") MOXIE_TRY(add(Text(kGgufKey, ".", *each), *each));
  }
  // A list of names may be missing.
  for (const std::string_view known : {std::string_view("tool_use"), name}) {
    const bool found = std::ranges::any_of(sources, [&](const Source& source) { return source.name == known; });
    if (!found && known != "default") MOXIE_TRY(add(Text(kGgufKey, ".", known), known));
  }
  std::vector<std::pair<std::string, Value>> tokens;
  MOXIE_TRY(read_special_tokens(metadata, tokens));
  return parse_all(sources, name, std::move(tokens), kGgufKey);
}

Result<CheckpointTemplate> load(const std::filesystem::path& path, std::string_view name,
                                std::span<const std::pair<std::string, Value>> special_tokens) {
  std::error_code error;
  const auto located = format::locate_checkpoint(path);
  if (located.ok() && located->gguf) {
    MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(path));
    return from_metadata(checkpoint.metadata(), name);
  }
  if (!std::filesystem::is_directory(path, error)) {
    MOXIE_TRY_LET(std::string text, format::read_small_file(path, TemplateLimits().max_template_bytes));
    const Source source{"default", std::move(text), path.filename().string()};
    return parse_all({&source, 1}, name, {special_tokens.begin(), special_tokens.end()}, source.where);
  }
  std::vector<std::pair<std::string, Value>> tokens;
  MOXIE_TRY_LET(const auto config, text::read_tokenizer_config(path));
  MOXIE_TRY_LET(const std::vector<Source> sources, text::read_template_sources(path, config));
  if (!config && sources.empty()) {
    return Status(Code::kNotFound, path.string(), "chat_template.jinja or tokenizer_config.json", "neither");
  }
  if (config) MOXIE_TRY(read_special_tokens(config->root(), tokens));
  return parse_all(sources, name, std::move(tokens), sources.empty() ? "tokenizer_config.json" : sources[0].where);
}

}  // namespace

Result<const ChatVariant*> CheckpointTemplate::choose(std::string_view name, bool with_tools) const noexcept {
  const auto find = [&](std::string_view wanted) {
    const auto at = std::ranges::find_if(variants, [&](const ChatVariant& each) { return each.name == wanted; });
    return at == variants.end() ? nullptr : &*at;
  };
  const ChatVariant* chosen = name.empty() ? (with_tools ? find("tool_use") : nullptr) : find(name);
  if (chosen != nullptr) MOXIE_TRY(chosen->chat.status());
  if (chosen == nullptr && name.empty()) MOXIE_TRY(no_default);
  if (chosen != nullptr || name.empty()) return chosen;
  Text names;
  for (const ChatVariant& variant : variants) names = Text(names, names.view().empty() ? "" : ", ", variant.name);
  return Status(Code::kNotFound, "chat template", Text("one of ", names), Text("'", name, "'"));
}

Result<CheckpointTemplate> load_chat_template(const std::filesystem::path& path, std::string_view name,
                                              std::span<const std::pair<std::string, Value>> special_tokens) noexcept {
  Result<CheckpointTemplate> result = Status(Code::kInternal, "load_chat_template", "a result", "none");
  MOXIE_TRY(guarded("load_chat_template", [&]() -> Status {
    result = load(path, name, special_tokens);
    return {};
  }));
  return result;
}

Result<CheckpointTemplate> read_chat_template(const Metadata& metadata, std::string_view name) noexcept {
  Result<CheckpointTemplate> result = Status(Code::kInternal, "read_chat_template", "a result", "none");
  MOXIE_TRY(guarded("read_chat_template", [&]() -> Status {
    result = from_metadata(metadata, name);
    return {};
  }));
  return result;
}

}  // namespace moxie
