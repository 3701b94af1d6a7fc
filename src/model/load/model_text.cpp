// SPDX-License-Identifier: Apache-2.0
#include "model/load/model_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <moxie/text/call_form.hpp>

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
  /// Whoever named it.
  void remove(std::optional<TokenId> id) {
    if (id) std::erase(ids_, *id);
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

/// GGUF has room for one or two end tokens where a checkpoint has more. These end a document, whatever a template makes
/// of turns; what ends a turn is said by the keys and by the template, never by a name: `<|end|>` ends a turn for some
/// and the channel of a message for others.
constexpr std::array<std::string_view, 5> kDocumentEnds = {"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>",
                                                           "<｜end▁of▁sentence｜>"};

std::optional<TokenId> control_token(const Tokenizer& tokenizer, std::string_view name) {
  const std::optional<TokenId> id = name.empty() ? std::nullopt : tokenizer.find(name);
  return id && tokenizer.is_control(*id) ? id : std::nullopt;
}

/// The control token that a text begins with, if it does.
std::optional<TokenId> leading_control(const Tokenizer& tokenizer, std::string_view text) {
  const auto ids = tokenizer.encode(text, {.add_special = false});
  if (!ids.ok() || ids->empty() || !tokenizer.is_control(ids->front())) return std::nullopt;
  return ids->front();
}

void add_ends_of_template(EndTokens& end, const Tokenizer& tokenizer, const TemplateTraits& traits) {
  end.add(leading_control(tokenizer, traits.behind_answer));
  end.add(leading_control(tokenizer, traits.behind_call));
  for (const CallForm* form : traits.forms) end.add(control_token(tokenizer, form->answer_end));
  if (!traits.channels) return;
  end.add(control_token(tokenizer, ChannelMarks::kReturn));
  end.add(control_token(tokenizer, ChannelMarks::kCall));
  end.remove(control_token(tokenizer, ChannelMarks::kEnd));
}

Result<std::vector<TokenId>> read_end_tokens(const Checkpoint& checkpoint, const fs::path& folder,
                                             const ModelText& text, std::size_t vocab_size) {
  EndTokens end(vocab_size);
  if (checkpoint.kind() == CheckpointKind::kGguf) {
    for (const char* key :
         {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
      end.add(checkpoint.metadata().find(key).as_u64());
    }
    for (const std::string_view name : kDocumentEnds) {
      if (text.tokenizer.ok()) end.add(control_token(*text.tokenizer, name));
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
    if (text.chat_template.ok()) {
      for (const ChatVariant& variant : text.chat_template->variants) {
        add_ends_of_template(end, *text.tokenizer, variant.traits);
      }
    }
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
