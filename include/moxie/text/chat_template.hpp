// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/format/metadata.hpp>
#include <moxie/text/template_traits.hpp>
#include <moxie/text/value.hpp>

namespace moxie::inline abi1 {

/// What one template and one render of it may cost. A template is code from a stranger: it runs within these.
struct TemplateLimits {
  std::uint64_t max_template_bytes = 256U * 1024;
  std::uint64_t max_steps = 10'000'000;  ///< evaluations, and 32 bytes of text touched
  /// Of values and texts made while rendering, the result included: so much, and 3 bytes for each byte given (the
  /// template and its variables).
  std::uint64_t max_memory_bytes = 12U << 20U;
  std::uint64_t max_output_bytes = 32U << 20U;  ///< of one text, finished or not
};

/// A moment on a wall clock: what `strftime_now` shows.
struct LocalTime {
  int year = 1970;
  int month = 1;  ///< 1 to 12
  int day = 1;    ///< 1 to 31
  int hour = 0;
  int minute = 0;
  int second = 0;  ///< 0 to 60

  /// The system's clock in its time zone.
  MOXIE_API static LocalTime system() noexcept;
};

/// What a template is rendered with. Everything is optional; views need to live during the call only.
struct RenderInput {
  std::span<const std::pair<std::string_view, Value>> variables{};  ///< messages, tools, add_generation_prompt, ...
  std::optional<LocalTime> now{};                                   ///< default: the system's
  TemplateLimits limits{};
};

/// A prompt, and who wrote which byte of it.
///
/// A tokenizer reads control tokens from kTemplate spans alone. What a message says stays kData wherever a template
/// puts it and whatever filters it goes through: a `<|im_end|>` inside it is text.
struct Rendered {
  struct Span {
    std::size_t end;  ///< it begins where the one before ended
    Origin origin;

    bool operator==(const Span&) const = default;
  };

  std::string text;
  std::vector<Span> spans;  ///< neighbours differ; the last ends at text.size(); none for an empty text
};

/// A chat template as checkpoints carry it: Jinja, read as transformers reads it (trim_blocks, lstrip_blocks, loop
/// controls, the generation tag, in its immutable sandbox).
///
///     MOXIE_TRY_LET(const ChatTemplate chat, ChatTemplate::parse(source, "chat_template.jinja"));
///     MOXIE_TRY_LET(const Rendered prompt, chat.render({.variables = variables}));
///
/// Text is counted in Unicode characters; whole numbers have 64 bits. Refused by name (kUnsupported): include, import,
/// extends, block, autoescape, recursive loops, lipsum, and reckoning with numbers beyond 64 bits.
/// docs/design/007-chat-templates.md says what else differs from Jinja.
///
/// Errors   all name the template and the line.
///          parse: kFormat: not a template.  kUnsupported: see above.  kBudget: too long, nested too deep.
///          render: kInvalidArgument: the template refused its input by raise_exception, with its message.
///          kFormat: it did what Python would raise for.  kBudget: a limit, named.  kUnsupported.  Both: kNoMemory.
/// Threads  immutable; any number may render at once.
class MOXIE_API ChatTemplate {
 public:
  static Result<ChatTemplate> parse(std::string_view source, std::string_view name = "chat template",
                                    const TemplateLimits& limits = {}) noexcept;

  [[nodiscard]] Result<Rendered> render(const RenderInput& input) const noexcept;

 private:
  struct Parsed;
  explicit ChatTemplate(std::shared_ptr<const Parsed> parsed) noexcept : parsed_(std::move(parsed)) {}
  std::shared_ptr<const Parsed> parsed_;
};

/// One of the templates that a checkpoint has.
struct ChatVariant {
  std::string name;
  Result<ChatTemplate> chat;  ///< an error is for the one who wants this one
  TemplateTraits traits{};
};

/// The chat template of a checkpoint, and the names of its special tokens as templates ask for them.
struct CheckpointTemplate {
  ChatTemplate chat;                                            ///< the one that was asked for
  std::vector<std::pair<std::string, Value>> special_tokens{};  ///< bos_token, eos_token, ...: kTemplate, every byte
  TemplateTraits traits{};                                      ///< of `chat`
  std::vector<ChatVariant> variants{};                          ///< all, `chat` among them
  /// Not ok where none was asked for and none is the default: `chat` is another then, for whoever names it.
  Status no_default{};

  /// The variant of that name. Without a name as transformers chooses: "tool_use" where tools are offered and there is
  /// one, otherwise `chat`, for which it is null.
  ///
  /// Errors   kNotFound: none of that name, or no default; says which there are.  Those of parsing it.
  [[nodiscard]] MOXIE_API Result<const ChatVariant*> choose(std::string_view name, bool with_tools) const noexcept;
};

/// Reads `path`: a template (*.jinja), a .gguf file, or a checkpoint's folder. There chat_template.jinja, with the
/// files of additional_chat_templates beside it, goes before chat_template in tokenizer_config.json, as in
/// transformers. Where that is a list of templates with names, or GGUF has several, `name` chooses one; a checkpoint
/// that has some but no default is loaded, and choose() says so where none of them is meant. A *.jinja file
/// alone has no special tokens; those of the checkpoint that it is for may be given.
///
/// Errors   as ChatTemplate::parse.  kNotFound: no such file, no template in it, none of that name.  kIo.
///          kFormat: tokenizer_config.json or the metadata are not what they should be.
MOXIE_API Result<CheckpointTemplate> load_chat_template(
    const std::filesystem::path& path, std::string_view name = "default",
    std::span<const std::pair<std::string, Value>> special_tokens = {}) noexcept;

/// The same from the metadata of a GGUF file that is open already; they are not needed afterwards.
MOXIE_API Result<CheckpointTemplate> read_chat_template(const Metadata& metadata,
                                                        std::string_view name = "default") noexcept;

}  // namespace moxie
