// SPDX-License-Identifier: Apache-2.0
// Any bytes as tokenizer.json: a typed error, or a tokenizer that encodes and decodes without harm.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <moxie/text/tokenizer.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = moxie::Tokenizer::from_json(json);
  if (!tokenizer.ok()) return 0;
  const std::string_view text = "The <|end|> caf\xc3\xa9  12345 \xff\xe6\x97\xa5\n x";
  const auto ids = tokenizer->encode(text);
  if (!ids.ok()) return 0;
  if (!tokenizer->decode(*ids).ok()) std::abort();
  const auto plain = tokenizer->encode(text, moxie::EncodeOptions::plain_text());
  if (!plain.ok()) std::abort();
  for (const moxie::TokenId id : *plain) {
    if (tokenizer->is_control(id) && id != tokenizer->unk()) std::abort();
  }
  return 0;
}
