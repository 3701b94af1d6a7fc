// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <moxie/core/utf8.hpp>

#include "format/json_fields.hpp"
#include "text/tokenizer/read_steps.hpp"

namespace moxie::inline abi1::text {
namespace {

using format::JsonFields;
using format::JsonValue;

constexpr std::string_view kDecoder = "decoder";
constexpr std::string_view kPostProcessor = "post_processor";
constexpr std::size_t kMaxSteps = 32;
// Of one text; real ones put one token before and one behind.
constexpr std::size_t kMaxAround = 64;

Status decoder_step(JsonValue part, Decoder& out) {
  const JsonFields fields(kDecoder, part);
  const std::string_view type = type_of(part);
  if (type == "Sequence") {
    const JsonValue list = part.find("decoders");
    if (!list.is_array()) return fields.wrong("decoders", "a list");
    for (const JsonValue::Member& member : list) MOXIE_TRY(decoder_step(member.value, out));
    return {};
  }
  if (out.steps().size() == kMaxSteps) {
    return Status(Code::kUnsupported, kDecoder, Text("at most ", kMaxSteps, " steps"), "more");
  }
  if (type == "ByteLevel") return out.add(ByteLevelDecode{}), Status();
  if (type == "ByteFallback") return out.add(ByteFallbackDecode{}), Status();
  if (type == "Fuse") return out.add(FuseDecode{}), Status();
  if (type == "Metaspace") {
    MOXIE_TRY_LET(const std::string_view replacement, fields.string("replacement"));
    MOXIE_TRY_LET(const bool prefix, fields.boolean("add_prefix_space", true));
    MOXIE_TRY_LET(const std::string_view scheme, fields.string("prepend_scheme", prefix ? "always" : "never"));
    if (replacement.empty()) return fields.wrong("replacement", "one character");
    return out.add(MetaspaceDecode{std::string(replacement), scheme != "never"}), Status();
  }
  if (type == "Strip") {
    MOXIE_TRY_LET(const std::string_view content, fields.string("content"));
    MOXIE_TRY_LET(const std::uint64_t start, fields.whole("start", 0, 1U << 20));
    MOXIE_TRY_LET(const std::uint64_t stop, fields.whole("stop", 0, 1U << 20));
    if (content.empty() || utf8::character_size(content[0]) != content.size())
      return fields.wrong("content", "one character");
    return out.add(StripDecode{std::string(content), static_cast<std::size_t>(start), static_cast<std::size_t>(stop)}),
           Status();
  }
  if (type == "Replace") {
    MOXIE_TRY_LET(Pattern pattern, read_pattern(part.find("pattern"), kDecoder));
    MOXIE_TRY_LET(const std::string_view content, fields.string("content"));
    return out.add(ReplaceDecode{std::move(pattern), std::string(content)}), Status();
  }
  return Status(Code::kUnsupported, kDecoder,
                "ByteLevel, ByteFallback, Fuse, Metaspace, Strip, Replace, or a Sequence of them",
                type.empty() ? part.describe() : Text(type.substr(0, 60)));
}

Result<TokenId> token_id(JsonValue value, const TokenizerParts& parts) {
  const auto id = value.as_u64();
  if (id && *id < parts.size && parts.has(static_cast<TokenId>(*id))) return static_cast<TokenId>(*id);
  return Status(Code::kFormat, kPostProcessor, "the id of a token", value.describe());
}

// {"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}], "special_tokens": {"<s>": {"ids": [1]}}}
Status read_template(JsonValue part, TokenizerParts& out) {
  const JsonValue single = part.find("single");
  if (!single.is_array()) return JsonFields(kPostProcessor, part).wrong("single", "a list");
  std::vector<TokenId> before;
  std::vector<TokenId> behind;
  bool text_seen = false;
  for (const JsonValue::Member& member : single) {
    if (const JsonValue sequence = member.value.find("Sequence")) {
      if (text_seen || sequence.find("id").as_string() != "A") {
        return Status(Code::kUnsupported, kPostProcessor, "a template with the text A once", sequence.describe());
      }
      text_seen = true;
      continue;
    }
    const auto name = member.value.find("SpecialToken").find("id").as_string();
    if (!name) return Status(Code::kFormat, kPostProcessor, "a SpecialToken or a Sequence", member.value.describe());
    const JsonValue ids = part.find("special_tokens").find(*name).find("ids");
    if (!ids.is_array()) {
      return Status(Code::kFormat, kPostProcessor, Text("'", name->substr(0, 60), "' among special_tokens, with ids"),
                    ids.describe());
    }
    for (const JsonValue::Member& id : ids) {
      MOXIE_TRY_LET(const TokenId token, token_id(id.value, out));
      (text_seen ? behind : before).push_back(token);
    }
  }
  if (!text_seen) return Status(Code::kUnsupported, kPostProcessor, "a template with the text A", "one without");
  out.prefix.insert(out.prefix.begin(), before.begin(), before.end());
  out.suffix.insert(out.suffix.end(), behind.begin(), behind.end());
  return {};
}

// "sep" and "cls" as [text, id].
Status read_pair(JsonValue part, TokenizerParts& out) {
  TokenId ids[2] = {};
  for (std::size_t i = 0; i < 2; ++i) {
    const JsonValue pair = part.find(i == 0 ? "cls" : "sep");
    JsonValue last;
    for (const JsonValue::Member& member : pair) last = member.value;
    MOXIE_TRY_LET(ids[i], token_id(last, out));
  }
  out.prefix.insert(out.prefix.begin(), ids, ids + 1);
  out.suffix.push_back(ids[1]);
  return {};
}

}  // namespace

Status read_decoder(JsonValue part, Decoder& out) {
  if (!part || part.is_null()) return {};
  return decoder_step(part, out);
}

Status read_post_processor(JsonValue part, TokenizerParts& out, bool& found) {
  if (!part || part.is_null()) return {};
  const std::string_view type = type_of(part);
  if (type == "ByteLevel") return {};  // it moves offsets, which are not kept
  if (type == "Sequence") {
    const JsonValue list = part.find("processors");
    if (!list.is_array()) return JsonFields(kPostProcessor, part).wrong("processors", "a list");
    for (const JsonValue::Member& member : list) MOXIE_TRY(read_post_processor(member.value, out, found));
    return {};
  }
  found = true;
  if (type == "TemplateProcessing") {
    MOXIE_TRY(read_template(part, out));
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    MOXIE_TRY(read_pair(part, out));
  } else {
    return Status(Code::kUnsupported, kPostProcessor,
                  "TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing, or a Sequence of them",
                  type.empty() ? part.describe() : Text(type.substr(0, 60)));
  }
  if (out.prefix.size() + out.suffix.size() > kMaxAround) {
    return Status(Code::kUnsupported, kPostProcessor, Text("at most ", kMaxAround, " tokens around a text"), "more");
  }
  return {};
}

}  // namespace moxie::text
