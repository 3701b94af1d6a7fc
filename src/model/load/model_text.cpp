// SPDX-License-Identifier: Apache-2.0
#include "model/load/model_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <moxie/text/message.hpp>

#include "format/file.hpp"
#include "format/json.hpp"
#include "model/load/config_fields.hpp"

namespace moxie::inline abi1::model {

namespace {

namespace fs = std::filesystem;
using format::JsonDocument;
using format::JsonValue;

/// Tokens that end an answer, from wherever a checkpoint names them.
class EndTokens {
 public:
  explicit EndTokens(std::size_t vocab_size) : vocab_size_(vocab_size) {}

  void add(std::optional<std::uint64_t> id) {
    if (id && *id < vocab_size_) ids_.push_back(static_cast<TokenId>(*id));
  }
  void add(std::optional<TokenId> id) {
    if (id && *id >= 0) add(std::optional(static_cast<std::uint64_t>(*id)));
  }
  /// A number, or a list of them.
  Status add_json(std::string_view text, std::string_view where) {
    MOXIE_TRY_LET(const JsonDocument document, parse_config(text, where));
    JsonValue value = document.root().find("eos_token_id");
    if (!value || value.is_null()) value = document.root().find("text_config").find("eos_token_id");
    if (!value || value.is_null()) return {};
    if (!value.is_array()) return add_id(value, where);
    for (const JsonValue::Member& member : value) MOXIE_TRY(add_id(member.value, where));
    return {};
  }
  [[nodiscard]] std::vector<TokenId> take() {
    std::ranges::sort(ids_);
    ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
    return std::move(ids_);
  }

 private:
  Status add_id(JsonValue value, std::string_view where) {
    const auto id = value.as_i64();  // some checkpoints say -1 for none
    if (!id) return Status(Code::kFormat, where, "eos_token_id as a token or a list of them", value.describe());
    if (*id >= 0) add(std::optional(static_cast<std::uint64_t>(*id)));
    return {};
  }

  std::size_t vocab_size_;
  std::vector<TokenId> ids_;
};

/// GGUF names one or two end tokens where a checkpoint has more. Control tokens of these names end answers too.
/// Source   llama.cpp, src/llama-vocab.cpp: what it adds to its end-of-generation tokens
constexpr std::array<std::string_view, 15> kEndNames = {
    "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>",
    "<|end|>",    "<end_of_turn>", "<|return|>", "<|call|>",   "<|calls|>",
    "<|flush|>",  "<EOT>",         "[EOT]",      "< EOT >",    "</s>"};

/// The control token that a template writes behind an answer, if it does.
std::optional<TokenId> end_of_turn(const Tokenizer& tokenizer, const CheckpointTemplate& chat) {
  constexpr std::string_view kAnswer = "moxie-answer";
  const std::array<Message, 2> messages = {Message{.role = "user", .content = "a"},
                                           Message{.role = "assistant", .content = std::string(kAnswer)}};
  const Result<Value> value = to_value(messages);
  if (!value.ok()) return std::nullopt;
  std::vector<std::pair<std::string_view, Value>> variables(chat.special_tokens.begin(), chat.special_tokens.end());
  variables.emplace_back("messages", *value);
  variables.emplace_back("add_generation_prompt", Value(false, Origin::kTemplate));
  variables.emplace_back("tools", Value::null());
  const Result<Rendered> rendered = chat.chat.render({.variables = variables, .limits = {.max_steps = 1'000'000}});
  if (!rendered.ok()) return std::nullopt;  // a template that wants other messages says so when it gets some
  const std::size_t at = rendered->text.rfind(kAnswer);
  if (at == std::string::npos) return std::nullopt;
  const auto behind =
      tokenizer.encode(std::string_view(rendered->text).substr(at + kAnswer.size(), 256), {.add_special = false});
  if (!behind.ok() || behind->empty() || !tokenizer.is_control(behind->front())) return std::nullopt;
  return behind->front();
}

Result<std::vector<TokenId>> read_end_tokens(const Checkpoint& checkpoint, const fs::path& folder,
                                             const ModelText& text, std::size_t vocab_size) {
  EndTokens end(vocab_size);
  if (checkpoint.kind() == CheckpointKind::kGguf) {
    for (const char* key :
         {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
      end.add(checkpoint.metadata().find(key).as_u64());
    }
    for (const std::string_view name : kEndNames) {
      if (!text.tokenizer.ok()) break;
      const std::optional<TokenId> id = text.tokenizer->find(name);
      if (id && text.tokenizer->is_control(*id)) end.add(id);
    }
  } else {
    MOXIE_TRY(end.add_json(checkpoint.config_json(), "config.json"));
    const fs::path path = folder / "generation_config.json";
    std::error_code ignored;
    if (fs::symlink_status(path, ignored).type() != fs::file_type::not_found) {
      MOXIE_TRY_LET(const std::string generation, format::read_small_file(path, 1U << 20U));
      MOXIE_TRY(end.add_json(generation, path.native()));
    }
  }
  if (text.tokenizer.ok()) {
    end.add(text.tokenizer->eos());
    if (text.chat_template.ok()) end.add(end_of_turn(*text.tokenizer, *text.chat_template));
  }
  return end.take();
}

}  // namespace

ModelText read_model_text(const Checkpoint& checkpoint, const fs::path& path, std::size_t vocab_size) {
  const bool gguf = checkpoint.kind() == CheckpointKind::kGguf;
  std::error_code ignored;
  const fs::path folder = fs::is_directory(path, ignored) ? path : path.parent_path();
  ModelText text{
      .tokenizer = gguf ? Tokenizer::from_metadata(checkpoint.metadata()) : Tokenizer::load(folder),
      .chat_template = gguf ? read_chat_template(checkpoint.metadata()) : load_chat_template(folder),
      .end_tokens = std::vector<TokenId>(),
      .recommended_sampling = read_recommended_sampling(checkpoint, folder),
  };
  text.end_tokens = read_end_tokens(checkpoint, folder, text, vocab_size);
  return text;
}

}  // namespace moxie::model
