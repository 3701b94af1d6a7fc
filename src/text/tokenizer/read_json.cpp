// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "format/json_fields.hpp"
#include "text/tokenizer/bpe.hpp"
#include "text/tokenizer/hash.hpp"
#include "text/tokenizer/json_split.hpp"
#include "text/tokenizer/read_steps.hpp"
#include "text/tokenizer/unigram.hpp"

namespace moxie::inline abi1::text {
namespace {

using format::JsonDocument;
using format::JsonFields;
using format::JsonLimits;
using format::JsonValue;

constexpr std::string_view kFile = "tokenizer.json";
constexpr std::string_view kConfigFile = "tokenizer_config.json";

Status read_added_tokens(JsonValue list, TokenizerParts& parts) {
  if (!list || list.is_null()) return {};
  if (!list.is_array()) return Status(Code::kFormat, kFile, "added_tokens as a list", list.describe());
  if (list.size() > kMaxAddedTokens) {
    return Status(Code::kUnsupported, kFile, Text("at most ", kMaxAddedTokens, " added tokens"), Text(list.size()));
  }
  for (const JsonValue::Member& member : list) {
    const JsonFields fields("tokenizer.json, added_tokens", member.value);
    AddedToken token;
    MOXIE_TRY_LET(const std::uint64_t id, fields.whole("id", 0, Vocabulary::kMaxTokens - 1));
    MOXIE_TRY_LET(const std::string_view content, fields.string("content"));
    token.id = static_cast<TokenId>(id);
    token.content = content;
    MOXIE_TRY_LET(token.special, fields.boolean("special", false));
    MOXIE_TRY_LET(token.single_word, fields.boolean("single_word", false));
    MOXIE_TRY_LET(token.lstrip, fields.boolean("lstrip", false));
    MOXIE_TRY_LET(token.rstrip, fields.boolean("rstrip", false));
    MOXIE_TRY_LET(token.normalized, fields.boolean("normalized", !token.special));
    // The vocabulary is still written as in the file.
    const auto known = parts.vocabulary.find(content);
    if ((known && *known != token.id) || (!known && parts.vocabulary.has(token.id))) {
      return Status(Code::kFormat, kFile,
                    known ? Text("added token '", content.substr(0, 60), "' with its id in the vocabulary, ", *known)
                          : Text("an id that is free for the added token '", content.substr(0, 60), "'"),
                    Text(token.id));
    }
    parts.added.push_back(std::move(token));
  }
  std::vector<std::string_view> contents;
  for (const AddedToken& token : parts.added) contents.push_back(token.content);
  std::sort(contents.begin(), contents.end());
  const auto twin = std::adjacent_find(contents.begin(), contents.end());
  if (twin == contents.end()) return {};
  return Status(Code::kFormat, kFile, "each added token once", Text("'", twin->substr(0, 60), "' twice"));
}

Result<std::optional<TokenId>> read_unk(const JsonFields& model, const TokenizerParts& parts) {
  if (!model.has("unk_token")) return std::optional<TokenId>();
  MOXIE_TRY_LET(const std::string_view text, model.string("unk_token"));
  const auto id = parts.vocabulary.find(text);
  if (!id) return model.wrong("unk_token", "a token of the vocabulary");
  return id;
}

Status make_bpe(JsonValue part, SplitJson& split, TokenizerParts& parts, std::uint64_t seed) {
  const JsonFields model("tokenizer.json, model", part);
  if (split.scored) return Status(Code::kFormat, kFile, "vocab of BPE as text: id", "a list");
  if (model.has("dropout") && part.find("dropout").as_double() != 0.0) {
    return Status(Code::kUnsupported, kFile, "BPE without dropout", part.find("dropout").describe());
  }
  BpeOptions options;
  MOXIE_TRY_LET(options.unk, read_unk(model, parts));
  MOXIE_TRY_LET(options.fuse_unk, model.boolean("fuse_unk", false));
  MOXIE_TRY_LET(options.byte_fallback, model.boolean("byte_fallback", false));
  MOXIE_TRY_LET(options.ignore_merges, model.boolean("ignore_merges", false));
  MOXIE_TRY_LET(const std::string_view prefix, model.string("continuing_subword_prefix", std::string_view()));
  MOXIE_TRY_LET(const std::string_view suffix, model.string("end_of_word_suffix", std::string_view()));
  options.continuing_subword_prefix = prefix;
  options.end_of_word_suffix = suffix;
  options.byte_level = parts.pre_tokenizer.byte_level();
  parts.unk = options.unk;
  if (options.byte_level) {
    if (options.byte_fallback) {
      return Status(Code::kUnsupported, kFile, "byte_fallback or ByteLevel", "both");
    }
    parts.vocabulary.to_bytes();
    MOXIE_TRY(parts.vocabulary.index(seed));
  }
  parts.merges = std::move(split.merges);
  parts.description = options.byte_level ? "byte-level BPE" : options.byte_fallback ? "BPE with byte fallback" : "BPE";
  parts.model = std::make_unique<Bpe>(parts.vocabulary, parts.merges, parts.controls, std::move(options));
  return {};
}

Status make_unigram(JsonValue part, SplitJson& split, TokenizerParts& parts, std::uint64_t seed) {
  const JsonFields model("tokenizer.json, model", part);
  if (!split.scored) return Status(Code::kFormat, kFile, "vocab of Unigram as a list", "text: id");
  if (parts.pre_tokenizer.byte_level()) return Status(Code::kUnsupported, kFile, "Unigram over text", "ByteLevel");
  if (parts.vocabulary.longest() > Unigram::kMaxTokenBytes) {
    return Status(Code::kUnsupported, kFile, Text("tokens of Unigram of at most ", Unigram::kMaxTokenBytes, " bytes"),
                  Text(parts.vocabulary.longest()));
  }
  if (split.scores.empty()) return Status(Code::kFormat, kFile, "at least one token", "none");
  UnigramOptions options;
  if (model.has("unk_id")) {
    MOXIE_TRY_LET(const std::uint64_t id, model.whole("unk_id", 0, split.scores.size() - 1));
    options.unk = static_cast<TokenId>(id);
  }
  MOXIE_TRY_LET(options.byte_fallback, model.boolean("byte_fallback", false));
  parts.unk = options.unk;
  parts.description = options.byte_fallback ? "Unigram with byte fallback" : "Unigram";
  parts.model = std::make_unique<Unigram>(parts.vocabulary, parts.controls, std::move(split.scores), options, seed);
  return {};
}

Status make_model(JsonValue part, SplitJson& split, TokenizerParts& parts, std::uint64_t seed) {
  const std::string_view type = type_of(part);
  if (type == "BPE" || (part && type.empty() && split.n_merges > 0)) return make_bpe(part, split, parts, seed);
  if (type == "Unigram") return make_unigram(part, split, parts, seed);
  return Status(Code::kUnsupported, kFile, "a model of type BPE or Unigram",
                type.empty() ? part.find("type").describe() : Text(type.substr(0, 60)));
}

// A special token of tokenizer_config.json: its text, or an object with it.
Status read_named(const JsonDocument& config, std::string_view key, const TokenizerParts& parts,
                  std::optional<TokenId>& out) {
  const JsonValue value = config.root().find(key);
  if (!value || value.is_null()) return {};
  const auto text = value.is_object() ? value.find("content").as_string() : value.as_string();
  if (!text) return JsonFields(kConfigFile, config.root()).wrong(key, "a text, or an object with content");
  // Some files name tokens that their vocabulary lacks; that is no reason to refuse what can be used.
  if (const auto id = parts.find(*text)) out = id;
  return {};
}

Status read_config(std::string_view json, bool has_template, TokenizerParts& parts) {
  // Chat templates are in here too, and for many checkpoints a second list of added tokens.
  const JsonLimits limits{.max_bytes = 16U << 20, .max_depth = 64, .max_values = 1U << 20, .max_token_bytes = 1U << 20};
  MOXIE_TRY_LET(const JsonDocument config, JsonDocument::parse(json, limits, kConfigFile));
  if (!config.root().is_object()) return Status(Code::kFormat, kConfigFile, "an object", config.root().describe());
  MOXIE_TRY(read_named(config, "bos_token", parts, parts.bos));
  MOXIE_TRY(read_named(config, "eos_token", parts, parts.eos));
  MOXIE_TRY(read_named(config, "unk_token", parts, parts.unk));
  MOXIE_TRY(read_named(config, "pad_token", parts, parts.pad));
  if (has_template) return {};
  const JsonFields fields(kConfigFile, config.root());
  MOXIE_TRY_LET(const bool add_bos, fields.boolean("add_bos_token", false));
  MOXIE_TRY_LET(const bool add_eos, fields.boolean("add_eos_token", false));
  if (add_bos && parts.bos) parts.prefix.push_back(*parts.bos);
  if (add_eos && parts.eos) parts.suffix.push_back(*parts.eos);
  return {};
}

}  // namespace

Result<std::shared_ptr<const TokenizerParts>> read_tokenizer_json(std::string_view json, std::string_view config_json) {
  const std::uint64_t seed = hash_bytes(json, 0);
  SplitJson split(kFile);
  MOXIE_TRY(split_json(json, kFile, seed, split));
  const JsonLimits limits{.max_bytes = 16U << 20, .max_depth = 64, .max_values = 1U << 19, .max_token_bytes = 1U << 20};
  MOXIE_TRY_LET(const JsonDocument document, JsonDocument::parse(split.rest, limits, kFile));
  split.rest = {};
  const JsonValue root = document.root();
  if (!root.is_object()) return Status(Code::kFormat, kFile, "an object", root.describe());

  auto parts = std::make_shared<TokenizerParts>(kFile);
  parts->vocabulary = std::move(split.vocabulary);
  MOXIE_TRY(read_normalizer(root.find("normalizer"), parts->normalizer));
  MOXIE_TRY(read_pre_tokenizer(root.find("pre_tokenizer"), parts->pre_tokenizer));
  MOXIE_TRY(read_added_tokens(root.find("added_tokens"), *parts));
  MOXIE_TRY(make_model(root.find("model"), split, *parts, seed));
  MOXIE_TRY(finish_added_tokens(*parts, kFile));
  MOXIE_TRY(read_decoder(root.find("decoder"), parts->decoder));
  bool has_template = false;
  MOXIE_TRY(read_post_processor(root.find("post_processor"), *parts, has_template));
  if (!config_json.empty()) MOXIE_TRY(read_config(config_json, has_template, *parts));
  describe(*parts);
  return std::shared_ptr<const TokenizerParts>(std::move(parts));
}

}  // namespace moxie::text
