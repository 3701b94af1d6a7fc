// SPDX-License-Identifier: Apache-2.0
#include "chat/chat_state.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include <moxie/tool/result_text.hpp>

#include "tool/utf8.hpp"

namespace moxie::inline abi1::chat {

ChatState::ChatState(std::shared_ptr<KernelState> kernel, const Pathway& pathway, const ChatOptions& options,
                     Context context)
    : kernel_(std::move(kernel)),
      pathway_(pathway),
      options_(options),
      context_(std::move(context)),
      idle_(kernel_->resources().idle(), context_) {
  idle_.join();
}

Result<std::shared_ptr<ChatState>> ChatState::create(std::shared_ptr<KernelState> kernel, const Pathway& pathway,
                                                     const ChatOptions& options) {
  const Model& model = pathway.model();
  MOXIE_TRY(model.tokenizer().status());
  if (options.chat_template == nullptr) MOXIE_TRY(model.chat_template().status());
  if (options.toolbox != nullptr && !options.tool_schemas.empty()) {
    return Status(Code::kInvalidArgument, "Chat::create", "a toolbox or schemas of tools", "both");
  }
  ContextOptions limits = options.context;
  const std::size_t longest = model.config().max_position_embeddings;
  if (limits.max_positions == ContextOptions().max_positions && longest > 0) limits.max_positions = longest;
  MOXIE_TRY_LET(Context context, kernel->resources().open(pathway, limits));
  std::shared_ptr<ChatState> state(new ChatState(std::move(kernel), pathway, options, std::move(context)));
  if (!options.system.empty()) state->messages_.push_back({.role = "system", .content = options.system});
  MOXIE_TRY_LET(const Offer offer, state->offer());
  MOXIE_TRY_LET(const Chosen chosen, state->choose(!offer.tools.empty()));
  if (!offer.tools.empty()) MOXIE_TRY(state->forms(*chosen.traits).status());
  return state;
}

Result<std::shared_ptr<ChatState>> ChatState::fork() const {
  MOXIE_TRY(at_rest("Chat::fork"));
  MOXIE_TRY_LET(Context context, context_.fork());
  std::shared_ptr<ChatState> state(new ChatState(kernel_, pathway_, options_, std::move(context)));
  state->messages_ = messages_;
  state->spoken_ = spoken_;
  state->pending_ = pending_;
  state->calls_ = calls_;
  return state;
}

Status ChatState::at_rest(std::string_view where) const noexcept {
  if (!open_) return {};
  return Status(Code::kPrecondition, where, "a chat whose last answer is finished", "one that still goes on");
}

Generation ChatState::answer(std::optional<std::string_view> question, const GenerationOptions& options) noexcept {
  return kernel_->make(options, [&](GenerationState& state) -> Status {
    MOXIE_TRY(open_turn(question));
    return state.start_rounds(shared_from_this(), pathway_.model(), context_);
  });
}

Status ChatState::open_turn(std::optional<std::string_view> question) {
  MOXIE_TRY(at_rest("Chat::ask"));
  const std::size_t before = messages_.size();
  if (question) messages_.push_back({.role = "user", .content = std::string(*question)});
  messages_before_ = before;
  uses_.clear();
  rounds_ = 0;
  open_ = true;
  idle_.leave();
  return {};
}

void ChatState::close(bool well) noexcept {
  open_ = false;
  idle_.join();
  if (well) return;
  messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(messages_before_), messages_.end());
  spoken_.clear();  // the context may hold a part of a prompt or an answer that is no message now
  pending_.clear();
}

Status ChatState::append(Message message) {
  MOXIE_TRY(at_rest("Chat::append"));
  messages_.push_back(std::move(message));
  return {};
}

Status ChatState::truncate(std::size_t n) {
  MOXIE_TRY(at_rest("Chat::truncate"));
  if (n > messages_.size()) {
    return Status(Code::kInvalidArgument, "Chat::truncate", Text("at most ", messages_.size(), " messages"), Text(n));
  }
  messages_.resize(n);
  return {};
}

Result<ChatState::Offer> ChatState::offer() const {
  std::string schemas = options_.tool_schemas;
  if (options_.toolbox != nullptr) {
    MOXIE_TRY_LET(schemas, options_.toolbox->schemas());
    if (schemas == "[]") schemas.clear();
  }
  Offer offer{.value = Value::null(), .tools = {}};
  if (schemas.empty()) return offer;
  MOXIE_TRY_LET(offer.value, parse_value(schemas, "ChatOptions::tool_schemas"));
  if (offer.value.kind() != Value::Kind::kSequence) {
    return Status(Code::kInvalidArgument, "ChatOptions::tool_schemas", "a JSON array of tools", "something else");
  }
  MOXIE_TRY_LET(offer.tools, OfferedTools::parse(schemas, "ChatOptions::tool_schemas"));
  return offer;
}

const CheckpointTemplate& ChatState::chat_template() const noexcept {
  return options_.chat_template != nullptr ? *options_.chat_template : *pathway_.model().chat_template();
}

