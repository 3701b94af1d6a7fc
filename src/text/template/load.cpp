// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <optional>
#include <system_error>

#include <moxie/core/guard.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/text/chat_template.hpp>

#include "format/file.hpp"
#include "format/json.hpp"

namespace moxie::inline abi1 {

namespace {

using format::JsonDocument;
using format::JsonValue;

// Tokenizer settings hold every added token, thousands of them in some checkpoints.
constexpr format::JsonLimits kConfigLimits{
    .max_bytes = 16U << 20U, .max_depth = 32, .max_values = 1U << 20U, .max_token_bytes = 1U << 20U};

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

Result<std::string> choose_template(JsonValue config, std::string_view where, std::string_view name) {
  const JsonValue chat = config.find("chat_template");
  if (const auto text = chat.as_string()) return std::string(*text);
  for (const auto& member : chat) {
    if (!chat.is_array() || member.value.find("name").as_string() != name) continue;
    if (const auto text = member.value.find("template").as_string()) return std::string(*text);
  }
  return Status(Code::kNotFound, where, Text("a chat_template named '", name, "'"), chat.describe());
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
  std::string key(kGgufKey);
  if (name != "default") key.append(".").append(name);
  const MetadataValue value = metadata.find(key);
  const auto source = value.as_string();
  if (!source) {
    return Status(value ? Code::kFormat : Code::kNotFound, key, "a chat template", value.describe());
  }
  MOXIE_TRY_LET(ChatTemplate chat, ChatTemplate::parse(*source, key));
  CheckpointTemplate out{std::move(chat), {}};
  MOXIE_TRY(read_special_tokens(metadata, out.special_tokens));
  return out;
}

Result<CheckpointTemplate> load(const std::filesystem::path& path, std::string_view name) {
  const TemplateLimits limits;
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    if (path.extension() == ".gguf") {
      MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(path));
      return from_metadata(checkpoint.metadata(), name);
    }
    MOXIE_TRY_LET(const std::string source, format::read_small_file(path, limits.max_template_bytes));
    MOXIE_TRY_LET(ChatTemplate chat, ChatTemplate::parse(source, path.filename().string()));
    return CheckpointTemplate{std::move(chat), {}};
  }
  const std::filesystem::path config_path = path / "tokenizer_config.json";
  const std::filesystem::path template_path = path / "chat_template.jinja";
  std::vector<std::pair<std::string, Value>> tokens;
  std::optional<JsonDocument> config;
  if (std::filesystem::exists(config_path, error)) {
    MOXIE_TRY_LET(const std::string text, format::read_small_file(config_path, kConfigLimits.max_bytes));
    MOXIE_TRY_LET(JsonDocument document, JsonDocument::parse(text, kConfigLimits, "tokenizer_config.json"));
    config.emplace(std::move(document));
    MOXIE_TRY(read_special_tokens(config->root(), tokens));
  }
  std::string source;
  std::string_view where = "chat_template.jinja";
  if (std::filesystem::exists(template_path, error)) {
    MOXIE_TRY_LET(source, format::read_small_file(template_path, limits.max_template_bytes));
  } else if (config) {
    where = "tokenizer_config.json";
    MOXIE_TRY_LET(source, choose_template(config->root(), where, name));
  } else {
    return Status(Code::kNotFound, path.string(), "chat_template.jinja or tokenizer_config.json", "neither");
  }
  MOXIE_TRY_LET(ChatTemplate chat, ChatTemplate::parse(source, where));
  return CheckpointTemplate{std::move(chat), std::move(tokens)};
}

}  // namespace

Result<CheckpointTemplate> load_chat_template(const std::filesystem::path& path, std::string_view name) noexcept {
  Result<CheckpointTemplate> result = Status(Code::kInternal, "load_chat_template", "a result", "none");
  MOXIE_TRY(guarded("load_chat_template", [&]() -> Status {
    result = load(path, name);
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
