// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/context/context.hpp>
#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/kernel/kernel.hpp>
#include <moxie/model/pathway.hpp>
#include <moxie/text/answer_stream.hpp>
#include <moxie/text/chat_template.hpp>
#include <moxie/text/message.hpp>
#include <moxie/text/value.hpp>
#include <moxie/tool/toolbox.hpp>

namespace moxie::inline abi1 {

namespace chat {
class ChatState;
}

/// One tool call of a chat, and what came of it. Of one that could not be read, `call` has no name and as its arguments
/// the text as the model wrote it; the verdict is kBadArguments.
struct ToolUse {
  ToolCall call;
  ToolOutcome outcome;
};

struct ChatOptions {
  std::string system = {};            ///< the first message, where not empty
  GenerationOptions generation = {};  ///< of each ask() that brings none
  /// max_positions: as the checkpoint says, where it is left alone.
  ContextOptions context = {};
  /// Its granted tools are offered to the model, and what it calls is run and answered. The chat shares it.
  std::shared_ptr<Toolbox> toolbox = {};
  std::optional<ToolLimits> tool_limits = {};  ///< default: as ToolLimits has them
  std::size_t max_tool_rounds = 8;  ///< how often an answer may stop for calls; all calls of one stop are one round
  /// Instead of a toolbox: tools that the host runs itself, as a JSON array in OpenAI's form. An answer then ends
  /// with kToolCalls, the host appends their results (role "tool") and calls go_on().
  std::string tool_schemas = {};
  /// The forms in which calls are read, by name (kCallForms). Default: those that the chat template writes or speaks
  /// of.
  std::vector<std::string> tool_forms = {};
  /// Instead of the checkpoint's, as load_chat_template() reads it.
  std::shared_ptr<const CheckpointTemplate> chat_template = {};
  /// Which of several templates. Default: as transformers chooses, "tool_use" where tools are offered.
  std::string template_name = {};
  /// More variables for the template, such as {"enable_thinking", Value(false)}.
  std::vector<std::pair<std::string, Value>> variables = {};
};

/// A conversation in a context: the messages as the checkpoint's template writes them, and what the model answered.
///
///     MOXIE_TRY_LET(Chat chat, Chat::create(kernel, model));
///     for (std::string_view piece : chat.ask("Why is the sky blue?")) std::cout << piece;
///
/// What the context holds already is not computed again: a second question costs its own tokens. Where a template
/// writes an answer in another way than the model did (most leave out its reasoning), what follows is computed anew.
/// No byte of a message can become a control token.
///
/// A question that failed or was cancelled leaves messages() as they were.
///
/// Errors   create: those of Kernel::open(), Model::tokenizer() and Model::chat_template(); kInvalidArgument: options
///          that contradict each other, a form that is none; kNotFound: no template of that name; kUnsupported: tools
///          for a template that does not write them, or whose calls nobody can read.  In the answer's status(): those
///          of Generation and ChatTemplate; kPrecondition: the last answer still goes on.  fork: those of
///          Context::fork().  A chat that was moved from answers kPrecondition.
/// Threads  one at a time, that of its kernel. It keeps the kernel's memory and threads alive.
class MOXIE_API Chat {
 public:
  /// A conversation with a model, by its own chat template, in a context of its own.
  static Result<Chat> create(Kernel& kernel, const Model& model, const ChatOptions& options = {}) noexcept;
  static Result<Chat> create(Kernel& kernel, const Pathway& pathway, const ChatOptions& options = {}) noexcept;
  Chat(Chat&&) noexcept;
  Chat& operator=(Chat&&) noexcept;
  ~Chat();

  /// Adds a message of the user, and answers.
  Generation ask(std::string_view text) noexcept;
  Generation ask(std::string_view text, const GenerationOptions& options) noexcept;
  /// Answers to messages() as they are.
  Generation go_on() noexcept;
  Generation go_on(const GenerationOptions& options) noexcept;

  /// Adds a message without answering: what was said elsewhere, or the result of a tool.
  Status append(Message message) noexcept;
  /// Forgets messages from `n` on; clear() all but the system's.
  Status truncate(std::size_t n) noexcept;
  Status clear() noexcept;
  [[nodiscard]] std::span<const Message> messages() const noexcept;

  /// A conversation of its own with the same messages, sharing the memory.
  [[nodiscard]] Result<Chat> fork() const noexcept;

  /// The calls that its toolbox was asked for since the last question; good until the next step or question.
  [[nodiscard]] std::span<const ToolUse> tool_uses() const noexcept;
  /// Null of a chat that was moved from.
  [[nodiscard]] const Context* context() const noexcept;

 private:
  explicit Chat(std::shared_ptr<chat::ChatState> state) noexcept;
  std::shared_ptr<chat::ChatState> state_;
};

}  // namespace moxie
