// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string_view>
#include <vector>

#include <moxie/core/text.hpp>

#include "text/tokenizer/parts.hpp"

namespace moxie::inline abi1::text {
namespace {

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
constexpr std::string_view kScores = "tokenizer.ggml.scores";
constexpr std::string_view kMerges = "tokenizer.ggml.merges";

Status wrong(std::string_view key, std::string_view needed, const MetadataValue& came) {
  return Status(Code::kFormat, key, needed, came.describe());
}

// Reads `tokenizer.ggml.*`: each key is what the format says it is, or not there.
class Reader {
 public:
  explicit Reader(const Metadata& metadata) noexcept : metadata_(metadata) {}

  Status text(std::string_view key, std::string_view& out) const {
    const MetadataValue value = metadata_.find(key);
    if (!value) return {};
    const auto text = value.as_string();
    if (!text) return wrong(key, "a string", value);
    out = *text;
    return {};
  }

  Status texts(std::string_view key, std::vector<std::string_view>& out) const {
    const MetadataValue list = metadata_.find(key);
    if (!list) return {};
    if (list.element_type() != MetadataType::kString) return wrong(key, "an array of strings", list);
    out.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) out.push_back(*list[i].as_string());
    return {};
  }

  Status id(std::string_view key, std::optional<TokenId>& out) const {
    const MetadataValue value = metadata_.find(key);
    if (!value) return {};
    const auto number = value.as_i64();
    // Some files write -1, or that number without its sign, for a token that there is not.
    if (number == -1 || number == std::int64_t{0xffffffff}) return {};
    if (!number || *number < 0 || static_cast<std::uint64_t>(*number) >= Vocabulary::kMaxTokens) {
      return wrong(key, "the id of a token", value);
    }
    out = static_cast<TokenId>(*number);
    return {};
  }

  Status flag(std::string_view key, std::optional<bool>& out) const {
    const MetadataValue value = metadata_.find(key);
    if (!value) return {};
    out = value.as_bool();
    return out ? Status() : wrong(key, "true or false", value);
  }

  Status types(std::vector<TokenType>& out) const {
    const MetadataValue list = metadata_.find(kTypes);
    if (!list) return {};
    if (!list.is_array()) return wrong(kTypes, "an array of whole numbers", list);
    out.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto number = list[i].as_i64();
      if (!number || *number < 1 || *number > static_cast<std::int64_t>(TokenType::kByte)) {
        return wrong(kTypes, "token types of 1 to 6", list[i]);
      }
      out.push_back(static_cast<TokenType>(*number));
    }
    return {};
  }

  Status scores(std::vector<float>& out) const {
    const MetadataValue list = metadata_.find(kScores);
    if (!list) return {};
    if (!list.is_array()) return wrong(kScores, "an array of numbers", list);
    out.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto number = list[i].as_double();
      if (!number) return wrong(kScores, "numbers", list[i]);
      out.push_back(static_cast<float>(*number));
    }
    return {};
  }

 private:
  const Metadata& metadata_;
};

}  // namespace

Result<std::shared_ptr<const TokenizerParts>> read_tokenizer_metadata(const Metadata& metadata) {
  const Reader reader(metadata);
  TokenizerData data;
  MOXIE_TRY(reader.text("tokenizer.ggml.model", data.model));
  if (data.model.empty()) {
    return Status(Code::kNotFound, "GGUF", "a tokenizer, tokenizer.ggml.model", "none");
  }
  MOXIE_TRY(reader.text("tokenizer.ggml.pre", data.pre));
  // A table that rewrites characters, made when the model was: leaving it out would give other tokens.
  if (const MetadataValue map = metadata.find("tokenizer.ggml.precompiled_charsmap"); map && map.size() > 0) {
    return Status(Code::kUnsupported, "tokenizer.ggml", "a tokenizer without precompiled_charsmap", map.describe());
  }
  MOXIE_TRY(reader.texts(kTokens, data.tokens));
  MOXIE_TRY(reader.types(data.types));
  MOXIE_TRY(reader.scores(data.scores));
  MOXIE_TRY(reader.texts(kMerges, data.merges));
  MOXIE_TRY(reader.id("tokenizer.ggml.bos_token_id", data.bos));
  MOXIE_TRY(reader.id("tokenizer.ggml.eos_token_id", data.eos));
  MOXIE_TRY(reader.id("tokenizer.ggml.unknown_token_id", data.unk));
  MOXIE_TRY(reader.id("tokenizer.ggml.padding_token_id", data.pad));
  MOXIE_TRY(reader.flag("tokenizer.ggml.add_bos_token", data.add_bos));
  MOXIE_TRY(reader.flag("tokenizer.ggml.add_eos_token", data.add_eos));
  MOXIE_TRY(reader.flag("tokenizer.ggml.add_space_prefix", data.add_space_prefix));
  MOXIE_TRY(reader.flag("tokenizer.ggml.remove_extra_whitespaces", data.remove_extra_spaces));
  return read_tokenizer_data(data);
}

}  // namespace moxie::text
