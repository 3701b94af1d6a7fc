// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <optional>
#include <string>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "answering.hpp"
#include "builtin_model.hpp"
#include "failure.hpp"
#include "files.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "phase_trace.hpp"

namespace moxie::program {

namespace {

using Json = nlohmann::ordered_json;

std::string read_input() {
  std::string text;
  char block[65536];
  while (const std::size_t bytes = std::fread(block, 1, sizeof(block), stdin)) text.append(block, bytes);
  return text;
}

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

Json rate(std::size_t tokens, std::chrono::nanoseconds time) {
  return time.count() == 0 ? Json() : Json(static_cast<double>(tokens) / seconds(time));
}

Json describe(const Sampling& sampling) {
  return {{"temperature", sampling.temperature},
          {"top_k", sampling.top_k},
          {"top_p", sampling.top_p},
          {"min_p", sampling.min_p},
          {"typical_p", sampling.typical_p},
          {"repetition_penalty", sampling.repetition_penalty},
          {"seed", sampling.seed}};
}

Json report(const Generation& answer, std::span<const ToolUse> uses, const Sampling& sampling,
            const Answerer& answerer) {
  const Usage& usage = answer.usage();
  Json calls = Json::array();
  for (const ToolUse& use : uses) {
    calls.push_back({{"name", use.call.name},
                     {"arguments", use.call.arguments},
                     {"verdict", name(use.outcome.verdict)},
                     {"result", use.outcome.text}});
  }
  const std::size_t prompt = usage.prompt_tokens - usage.cached_tokens;
  return {
      {"text", answer.text()},
      {"reasoning", answer.reasoning()},
      {"tokens", std::vector<TokenId>(answer.tokens().begin(), answer.tokens().end())},
      {"stop_reason", name(answer.stop_reason())},
      {"sampling", describe(sampling)},
      {"usage",
       {{"prompt_tokens", usage.prompt_tokens},
        {"cached_tokens", usage.cached_tokens},
        {"generated_tokens", usage.generated_tokens},
        {"computed_tokens", usage.computed_tokens}}},
      {"timings",
       {{"load_s", answerer.load_seconds},
        {"prompt_s", seconds(usage.prompt_time)},
        {"generation_s", seconds(usage.generation_time)},
        {"prompt_ts", rate(prompt, usage.prompt_time)},
        {"generation_ts", rate(usage.generated_tokens - (usage.generated_tokens > 0 ? 1 : 0), usage.generation_time)}}},
      {"tool_calls", std::move(calls)}};
}

/// What a model thinks before it answers, shown to who waits for it: in grey on standard error, where that is a
/// terminal.
class Reasoning {
 public:
  void show(std::string_view text) {
    if (!shown_) return;
    const std::string safe = for_terminal(text, stderr);
    std::fprintf(stderr, "%s%s", open_ ? "" : "\x1b[90m", safe.c_str());
    open_ = true;
  }
  void end() {
    if (open_) std::fputs("\x1b[0m\n", stderr);
    open_ = false;
  }

