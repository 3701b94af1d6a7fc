// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <moxie/text/tokenizer.hpp>

// Tokenizers small enough to be understood, written as JSON by nlohmann's library, which the reader does not use that
// way.

namespace moxie::test {

using Json = nlohmann::ordered_json;

/// The printable characters of byte-level vocabularies, by the definition in GPT-2's code.
inline std::string byte_character(int byte) {
  int code = byte;
  if (!((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174)) {
    code = 256;
    for (int b = 0; b < byte; ++b) {
      if (!((b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174)) ++code;
    }
  }
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

/// Ids 0 to 255 are the bytes; 256 "ab", 257 "abc", 258 " a", 259 "<|end|>" (special), 260 "<tool>", 261 two spaces.
inline Json small_json() {
  Json vocab = Json::object();
  for (int byte = 0; byte < 256; ++byte) vocab[byte_character(byte)] = byte;
  vocab["ab"] = 256;
  vocab["abc"] = 257;
  vocab
      ["\xc4\xa0"
       "a"] = 258;
  const auto added = [](int id, const char* content, bool special) {
    return Json{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", special}};
  };
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", {added(259, "<|end|>", true), added(260, "<tool>", false), added(261, "  ", false)}},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"vocab", vocab},
            {"merges", {"a b", "ab c", "\xc4\xa0 a"}}}}};
}

inline Result<Tokenizer> load(const Json& json, const Json& config = nullptr) {
  return Tokenizer::from_json(json.dump(), config.is_null() ? std::string() : config.dump());
}
inline Tokenizer small_tokenizer() { return load(small_json()).value(); }

}  // namespace moxie::test
