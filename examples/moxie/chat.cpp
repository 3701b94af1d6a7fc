// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

#include <unistd.h>

#include "answering.hpp"
#include "builtin_model.hpp"
#include "line_editor.hpp"

namespace moxie::program {

namespace {

/// Grey on a terminal: what is not the answer itself.
class Aside {
 public:
  Aside() : colours_(isatty(STDOUT_FILENO) != 0) {}
  void begin() {
    if (colours_ && !open_) std::fputs("\x1b[90m", stdout);
    open_ = true;
  }
  void end() {
    if (colours_ && open_) std::fputs("\x1b[0m", stdout);
    open_ = false;
  }

 private:
  bool colours_;
  bool open_ = false;
};

void print(std::string_view text) {
  const std::string shown = for_terminal(text);
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  std::fflush(stdout);
}

class Conversation {
 public:
  Conversation(Answerer& answerer, Sampling sampling, Chat chat)
      : answerer_(answerer), chat_(std::move(chat)), sampling_(std::move(sampling)) {}

  void ask(const std::string& question, Interrupt& interrupt) {
    interrupt.clear();
    GenerationOptions options;
    options.sampling = sampling_;
    options.cancel = interrupt.flag();
    options.on_event = [this](const AnswerEvent& event) { return show(event); };
    Generation answer = chat_.ask(question, options);
    std::size_t told = 0;
    while (!answer.finished()) {
      if (!answerer_.kernel.step(answer).ok()) break;
      for (; told < chat_.tool_uses().size(); ++told) show(chat_.tool_uses()[told]);
    }
    aside_.end();
    std::printf("\n");
    usage_ = answer.usage();
    if (answer.stop_reason() == StopReason::kCancelled) {
      std::printf("(stopped; this question and its answer are forgotten)\n");
    } else if (!answer.status().ok()) {
      const Status status = answer.status();
      const std::string_view message = status.message();
      std::printf("(%.*s)\n", static_cast<int>(message.size()), message.data());
    } else if (answer.stop_reason() != StopReason::kEndToken) {
      const std::string_view reason = name(answer.stop_reason());
      std::printf("(ended by: %.*s)\n", static_cast<int>(reason.size()), reason.data());
    }
    interrupt.clear();
  }

  /// Whether the line was a command; `quit` is set where it was the last one.
  bool command(const std::string& line, bool& quit) {
    if (line.empty() || line[0] != '/') return false;
    if (line == "/help") {
      std::printf(
          "/help    this\n/tools   what the model may use, and what it did\n"
          "/reset   begin anew\n/stats   what the last answer took\n/quit    leave, as Ctrl-D does\n"
          "Ctrl-C   stop the answer\n");
    } else if (line == "/tools") {
      tools();
    } else if (line == "/reset") {
      const Status status = chat_.clear();
      std::printf("%s\n", status.ok() ? "(a new conversation)" : std::string(status.message()).c_str());
    } else if (line == "/stats") {
      stats();
    } else if (line == "/quit" || line == "/exit") {
      quit = true;
    } else {
      std::printf("no such command: %s (there are /help, /tools, /reset, /stats, /quit)\n", line.c_str());
    }
    return true;
  }

 private:
  bool show(const AnswerEvent& event) {
    using Kind = AnswerEvent::Kind;
    if (event.kind == Kind::kReasoning) {
      aside_.begin();
      print(event.text);
      return true;
    }
    aside_.end();
    if (event.kind == Kind::kText || event.kind == Kind::kMalformedCall) print(event.text);
    return true;
  }

  void show(const ToolUse& use) {
    aside_.begin();
    print("\n[" + use.call.name + " " + use.call.arguments + " -> " + use.outcome.text + "]\n");
    aside_.end();
  }

  void tools() const {
    if (answerer_.toolbox == nullptr) {
      std::printf("none (start with --tools all, or with names: --tools calculate,now)\n");
      return;
    }
    if (const auto names = answerer_.toolbox->names(); names.ok()) {
      for (const std::string& one : *names) {
        std::printf("%-12s %s\n", one.c_str(), answerer_.toolbox->granted(one) ? "allowed" : "not allowed");
      }
    }
    const auto records = answerer_.toolbox->records();
    if (!records.ok()) return;
    for (const ToolRecord& record : *records) {
      const std::string_view verdict = name(record.verdict);
      print(std::to_string(record.number) + " " + record.name + " " + record.arguments + " -> " + std::string(verdict) +
            "\n");
    }
  }

  void stats() const {
    const auto per_second = [](std::size_t tokens, std::chrono::nanoseconds time) {
      const double seconds = std::chrono::duration<double>(time).count();
      return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
    };
    const ContextUsage context = chat_.context()->usage();
    std::printf("prompt     %zu tokens, %zu of them computed, %.1f tokens/s\n", usage_.prompt_tokens,
                usage_.prompt_tokens - usage_.cached_tokens,
                per_second(usage_.prompt_tokens - usage_.cached_tokens, usage_.prompt_time));
    std::printf("answer     %zu tokens, %.1f tokens/s\n", usage_.generated_tokens,
                per_second(usage_.generated_tokens, usage_.generation_time));
    std::printf("context    %zu of %zu tokens, %.1f MB\n", context.positions, chat_.context()->max_positions(),
                static_cast<double>(context.bytes) / 1e6);
    std::printf("memory     %.1f of %.1f MB\n", static_cast<double>(answerer_.kernel.memory()->used()) / 1e6,
                static_cast<double>(answerer_.kernel.memory()->limit()) / 1e6);
    std::printf("seed       %llu\n", static_cast<unsigned long long>(sampling_.seed));
    std::printf("sampling   temperature %g, top-k %zu, top-p %g, min-p %g, repetition penalty %g\n",
                sampling_.temperature, sampling_.top_k, sampling_.top_p, sampling_.min_p, sampling_.repetition_penalty);
  }

  Answerer& answerer_;
  Chat chat_;
  Sampling sampling_;
  Aside aside_;
  Usage usage_;
};

}  // namespace

Status run_chat(const ChatCommand& asked) {
  ChatCommand options = asked;
  MOXIE_TRY_LET(options.common.model, model_or_builtin(asked.common.model));
  MOXIE_TRY_LET(Answerer answerer, Answerer::make(options.common, options.answering));
  MOXIE_TRY_LET(Chat chat, Chat::create(answerer.kernel, answerer.model, answerer.chat_options(options.answering)));
  MOXIE_TRY_LET(Sampling sampling, options.answering.sampling(answerer.model));
  Conversation conversation(answerer, std::move(sampling), std::move(chat));
  LineEditor editor;
  Interrupt interrupt;
  if (isatty(STDIN_FILENO) != 0) {
    std::printf("%s. /help shows the commands; %s.\n", options.common.model.c_str(), LineEditor::description());
  }
  for (bool quit = false; !quit;) {
    const std::optional<std::string> line = editor.read();
    if (!line) break;
    if (line->find_first_not_of(" \t") == std::string::npos) continue;
    if (!conversation.command(*line, quit)) conversation.ask(*line, interrupt);
  }
  return {};
}

}  // namespace moxie::program