 private:
  bool shown_ = isatty(STDERR_FILENO) != 0;
  bool open_ = false;
};

/// The checkpoint's template, unless there is none or the prompt is to be taken as it is.
Result<bool> takes_template(const Run& options, const Model& model) {
  if (options.raw) return false;
  if (!options.answering.template_file.empty()) return true;
  const Status& status = model.chat_template().status();
  if (status.ok()) return true;
  if (status.code() != Code::kNotFound) return status;
  if (options.answering.tools != "none" || !options.answering.system.empty()) {
    return Status(status.code(), "run", "a chat template for --tools and --system", status.came());
  }
  std::fprintf(stderr, "moxie: %s has no chat template; the prompt is taken as it is\n", options.common.model.c_str());
  return false;
}

/// What the answer has to be; null: anything.
Result<std::shared_ptr<const TokenConstraint>> constraint_of(const Run& options, const Model& model) {
  if (options.schema.empty() && options.regex.empty() && options.grammar.empty()) {
    return std::shared_ptr<const TokenConstraint>();
  }
  MOXIE_TRY(model.tokenizer().status());
  const auto grammar = [&]() -> Result<Grammar> {
    if (!options.regex.empty()) return Grammar::regex(options.regex);
    if (!options.grammar.empty()) {
      MOXIE_TRY_LET(const std::string text, read_file(options.grammar));
      return Grammar::gbnf(text);
    }
    MOXIE_TRY_LET(const std::string schema, read_file(options.schema));
    return Grammar::json_schema(schema);
  }();
  MOXIE_TRY(grammar.status());
  MOXIE_TRY_LET(const Vocabulary vocabulary, Vocabulary::create(*model.tokenizer()));
  return make_constraint(*grammar, vocabulary);
}

}  // namespace

Status run_run(const Run& asked) {
  Run options = asked;
  MOXIE_TRY_LET(options.common.model, model_or_builtin(asked.common.model));
  const std::string prompt = options.prompt == "-" ? read_input() : options.prompt;
  const Answering& asks = options.answering;
  if (options.raw && (asks.tools != "none" || !asks.system.empty() || !asks.template_file.empty() ||
                      !asks.template_name.empty() || !asks.settings.empty())) {
    return Status(Code::kInvalidArgument, "run", "--tools, --system and --template with a chat template", "--raw");
  }
  const Interrupt interrupt;
  std::shared_ptr<PhaseTrace> trace;
  if (!options.trace.empty()) {
    MOXIE_TRY_LET(trace, PhaseTrace::create(options.trace));
  }
  MOXIE_TRY_LET(Answerer answerer, Answerer::make(options.common, options.answering, trace));
  MOXIE_TRY_LET(const bool by_template, takes_template(options, answerer.model));

  GenerationOptions generation;
  MOXIE_TRY_LET(generation.sampling, options.answering.sampling(answerer.model));
  generation.max_tokens = options.max_tokens;
  generation.stop = options.stop;
  MOXIE_TRY_LET(generation.constraint, constraint_of(options, answerer.model));
  generation.cancel = &Interrupt::asked();
  Reasoning reasoning;
  generation.on_event = [&](const AnswerEvent& event) {
    if (event.kind == AnswerEvent::Kind::kReasoning) reasoning.show(event.text);
    return true;
  };

  std::optional<Chat> chat;
  std::optional<Context> context;
  if (by_template) {
    MOXIE_TRY_LET(const ChatOptions chat_options, answerer.chat_options(options.answering));
    MOXIE_TRY_LET(chat, Chat::create(answerer.kernel, answerer.model, chat_options));
  } else {
    MOXIE_TRY(answerer.model.tokenizer().status());
    const std::size_t longest = answerer.model.config().max_position_embeddings;
    ContextOptions limits;
    if (longest != 0) limits.max_positions = longest;
    if (options.answering.context != 0) limits.max_positions = options.answering.context;
    MOXIE_TRY_LET(context, answerer.kernel.open(answerer.model, limits));
  }
  Generation answer =
      chat ? chat->ask(prompt, generation) : answerer.kernel.generate(*context, std::string_view(prompt), generation);
  Status written;
  for (const std::string_view piece : answer) {
    if (options.json) continue;
    reasoning.end();
    print(piece);
    written = flush_output();
    if (!written.ok()) answer.cancel();  // nobody gets the rest
  }
  reasoning.end();
  MOXIE_TRY(written);
  if (trace != nullptr) MOXIE_TRY(trace->write());
  const Status status = answer.status();
  const std::string cut = why_cut(answer.stop_reason(), chat ? *chat->context() : *context);
  if (options.json) {
    const auto uses = chat ? chat->tool_uses() : std::span<const ToolUse>();
    Json json = report(answer, uses, generation.sampling, answerer);
    if (!status.ok()) json["error"] = describe(status);
    print_json(json);
  } else if (!answer.text().empty() || status.ok()) {
    std::printf("\n");
  }
  if (!cut.empty()) std::fprintf(stderr, "moxie: %s\n", cut.c_str());
  return status;
}

}  // namespace moxie::program
