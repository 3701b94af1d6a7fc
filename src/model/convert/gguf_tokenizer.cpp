// SPDX-License-Identifier: Apache-2.0
#include "model/convert/gguf_parts.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <moxie/core/text.hpp>

#include "format/file.hpp"
#include "format/json.hpp"
#include "text/template/sources.hpp"
#include "text/tokenizer/parts.hpp"

namespace moxie::inline abi1::model {

namespace {

namespace fs = std::filesystem;
using format::JsonDocument;
using format::JsonValue;

// The largest in use takes 33 MB and has 1.5 million values.
constexpr format::JsonLimits kLimits{.max_bytes = 64U << 20, .max_values = 1U << 23};

// tokenizer.ggml.token_type
enum TokenType : std::int32_t { kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5 };

struct SpecialId {
  const char* config;
  const char* id;
  const char* flag;
  const char* place;
};
constexpr SpecialId kBos{"bos_token_id", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.add_bos_token", "before"};
constexpr SpecialId kEos{"eos_token_id", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.add_eos_token", "behind"};

struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  std::vector<bool> taken;

  explicit Vocabulary(std::size_t size) : tokens(size), types(size, kUnused), taken(size) {
    for (std::size_t id = 0; id < size; ++id) tokens[id] = "[PAD" + std::to_string(id) + "]";
  }
  Status put(std::string_view token, JsonValue id, TokenType type, bool again, std::string_view where) {
    const std::optional<std::uint64_t> number = id.as_u64();
    if (!number || *number >= tokens.size()) {
      return Status(Code::kFormat, where, Text("an id below ", tokens.size(), " for '", token.substr(0, 80), "'"),
                    id.describe());
    }
    const auto place = static_cast<std::size_t>(*number);
    if (taken[place] && !(again && tokens[place] == token)) {
      return Status(Code::kFormat, where, Text("one token of id ", *number),
                    Text('\'', tokens[place].substr(0, 80), "' and '", token.substr(0, 80), '\''));
    }
    taken[place] = true;
    tokens[place] = token;
    types[place] = type;
    return {};
  }
};

/// GGUF has no words for where a token is looked for and what it takes along.
Status check_flags(JsonValue token, std::string_view content, std::string_view where) {
  for (const char* flag : {"lstrip", "rstrip", "single_word"}) {
    if (token.find(flag).as_bool() != true) continue;
    return Status(Code::kUnsupported, where, Text("added tokens without ", flag, ", which GGUF cannot say"),
                  Text('\'', content.substr(0, 80), '\''));
  }
  return {};
}

Status read_vocabulary(JsonValue root, Vocabulary& vocabulary, std::string_view where) {
  const JsonValue vocab = root.find("model").find("vocab");
  if (!vocab.is_object()) return Status(Code::kFormat, where, "model.vocab as an object", vocab.describe());
  for (const JsonValue::Member& token : vocab) {
    MOXIE_TRY(vocabulary.put(token.key, token.value, kNormal, false, where));
  }
  const JsonValue added = root.find("added_tokens");
  if (!added || added.is_null()) return {};
  if (!added.is_array()) return Status(Code::kFormat, where, "added_tokens as a list", added.describe());
  for (const JsonValue::Member& token : added) {
    const std::optional<std::string_view> content = token.value.find("content").as_string();
    if (!content) return Status(Code::kFormat, where, "added_tokens with content", token.value.describe());
    MOXIE_TRY(check_flags(token.value, *content, where));
    const TokenType type = token.value.find("special").as_bool() == true ? kControl : kUserDefined;
    MOXIE_TRY(vocabulary.put(*content, token.value.find("id"), type, true, where));
  }
  return {};
}

/// Merges are written as "a b", by newer versions as ["a", "b"].
Status read_merges(JsonValue merges, std::vector<std::string>& list, std::string_view where) {
  if (!merges.is_array()) return Status(Code::kFormat, where, "model.merges as a list", merges.describe());
  list.reserve(merges.size());
  for (const JsonValue::Member& merge : merges) {
    if (const auto text = merge.value.as_string()) {
      list.emplace_back(*text);
      continue;
    }
    std::string joined;
    std::size_t parts = 0;
    for (const JsonValue::Member& part : merge.value) {
      const std::optional<std::string_view> text = part.value.as_string();
      if (!text || text->find(' ') != std::string_view::npos) break;
      if (parts++ > 0) joined += ' ';
      joined += *text;
    }
    if (parts != 2 || merge.value.size() != 2) {
      return Status(Code::kFormat, where, "merges of two pieces without spaces", merge.value.describe());
    }
    list.push_back(std::move(joined));
  }
  return {};
}

/// The first number of config.json's `key`, which some models give as a list.
std::optional<std::uint64_t> token_id(JsonValue config, std::string_view key) {
  const JsonValue value = config.find(key);
  if (value.is_array()) {
    for (const JsonValue::Member& member : value) return member.value.as_u64();
  }
  return value.as_u64();
}

/// The text of a file, or nothing where there is none.
Result<std::optional<std::string>> read_optional(const fs::path& path) {
  std::error_code ignored;
  if (fs::symlink_status(path, ignored).type() == fs::file_type::not_found) return std::optional<std::string>();
  MOXIE_TRY_LET(std::string text, format::read_small_file(path, kLimits.max_bytes));
  return std::optional(std::move(text));
}

/// GGUF has one token for before a text and one for behind it, and a flag for each that says whether it is put there.
Status set_around(GgufWriter& writer, std::span<const TokenId> tokens, const SpecialId& special,
                  std::optional<std::uint64_t> configured, std::size_t vocab_size, std::string_view where) {
  if (tokens.size() > 1) {
    return Status(Code::kUnsupported, where, Text("at most one token put ", special.place, " a text, as GGUF has it"),
                  Text(tokens.size()));
  }
  if (configured && *configured >= vocab_size) configured.reset();
  if (!tokens.empty()) {
    const auto id = static_cast<std::uint64_t>(tokens[0]);
    if (configured && *configured != id) {
      return Status(Code::kUnsupported, where, Text("the token put ", special.place, " a text as ", special.config),
                    Text(id, ", and ", *configured, " in config.json"));
    }
    configured = id;
  }
  if (configured) MOXIE_TRY(writer.set_u32(special.id, static_cast<std::uint32_t>(*configured)));
  return writer.set_bool(special.flag, !tokens.empty());
}

Status set_special_ids(GgufWriter& writer, const fs::path& folder, std::string_view tokenizer, std::size_t vocab_size,
                       std::string_view where) {
  MOXIE_TRY_LET(const auto named, read_optional(folder / "tokenizer_config.json"));
  MOXIE_TRY_LET(const auto parts,
                text::read_tokenizer_json(tokenizer, named ? std::string_view(*named) : std::string_view()));
  MOXIE_TRY_LET(const auto config, read_optional(folder / "config.json"));
  MOXIE_TRY_LET(const JsonDocument document, JsonDocument::parse(config ? *config : "{}", {}, "config.json"));
  const auto id = [&](std::string_view key, std::optional<TokenId> otherwise) -> std::optional<std::uint64_t> {
    const auto number = token_id(document.root(), key);
    if (number || !otherwise) return number;
    return static_cast<std::uint64_t>(*otherwise);
  };
  MOXIE_TRY(set_around(writer, parts->prefix, kBos, id(kBos.config, parts->bos), vocab_size, where));
  MOXIE_TRY(set_around(writer, parts->suffix, kEos, id(kEos.config, parts->eos), vocab_size, where));
  const auto pad = id("pad_token_id", parts->pad);
  if (!pad || *pad >= vocab_size) return {};
  return writer.set_u32("tokenizer.ggml.padding_token_id", static_cast<std::uint32_t>(*pad));
}

/// Source   the keys that llama.cpp's converter writes for templates with names
Status set_template(GgufWriter& writer, const fs::path& folder) {
  MOXIE_TRY_LET(const auto config, text::read_tokenizer_config(folder));
  MOXIE_TRY_LET(const std::vector<text::TemplateSource> sources, text::read_template_sources(folder, config));
  std::vector<std::string> names;
  for (const text::TemplateSource& source : sources) {
    std::string key = "tokenizer.chat_template";
    if (source.name != "default") {
      names.push_back(source.name);
      key.append(".").append(source.name);
    }
    MOXIE_TRY(writer.set_string(key, source.text));
  }
  return names.empty() ? Status() : writer.set_strings("tokenizer.chat_templates", names);
}

/// How text is cut into words before merges. GGUF has a name for each way and moxie writes that of this family, so
/// another way must not pass under it.
/// Source   tokenizer.json as published with Qwen2 and Qwen3
constexpr std::string_view kWordsOfQwen2 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+";

Status check_words(JsonValue cutter, std::string_view where) {
  if (!cutter || cutter.is_null()) return {};
  const JsonValue parts = cutter.find("pretokenizers");
  std::optional<std::string_view> pattern = cutter.find("pattern").find("Regex").as_string();
  if (parts.is_array()) {
    for (const JsonValue::Member& part : parts) {
      if (!pattern) pattern = part.value.find("pattern").find("Regex").as_string();
    }
  }
  if (pattern == kWordsOfQwen2) return {};
  return Status(Code::kUnsupported, where, "a pre_tokenizer that cuts words as Qwen2's does",
                pattern ? Text("the pattern ", pattern->substr(0, 200)) : Text("another"));
}

}  // namespace

Status set_tokenizer(GgufWriter& writer, const fs::path& folder, std::size_t vocab_size) {
  const fs::path path = folder / "tokenizer.json";
  MOXIE_TRY_LET(const auto text, read_optional(path));
  if (!text) return {};
  const std::string_view where = path.native();
  MOXIE_TRY_LET(const JsonDocument document, JsonDocument::parse(*text, kLimits, where));
  const JsonValue model = document.root().find("model");
  if (model.find("type").as_string() != "BPE" || model.find("byte_fallback").as_bool() == true) {
    return Status(Code::kUnsupported, where, "a byte-level BPE", model.find("type").describe());
  }
  MOXIE_TRY(check_words(document.root().find("pre_tokenizer"), where));
  Vocabulary vocabulary(vocab_size);
  MOXIE_TRY(read_vocabulary(document.root(), vocabulary, where));
  std::vector<std::string> merges;
  MOXIE_TRY(read_merges(model.find("merges"), merges, where));
  MOXIE_TRY(writer.set_string("tokenizer.ggml.model", "gpt2"));
  MOXIE_TRY(writer.set_string("tokenizer.ggml.pre", "qwen2"));
  MOXIE_TRY(writer.set_strings("tokenizer.ggml.tokens", vocabulary.tokens));
  MOXIE_TRY(writer.set_i32s("tokenizer.ggml.token_type", vocabulary.types));
  MOXIE_TRY(writer.set_strings("tokenizer.ggml.merges", merges));
  MOXIE_TRY(set_special_ids(writer, folder, *text, vocab_size, where));
  return set_template(writer, folder);
}

}  // namespace moxie::model
