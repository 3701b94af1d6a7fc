// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "answering.hpp"
#include "builtin_model.hpp"
#include "failure.hpp"
#include "interrupt.hpp"
#include "line_editor.hpp"
#include "numbers.hpp"
#include "output.hpp"
#include "suggestion.hpp"

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

void print_now(std::string_view text) {
  print(text);
  std::fflush(stdout);  // whether it arrives is looked at after each answer
}

const std::vector<std::string> kCommands = {"/help",    "/tools", "/stats", "/drop",
                                            "/compact", "/reset", "/quit",  "/exit"};
constexpr const char* kHelp =
    "/help      this\n"
    "/tools     what the model may use, and what it did\n"
    "/stats     what the last answer took, and how full the conversation is\n"
    "/drop [N]  forget the oldest question and its answer, or the N oldest\n"
    "/compact   put the model's summary in place of the conversation\n"
    "/reset     begin anew\n"
    "/quit      leave, as Ctrl-D does\n"
    "Ctrl-C     stop the answer\n";
constexpr const char* kWhenFull =
    "(/drop forgets the oldest question, /compact puts a summary in place of everything, /reset begins anew)\n";
constexpr const char* kSummarise =
    "Summarize our conversation so far in a few sentences. Keep names, numbers and decisions.";

class Conversation {
 public:
  Conversation(Answerer& answerer, Sampling sampling, ChatOptions options, Chat chat)
      : answerer_(answerer), options_(std::move(options)), chat_(std::move(chat)), sampling_(std::move(sampling)) {}

  void ask(const std::string& question) {
    const Generation answer = say(chat_, question, SIZE_MAX);
    std::printf("\n");
    usage_ = answer.usage();
    const Status status = answer.status();
    const std::string cut = why_cut(answer.stop_reason(), *chat_.context());
    if (answer.stop_reason() == StopReason::kCancelled) {
      std::printf("(stopped; this question and its answer are forgotten)\n");
    } else if (prompt_is_too_long(status)) {
      std::printf("(%s)\n", turns() == 0 ? "this question is longer than the conversation may be: --context N"
                                         : "there is no room left for this question and an answer");
    } else if (!status.ok()) {
      std::printf("(%s)\n", sentence(status).c_str());
    } else if (!cut.empty()) {
      std::printf("(%s)\n", cut.c_str());
    }
    const bool full = prompt_is_too_long(status) || answer.stop_reason() == StopReason::kContextFull;
    if (full && turns() != 0) std::printf("%s", kWhenFull);
  }

  /// Whether the line was a command; `quit` is set where it was the last one.
  bool command(const std::string& line, bool& quit) {
    if (line.empty() || line[0] != '/') return false;
    const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
    const std::string name = line.substr(0, space);
    const std::size_t begin = std::min(line.find_first_not_of(" \t", space), line.size());
    const std::string rest = line.substr(begin, line.find_last_not_of(" \t") + 1 - begin);
    if (!rest.empty() && name != "/drop") {
      std::printf("(%s takes nothing behind it)\n", for_terminal(name).c_str());
    } else if (name == "/help") {
      std::printf("%s", kHelp);
    } else if (name == "/tools") {
      tools();
    } else if (name == "/reset") {
      tell(chat_.clear(), "a new conversation");
    } else if (name == "/drop") {
      drop(rest);
    } else if (name == "/compact") {
      compact();
    } else if (name == "/stats") {
      stats();
    } else if (name == "/quit" || name == "/exit") {
      quit = true;
    } else {
      std::printf("(there is no %s%s; /help shows what there is)\n", for_terminal(name).c_str(),
                  did_you_mean(name, kCommands).c_str());
    }
    return true;
  }

 private:
  static void tell(const Status& status, const std::string& done) {
    std::printf("(%s)\n", status.ok() ? done.c_str() : sentence(status).c_str());
  }

  /// Asks, and shows what comes as it comes.
  Generation say(Chat& chat, const std::string& question, std::size_t max_tokens) {
    Interrupt::clear();
    GenerationOptions options;
    options.sampling = sampling_;
    options.max_tokens = max_tokens;
    options.cancel = &Interrupt::asked();
    options.on_event = [this](const AnswerEvent& event) { return show(event); };
    Generation answer = chat.ask(question, options);
    std::size_t told = 0;
    while (!answer.finished()) {
      if (!answerer_.kernel.step(answer).ok()) break;
      for (; told < chat.tool_uses().size(); ++told) show(chat.tool_uses()[told]);
    }
    aside_.end();
    return answer;
  }

  [[nodiscard]] std::vector<Message> messages() const { return {chat_.messages().begin(), chat_.messages().end()}; }
  [[nodiscard]] std::size_t turns() const {
    return static_cast<std::size_t>(std::ranges::count(chat_.messages(), "user", &Message::role));
  }