Result<ChatState::Chosen> ChatState::choose(bool with_tools) const {
  const CheckpointTemplate& chat = chat_template();
  MOXIE_TRY_LET(const ChatVariant* variant, chat.choose(options_.template_name, with_tools));
  if (variant == nullptr) return Chosen{&chat.chat, &chat.traits};
  return Chosen{&*variant->chat, &variant->traits};
}

Result<Rendered> ChatState::render(const Chosen& chosen, const Value& tools) const {
  MOXIE_TRY_LET(const Value messages, to_value(messages_, *chosen.traits));
  std::vector<std::pair<std::string_view, Value>> variables;
  const auto set = [&](std::string_view name, Value value) {
    std::erase_if(variables, [&](const auto& variable) { return variable.first == name; });
    variables.emplace_back(name, std::move(value));
  };
  if (const auto& own = pathway_.model().chat_template(); own.ok()) {
    for (const auto& [name, value] : own->special_tokens) set(name, value);
  }
  for (const auto& [name, value] : chat_template().special_tokens) set(name, value);
  set("messages", messages);
  set("add_generation_prompt", Value(true, Origin::kTemplate));
  set("tools", tools);
  set("documents", Value::null());
  for (const auto& [name, value] : options_.variables) set(name, value);
  return chosen.chat->render({.variables = variables});
}

Result<std::vector<const CallForm*>> ChatState::forms(const TemplateTraits& traits) const {
  std::vector<const CallForm*> forms;
  if (!options_.tool_forms.empty()) {
    for (const std::string& name : options_.tool_forms) {
      const CallForm* form = find_call_form(name);
      if (form == nullptr) {
        return Status(Code::kInvalidArgument, "ChatOptions::tool_forms", "the name of a form, such as hermes", name);
      }
      forms.push_back(form);
    }
    return forms;
  }
  if (traits.ignores_tools && !traits.writes_calls) {
    return Status(Code::kUnsupported, "Chat", "a chat template that writes tools, or ChatOptions::tool_forms",
                  "one that leaves them out");
  }
  forms = traits.forms;
  if (!forms.empty()) return forms;
  // The template does not show how calls look; the checkpoint's own tokens may.
  const Tokenizer& tokenizer = *pathway_.model().tokenizer();
  for (const CallForm& form : kCallForms) {
    if (form.words) continue;
    bool any = false;
    bool all = true;
    for (const std::string_view marker :
         {form.section_begin, form.section_end, form.begin, form.end, form.name_end, form.key_begin}) {
      if (marker.size() < 4) continue;
      any = true;
      all = all && tokenizer.find(marker).has_value();
    }
    if (any && all) forms.push_back(&form);
  }
  if (!forms.empty()) return forms;
  return Status(Code::kUnsupported, "Chat", "a chat template whose calls can be read, or ChatOptions::tool_forms",
                traits.example.empty() ? Text("one that writes none") : Text("'", traits.example, "'"));
}

/// The tokens of what the prompt says from that byte on. Messages cannot write control tokens.
Result<std::vector<TokenId>> ChatState::encode(const Rendered& prompt, std::size_t from) const {
  std::vector<TextSpan> untrusted;
  std::size_t begin = 0;
  for (const Rendered::Span& span : prompt.spans) {
    if (span.origin == Origin::kData && span.end > from) {
      untrusted.push_back({std::max(begin, from) - from, span.end - from});
    }
    begin = span.end;
  }
  return pathway_.model().tokenizer()->encode(std::string_view(prompt.text).substr(from),
                                              {.add_special = false, .untrusted = untrusted});
}

Result<kernel::Rounds::Prompt> ChatState::begin_round() {
  MOXIE_TRY_LET(Offer offered, offer());
  MOXIE_TRY_LET(const Chosen chosen, choose(!offered.tools.empty()));
  MOXIE_TRY_LET(Rendered rendered, render(chosen, offered.value));
  Prompt prompt;
  const Tokenizer& tokenizer = *pathway_.model().tokenizer();
  bool goes_on = false;
  if (!spoken_.empty() && rendered.text.size() > spoken_.size() && rendered.text.starts_with(spoken_)) {
    // The context holds what the model said, token by token. Text behind it is encoded alone where it begins with a
    // control token, for those are never a part of another.
    MOXIE_TRY_LET(const std::vector<TokenId> fresh, encode(rendered, spoken_.size()));
    goes_on = !fresh.empty() && tokenizer.is_control(fresh.front());
    if (goes_on) {
      prompt.tokens = pending_;
      prompt.tokens.insert(prompt.tokens.end(), fresh.begin(), fresh.end());
    }
  }
  if (!goes_on) {
    MOXIE_TRY_LET(prompt.tokens, encode(rendered, 0));
    if (prompt.tokens.empty()) {
      return Status(Code::kInvalidArgument, "Chat::ask", "a template that writes a prompt", "an empty text");
    }
    const auto held = context_.tokens();
    const auto differ = std::ranges::mismatch(held, prompt.tokens);
    auto same = std::min(static_cast<std::size_t>(differ.in1 - held.begin()), prompt.tokens.size() - 1);
    if (!context_.can_truncate(same)) same = 0;  // a window let go what a row there reads
    MOXIE_TRY(context_.truncate(same));
    prompt.tokens.erase(prompt.tokens.begin(), prompt.tokens.begin() + static_cast<std::ptrdiff_t>(same));
  }
  prompt_ = std::move(rendered.text);
  spoken_.clear();
  pending_.clear();
  if (!offered.tools.empty()) {
    MOXIE_TRY_LET(prompt.answer.forms, forms(*chosen.traits));
  }
  prompt.answer.offered = std::move(offered.tools);
  prompt.answer.channels = chosen.traits->channels;
  prompt.answer.begins_in = reasoning_at_end(prompt_);
  prompt.answer.begins_in_call = call_at_end(prompt_, chosen.traits->forms);
  return prompt;
}

