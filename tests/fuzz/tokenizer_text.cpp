// SPDX-License-Identifier: Apache-2.0
// Any bytes as text: with byte-level BPE they make the round trip, whole and as a stream, and an untrusted part yields
// no control token. The first byte chooses the pre-tokenizer, the second the untrusted part.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/text/decode_stream.hpp>
#include <moxie/text/tokenizer.hpp>

namespace {

std::string character(int byte) {
  int code = byte;
  const auto prints = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b != 173); };
  if (!prints(byte)) {
    code = 256;
    for (int b = 0; b < byte; ++b) code += prints(b) ? 0 : 1;
  }
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

std::vector<moxie::Tokenizer> make() {
  std::vector<std::string> texts;
  for (int byte = 0; byte < 256; ++byte) texts.push_back(character(byte));
  for (const char* text : {"th", "the", "aa", "aaaa", "<|end|>", "t h", "th e", "a a", "aa aa"})
    texts.emplace_back(text);
  moxie::TokenizerData data;
  data.model = "gpt2";
  data.tokens.assign(texts.begin(), texts.begin() + 261);
  data.types.assign(261, moxie::TokenType::kNormal);
  data.types[260] = moxie::TokenType::kControl;
  data.merges.assign(texts.begin() + 261, texts.end());
  std::vector<moxie::Tokenizer> all;
  for (const std::string_view name : moxie::pre_tokenizer_names()) {
    if (name == "qwen2" || name == "command-r") continue;  // these normalize: no round trip
    data.pre = name;
    all.push_back(moxie::Tokenizer::create(data).value());
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<moxie::Tokenizer> tokenizers = make();
  if (size < 2) return 0;
  const moxie::Tokenizer& tokenizer = tokenizers[data[0] % tokenizers.size()];
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
  const moxie::TextSpan span{data[1] & 15U, (data[1] & 15U) + (data[1] >> 4)};
  const auto ids = tokenizer.encode(text, {.untrusted = {&span, 1}});
  if (!ids.ok() || tokenizer.decode(*ids).value() != text) std::abort();
  auto stream = tokenizer.stream().value();
  std::string joined;
  for (const moxie::TokenId id : *ids) joined += stream.push(id).value();
  joined += stream.finish().value();
  if (joined != text) std::abort();
  for (const moxie::TokenId id : tokenizer.encode(text, moxie::EncodeOptions::plain_text()).value()) {
    if (tokenizer.is_control(id)) std::abort();
  }
  return 0;
}