  /// The messages without the `n` oldest questions and what followed them.
  static std::vector<Message> without_oldest(std::vector<Message> messages, std::size_t n) {
    const auto is_question = [](const Message& message) { return message.role == "user"; };
    const auto first = std::ranges::find_if(messages, is_question);
    auto last = first;
    for (; n != 0 && last != messages.end(); --n) last = std::find_if(last + 1, messages.end(), is_question);
    messages.erase(first, last);
    return messages;
  }

  static Status append(Chat& chat, const std::vector<Message>& messages) {
    for (const Message& message : messages) MOXIE_TRY(chat.append(message));
    return {};
  }
  Status replace(const std::vector<Message>& messages) {
    MOXIE_TRY(chat_.truncate(0));
    return append(chat_, messages);
  }

  void drop(const std::string& count) {
    const std::size_t before = turns();
    if (before == 0) return tell({}, "there is nothing to forget");
    const auto n = count.empty() ? Result<std::uint64_t>(std::uint64_t{1})
                                 : parse_whole("/drop", count, {.least = 1, .most = before});
    if (!n.ok()) return tell(n.status(), {});
    const Status status = replace(without_oldest(messages(), static_cast<std::size_t>(*n)));
    tell(status,
         "forgotten: " + std::to_string(*n) + " of " + std::to_string(before) + " questions, with their answers");
  }

  /// Asks for a summary and keeps that alone, as a question and its answer. Where the conversation leaves no room for
  /// one, its oldest questions are left out. Whoever sums up has no tools: nothing is done by it.
  void compact() {
    const std::vector<Message> all = messages();
    const std::size_t before = turns();
    if (before == 0) return tell({}, "there is nothing to sum up");
    ChatOptions options = options_;
    options.system.clear();  // it is among the messages
    options.toolbox = nullptr;
    for (std::size_t left_out = 0; left_out < before; ++left_out) {
      Result<Chat> chat = Chat::create(answerer_.kernel, answerer_.model, options);
      if (!chat.ok()) return tell(chat.status(), {});
      if (const Status status = append(*chat, without_oldest(all, left_out)); !status.ok()) return tell(status, {});
      const Generation answer = say(*chat, kSummarise, std::max<std::size_t>(chat->context()->max_positions() / 4, 1));
      std::printf("\n");
      const Status status = answer.status();
      if (prompt_is_too_long(status) || answer.stop_reason() == StopReason::kContextFull) continue;
      if (!status.ok()) return tell(status, {});
      if (answer.text().empty()) return tell({}, "the model has no summary; the conversation is as it was");
      std::vector<Message> kept = without_oldest(all, before);
      kept.push_back({.role = "user", .content = kSummarise});
      kept.push_back({.role = "assistant", .content = std::string(answer.text())});
      const std::string missing = left_out == 0 ? "" : ", without the oldest " + std::to_string(left_out);
      return tell(replace(kept), "that summary stands for the conversation now" + missing);
    }
    tell({}, "not even the last question leaves room for a summary; /drop or /reset");
  }

  bool show(const AnswerEvent& event) {
    using Kind = AnswerEvent::Kind;
    if (event.kind == Kind::kReasoning) {
      aside_.begin();
      print_now(event.text);
      return true;
    }
    aside_.end();
    if (event.kind == Kind::kText) print_now(event.text);
    return true;
  }

  void show(const ToolUse& use) {
    aside_.begin();
    print_now("\n[" + use.call.name + " " + use.call.arguments + " -> " + use.outcome.text + "]\n");
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
  ChatOptions options_;
  Chat chat_;
  Sampling sampling_;
  Aside aside_;
  Usage usage_;
};

}  // namespace

Status run_chat(const ChatCommand& asked) {
  ChatCommand options = asked;
  const Interrupt interrupt;
  MOXIE_TRY_LET(options.common.model, model_or_builtin(asked.common.model));
  MOXIE_TRY_LET(Answerer answerer, Answerer::make(options.common, options.answering));
  MOXIE_TRY_LET(ChatOptions chat_options, answerer.chat_options(options.answering));
  MOXIE_TRY_LET(Chat chat, Chat::create(answerer.kernel, answerer.model, chat_options));
  MOXIE_TRY_LET(Sampling sampling, options.answering.sampling(answerer.model));
  Conversation conversation(answerer, std::move(sampling), std::move(chat_options), std::move(chat));
  LineEditor editor;
  const bool interactive = isatty(STDIN_FILENO) != 0;
  if (interactive) {
    std::filesystem::path model = options.common.model;
    if (!model.has_filename()) model = model.parent_path();
    print(model.filename().native() + ". /help shows the commands; " + LineEditor::description() + ".\n");
  }
  for (bool quit = false; !quit;) {
    const std::optional<std::string> line = editor.read();
    if (!line) break;
    if (line->find_first_not_of(" \t") != std::string::npos && !conversation.command(*line, quit)) {
      conversation.ask(*line);
    }
    MOXIE_TRY(flush_output());
    // Whoever sits there wants the prompt back; a script wants to end.
    if (Interrupt::asked() && !interactive) return Status(Code::kCancelled, "chat", "no Ctrl-C", "one");
    Interrupt::clear();
  }
  return {};
}

}  // namespace moxie::program