Result<StopReason> ChatState::end_round(const GenerationState& generation, StopReason reason) {
  Message answer{.role = "assistant",
                 .content = std::string(generation.text().round_text()),
                 .reasoning = std::string(generation.text().round_reasoning()),
                 .tool_calls = generation.text().calls()};
  for (ToolCall& call : answer.tool_calls) {
    if (call.id.empty()) call.id = next_call_id();
  }
  // The model shall see what it is told about; whoever reads the answer shall not.
  for (const MalformedCall& malformed : generation.text().malformed_calls()) *answer.content += malformed.text;
  const std::vector<ToolCall> calls = answer.tool_calls;
  messages_.push_back(std::move(answer));

  std::vector<TokenId> shown;
  for (const TokenId id : generation.sequence().round_tokens()) {
    if (generation.text().shows(id)) shown.push_back(id);
  }
  MOXIE_TRY_LET(const std::string said, pathway_.model().tokenizer()->decode(shown));
  spoken_ = prompt_ + said;
  const auto unfed = generation.sequence().unfed_tokens();
  pending_.assign(unfed.begin(), unfed.end());

  const bool complete = reason == StopReason::kEndToken || reason == StopReason::kStopString;
  // One that the limit of tokens cut is not the model's doing, unless there is another round anyway.
  const std::span<const MalformedCall> malformed = generation.text().malformed_calls();
  const bool told = options_.toolbox != nullptr && complete && !malformed.empty();
  if (calls.empty() && !told) return reason;
  if (options_.toolbox == nullptr) return StopReason::kToolCalls;
  if (rounds_++ >= options_.max_tool_rounds) return StopReason::kToolRounds;
  auto next = malformed.begin();
  for (std::size_t i = 0; i <= calls.size() && !generation.is_cancelled(); ++i) {
    for (; next != malformed.end() && next->after == i; ++next) answer_malformed(*next);
    if (i < calls.size()) answer_call(generation, calls[i]);
  }
  return StopReason::kNone;
}

/// Nine letters and digits: some templates want exactly that.
std::string ChatState::next_call_id() { return std::string(Text("call", 10000 + calls_++ % 90000).view()); }

/// Nobody can be called; the model is told why.
void ChatState::answer_malformed(const MalformedCall& malformed) {
  const Status& note = malformed.note;
  std::string error = "the tool call is malformed: needed ";
  error.append(note.needed()).append(", came ").append(note.came());
  if (malformed.form != nullptr) {
    const ToolCall example{.id = {}, .name = "NAME", .arguments = R"({"KEY": "VALUE"})"};
    if (const Result<std::string> written = write_calls(*malformed.form, {&example, 1}); written.ok()) {
      error.append("; write a call as ").append(*written);
    }
  }
  ResultText text(SIZE_MAX);
  text.add(R"({"error":)");
  text.quote(tools::printable_utf8(error));
  text.add("}");
  ToolUse use{.call = {.id = next_call_id(), .name = {}, .arguments = malformed.text},
              .outcome = {.verdict = ToolVerdict::kBadArguments, .status = note, .text = text.take()}};
  messages_.push_back({.role = "tool", .content = use.outcome.text, .tool_call_id = use.call.id});
  uses_.push_back(std::move(use));
}

void ChatState::answer_call(const GenerationState& generation, ToolCall call) {
  ToolLimits limits = options_.tool_limits.value_or(ToolLimits());
  if (generation.options().deadline) {
    const auto left = *generation.options().deadline - std::chrono::steady_clock::now();
    limits.time = std::min<std::chrono::nanoseconds>(limits.time, std::max<std::chrono::nanoseconds>(left, {}));
  }
  ToolUse use{.call = std::move(call), .outcome = {}};
  use.outcome = options_.toolbox->call(use.call.name, use.call.arguments, limits);
  messages_.push_back(
      {.role = "tool", .content = use.outcome.text, .tool_call_id = use.call.id, .name = use.call.name});
  uses_.push_back(std::move(use));
}

}  // namespace moxie::chat
