// SPDX-License-Identifier: Apache-2.0
// Metadata of a GGUF file, made of the input, as a tokenizer and as a chat template: a typed error, or a tokenizer that
// encodes and decodes without harm.
//
// The first byte chooses the model, the second the pre-tokenizer, the third which keys are there. Then come entries: a
// byte with the kind of entry and four bits for a token's type, a byte with its size, and its text.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/text/tokenizer.hpp>

namespace {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) noexcept : data_(data), left_(size) {}

  [[nodiscard]] bool empty() const noexcept { return left_ == 0; }
  std::uint8_t byte() noexcept {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  std::string_view text(std::size_t size) noexcept {
    size = size < left_ ? size : left_;
    const std::string_view text(reinterpret_cast<const char*>(data_), size);
    data_ += size;
    left_ -= size;
    return text;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

// Most ids name a token; some lie beyond the vocabulary, or below.
moxie::TokenId id_of(std::uint8_t byte) noexcept {
  return byte == 255 ? -1 : byte == 254 ? 0x7fffffff : static_cast<moxie::TokenId>(byte);
}

moxie::TokenizerData read(Input& input) {
  static constexpr std::string_view kModels[] = {"gpt2", "llama", "t5", "bert"};
  moxie::TokenizerData data;
  data.model = kModels[input.byte() % 4];
  const auto names = moxie::pre_tokenizer_names();
  const std::size_t pre = input.byte() % (names.size() + 2);
  data.pre = pre < names.size() ? names[pre] : pre == names.size() ? "" : "nobody";
  const std::uint8_t keys = input.byte();
  if ((keys & 1U) != 0) data.bos = id_of(input.byte());
  if ((keys & 2U) != 0) data.eos = id_of(input.byte());
  if ((keys & 4U) != 0) data.unk = id_of(input.byte());
  if ((keys & 8U) != 0) data.add_bos = (keys & 128U) != 0;
  if ((keys & 16U) != 0) data.add_eos = (keys & 128U) != 0;
  if ((keys & 32U) != 0) data.add_space_prefix = (keys & 128U) != 0;
  const bool types = (keys & 64U) == 0;
  while (!input.empty()) {
    const std::uint8_t kind = input.byte();
    const std::string_view text = input.text(input.byte() % 64);
    if ((kind & 1U) != 0) {
      data.merges.push_back(text);
      continue;
    }
    data.tokens.push_back(text);
    if (types) data.types.push_back(static_cast<moxie::TokenType>(kind >> 1U & 7U));
    if (data.model != "gpt2") data.scores.push_back(-static_cast<float>(kind >> 4U));
  }
  return data;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Input input(bytes, size);
  const auto tokenizer = moxie::Tokenizer::create(read(input));
  if (!tokenizer.ok()) {
    const moxie::Code code = tokenizer.status().code();
    if (code != moxie::Code::kFormat && code != moxie::Code::kUnsupported) std::abort();
    return 0;
  }
  const std::string_view text = "The <|end|> caf\xc3\xa9  12345 \xff\xe6\x97\xa5\n x abab";
  const auto ids = tokenizer->encode(text);
  if (ids.ok() && !tokenizer->decode(*ids).ok()) std::abort();
  const auto plain = tokenizer->encode(text, moxie::EncodeOptions::plain_text());
  if (!plain.ok()) return 0;
  for (const moxie::TokenId id : *plain) {
    if (tokenizer->is_control(id) && id != tokenizer->unk()) std::abort();
  }
  return 0;
}
