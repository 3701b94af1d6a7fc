// SPDX-License-Identifier: Apache-2.0
#include "synth_tokenizer.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <moxie/core/utf8.hpp>

namespace moxie::program {

namespace {

// tokenizer.ggml.token_type
constexpr std::int32_t kNormal = 1;
constexpr std::int32_t kControl = 3;
constexpr const char* kLetters = "etaoinshrdlucmfwypvbgkjqxz";

/// How byte-level BPE writes each byte: printable ones as themselves, the others as letters from U+0100 on.
/// Source   bytes_to_unicode() of OpenAI's GPT-2
std::array<std::string, 256> byte_letters() {
  std::array<std::string, 256> letters;
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    utf8::append(letters[byte], printable ? byte : next++);
  }
  return letters;
}

}  // namespace

Status set_synthetic_tokenizer(GgufWriter& writer, std::size_t vocab_size) {
  if (vocab_size < kMinVocabulary) {
    return Status(Code::kInvalidArgument, "synth", Text("a vocabulary of at least ", kMinVocabulary), Text(vocab_size));
  }
  const std::array<std::string, 256> bytes = byte_letters();
  std::vector<std::string> tokens(bytes.begin(), bytes.end());
  std::vector<std::string> merges;
  // Every piece is an earlier one and a letter: level by level, from the single letters and the space.
  std::vector<std::string> level = {bytes[' ']};
  for (const char* letter = kLetters; *letter != 0; ++letter) level.emplace_back(1, *letter);
  const std::size_t pieces = vocab_size - 3;
  while (tokens.size() < pieces) {
    std::vector<std::string> longer;
    for (std::size_t i = 0; i < level.size() && tokens.size() < pieces; ++i) {
      for (const char* letter = kLetters; *letter != 0 && tokens.size() < pieces; ++letter) {
        merges.push_back(level[i] + ' ' + *letter);
        tokens.push_back(level[i] + *letter);
        longer.push_back(tokens.back());
      }
    }
    level = std::move(longer);
  }
  std::vector<std::int32_t> types(pieces, kNormal);
  const auto end_of_text = static_cast<std::uint32_t>(tokens.size());
  for (const char* control : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    tokens.emplace_back(control);
    types.push_back(kControl);
  }
  MOXIE_TRY(writer.set_string("tokenizer.ggml.model", "gpt2"));
  MOXIE_TRY(writer.set_string("tokenizer.ggml.pre", "qwen2"));
  MOXIE_TRY(writer.set_strings("tokenizer.ggml.tokens", tokens));
  MOXIE_TRY(writer.set_i32s("tokenizer.ggml.token_type", types));
  MOXIE_TRY(writer.set_strings("tokenizer.ggml.merges", merges));
  MOXIE_TRY(writer.set_u32("tokenizer.ggml.eos_token_id", end_of_text + 2));
  MOXIE_TRY(writer.set_u32("tokenizer.ggml.eot_token_id", end_of_text + 2));
  MOXIE_TRY(writer.set_u32("tokenizer.ggml.padding_token_id", end_of_text));
  MOXIE_TRY(writer.set_bool("tokenizer.ggml.add_bos_token", false));
  return writer.set_string("tokenizer.chat_template",
                           "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
                           "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
}

}  // namespace moxie::program
