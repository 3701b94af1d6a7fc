// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/read_steps.hpp"

#include <algorithm>

#include <moxie/core/utf8.hpp>

#include "format/json_fields.hpp"
#include "text/tokenizer/published_patterns.hpp"

namespace moxie::inline abi1::text {
namespace {

using format::JsonFields;
using format::JsonValue;

constexpr std::string_view kNormalizer = "normalizer";
constexpr std::string_view kPreTokenizer = "pre_tokenizer";
// Steps call each other, so this bounds the stack as well.
constexpr std::size_t kMaxSteps = 32;

Status too_many(std::string_view where) {
  return Status(Code::kUnsupported, where, Text("at most ", kMaxSteps, " steps"), "more");
}

Result<Behavior> read_behavior(const JsonFields& fields, std::string_view where) {
  MOXIE_TRY_LET(const std::string_view name, fields.string("behavior"));
  if (name == "Isolated") return Behavior::kIsolated;
  if (name == "Removed") return Behavior::kRemoved;
  if (name == "MergedWithPrevious") return Behavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return Behavior::kMergedWithNext;
  if (name == "Contiguous") return Behavior::kContiguous;
  return Status(Code::kFormat, where, "behavior Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous",
                name.substr(0, 60));
}

Status normalizer_step(JsonValue part, std::size_t& n_steps, Normalizer& out) {
  const JsonFields fields(kNormalizer, part);
  const std::string_view type = type_of(part);
  if (type == "Sequence") {
    const JsonValue list = part.find("normalizers");
    if (!list.is_array()) return fields.wrong("normalizers", "a list");
    for (const JsonValue::Member& member : list) MOXIE_TRY(normalizer_step(member.value, n_steps, out));
    return {};
  }
  if (++n_steps > kMaxSteps) return too_many(kNormalizer);
  if (type == "NFC") return out.add(UnicodeForm::make(UnicodeForm::Kind::kNfc)), Status();
  if (type == "NFD") return out.add(UnicodeForm::make(UnicodeForm::Kind::kNfd)), Status();
  if (type == "NFKC") return out.add(UnicodeForm::make(UnicodeForm::Kind::kNfkc)), Status();
  if (type == "NFKD") return out.add(UnicodeForm::make(UnicodeForm::Kind::kNfkd)), Status();
  if (type == "Lowercase") return out.add(Lowercase{}), Status();
  if (type == "Strip") {
    MOXIE_TRY_LET(const bool left, fields.boolean("strip_left"));
    MOXIE_TRY_LET(const bool right, fields.boolean("strip_right"));
    return out.add(Strip{left, right}), Status();
  }
  if (type == "Prepend") {
    MOXIE_TRY_LET(const std::string_view text, fields.string("prepend"));
    return out.add(Prepend{std::string(text)}), Status();
  }
  if (type == "Replace") {
    MOXIE_TRY_LET(Pattern pattern, read_pattern(part.find("pattern"), kNormalizer));
    MOXIE_TRY_LET(const std::string_view content, fields.string("content"));
    return out.add(Replace{std::move(pattern), std::string(content)}), Status();
  }
  return Status(Code::kUnsupported, kNormalizer,
                "NFC, NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace, or a Sequence of them",
                type.empty() ? part.describe() : Text(type.substr(0, 60)));
}

Result<MetaspaceStep> read_metaspace(const JsonFields& fields, std::string_view where) {
  MetaspaceStep step;
  MOXIE_TRY_LET(const std::string_view replacement, fields.string("replacement"));
  if (replacement.empty() || utf8::character_size(replacement[0]) != replacement.size()) {
    return fields.wrong("replacement", "one character");
  }
  step.replacement = replacement;
  // Older files say add_prefix_space alone.
  MOXIE_TRY_LET(const bool prefix, fields.boolean("add_prefix_space", true));
  MOXIE_TRY_LET(const std::string_view scheme, fields.string("prepend_scheme", prefix ? "always" : "never"));
  MOXIE_TRY_LET(step.split, fields.boolean("split", true));
  if (scheme == "always") {
    step.prepend = MetaspaceStep::Prepend::kAlways;
  } else if (scheme == "first") {
    step.prepend = MetaspaceStep::Prepend::kFirst;
  } else if (scheme == "never") {
    step.prepend = MetaspaceStep::Prepend::kNever;
  } else {
    return Status(Code::kFormat, where, "prepend_scheme always, first or never", scheme.substr(0, 60));
  }
  return step;
}

Status pre_tokenizer_step(JsonValue part, PreTokenizer& out) {
  const JsonFields fields(kPreTokenizer, part);
  const std::string_view type = type_of(part);
  if (type == "Sequence") {
    const JsonValue list = part.find("pretokenizers");
    if (!list.is_array()) return fields.wrong("pretokenizers", "a list");
    for (const JsonValue::Member& member : list) MOXIE_TRY(pre_tokenizer_step(member.value, out));
    return {};
  }
  if (out.steps().size() == kMaxSteps) return too_many(kPreTokenizer);
  using Kind = ClassStep::Kind;
  if (type == "Split") {
    MOXIE_TRY_LET(Pattern pattern, read_pattern(part.find("pattern"), kPreTokenizer));
    MOXIE_TRY_LET(const Behavior behavior, read_behavior(fields, kPreTokenizer));
    MOXIE_TRY_LET(const bool invert, fields.boolean("invert", false));
    return out.add(SplitStep{std::move(pattern), behavior, invert}), Status();
  }
  if (type == "ByteLevel") {
    if (out.byte_level()) return Status(Code::kUnsupported, kPreTokenizer, "one ByteLevel", "another");
    ByteLevelStep step;
    MOXIE_TRY_LET(step.add_prefix_space, fields.boolean("add_prefix_space", true));
    MOXIE_TRY_LET(const bool use_regex, fields.boolean("use_regex", true));
    if (use_regex) {
      MOXIE_TRY_LET(Pattern pattern, Pattern::regex(published::kGpt2));
      step.pattern.push_back(std::move(pattern));
    }
    return out.add(std::move(step)), Status();
  }
  if (type == "Metaspace") {
    if (out.byte_level()) return Status(Code::kUnsupported, kPreTokenizer, "Metaspace before ByteLevel", "behind it");
    MOXIE_TRY_LET(MetaspaceStep step, read_metaspace(fields, kPreTokenizer));
    return out.add(std::move(step)), Status();
  }
  if (type == "Digits") {
    MOXIE_TRY_LET(const bool individual, fields.boolean("individual_digits", false));
    return out.add(ClassStep{Kind::kDigits, individual ? Behavior::kIsolated : Behavior::kContiguous}), Status();
  }
  if (type == "Punctuation") {
    Behavior behavior = Behavior::kIsolated;
    if (fields.has("behavior")) {
      MOXIE_TRY_LET(behavior, read_behavior(fields, kPreTokenizer));
    }
    return out.add(ClassStep{Kind::kPunctuation, behavior}), Status();
  }
  if (type == "Whitespace") return out.add(ClassStep{Kind::kWhitespace, Behavior::kIsolated}), Status();
  if (type == "WhitespaceSplit") return out.add(ClassStep{Kind::kWhitespaceSplit, Behavior::kRemoved}), Status();
  return Status(Code::kUnsupported, kPreTokenizer,
                "Split, ByteLevel, Metaspace, Digits, Punctuation, Whitespace, WhitespaceSplit, or a Sequence of them",
                type.empty() ? part.describe() : Text(type.substr(0, 60)));
}

}  // namespace

std::string_view type_of(JsonValue part) noexcept { return part.find("type").as_string().value_or(std::string_view()); }

Result<Pattern> read_pattern(JsonValue pattern, std::string_view where) {
  if (const auto text = pattern.find("String").as_string()) return Pattern::literal(*text);
  if (const auto regex = pattern.find("Regex").as_string()) return Pattern::regex(*regex);
  return Status(Code::kFormat, where, "pattern as a String or a Regex", pattern.describe());
}

Status read_normalizer(JsonValue part, Normalizer& out) {
  if (!part || part.is_null()) return {};
  std::size_t n_steps = 0;
  return normalizer_step(part, n_steps, out);
}

Status read_pre_tokenizer(JsonValue part, PreTokenizer& out) {
  if (!part || part.is_null()) return {};
  return pre_tokenizer_step(part, out);
}

}  // namespace moxie::text
