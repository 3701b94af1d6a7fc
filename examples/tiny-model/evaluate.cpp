// SPDX-License-Identifier: Apache-2.0
// Asks a model the questions of cases.py and counts what it does right, greedily, many at once.
//
//   evaluate MODEL CASES.json [--least 0.9] [--show 3] [--at-once 64] [--threads 0]
//   evaluate tools CASES.json                 without a model: only whether tools answer what the corpus says
//
// --least: exits with 1 where a measure is below it. --show: so many wrong answers of each measure. A case's tools are
// the ready ones of moxie; that they answer what the corpus says they answer is a measure of its own, and must be 1.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include <unistd.h>

#include "desk.hpp"
#include "score.hpp"

namespace {

using namespace moxie;
using namespace moxie::tiny;
using Json = nlohmann::json;

constexpr std::size_t kMaxTokens = 400;  // no right answer is longer
constexpr std::size_t kMaxRounds = 4;

struct Options {
  std::string model;
  std::string cases;
  double least = 0.0;
  std::size_t show = 0;
  std::size_t at_once = 64;
  std::size_t threads = 0;
};

struct Count {
  std::size_t right = 0;
  std::size_t of = 0;
  std::size_t shown = 0;
};

/// A case while it is answered.
struct Running {
  const Json* one = nullptr;
  Desk desk;
  Chat chat;
  Generation answer;
  Outcome outcome{};
  std::size_t rounds = 0;
};

class Evaluation {
 public:
  Evaluation(const Options& options, std::optional<Model> model, std::optional<Kernel> kernel)
      : options_(options),
        model_(std::move(model)),
        kernel_(std::move(kernel)),
        folder_(std::filesystem::temp_directory_path() / ("moxie-evaluate-" + std::to_string(getpid()))) {}

  Status run(const Json& cases) {
    std::vector<Running> running;
    for (std::size_t next = 0; next < cases.size() || !running.empty();) {
      while (next < cases.size() && running.size() < options_.at_once) {
        MOXIE_TRY_LET(Running one, begin(cases[next], next));
        running.push_back(std::move(one));
        ++next;
      }
      std::vector<Generation*> answers;
      for (Running& one : running) answers.push_back(&one.answer);
      MOXIE_TRY(kernel_->step(answers).status());
      std::vector<Running> left;
      for (Running& one : running) {
        MOXIE_TRY_LET(const bool more, goes_on(one));
        if (more) {
          left.push_back(std::move(one));
        } else {
          judge_and_count(one);
        }
      }
      running = std::move(left);
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    return {};
  }

  /// The calls that are right, made without asking the model.
  Status run_tools(const Json& cases) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const Json& check = cases[i].at("check");
      if (!check.contains("results")) continue;
      MOXIE_TRY_LET(Desk desk, Desk::lay(check, folder_ / std::to_string(i)));
      Json results = Json::array();
      for (const Json& call : check.at("calls")) {
        const std::string name = call.at(0).get<std::string>();
        MOXIE_TRY(desk.tools().grant(name));
        results.push_back(desk.tools().call(name, call.at(1).dump()).text);
      }
      count(kTools, results == check.at("results"));
      if (results != check.at("results")) {
        std::printf("%s\n  %s\n", check.dump().c_str(), results.dump().c_str());
      }
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    return {};
  }

  bool report() const {
    bool good = true;
    for (const auto& [measure, count] : counts_) {
      const double share = static_cast<double>(count.right) / static_cast<double>(count.of);
      const bool below = share < options_.least || (measure == kTools && count.right != count.of);
      good = good && !below;
      std::printf("%-42s %5zu of %5zu  %6.2f %%%s\n", measure.c_str(), count.right, count.of, 100 * share,
                  below ? "  TOO FEW" : "");
    }
    return good;
  }

 private:
  static constexpr const char* kTools = "tools answer as the corpus says";

  /// A chat whose context holds the block of these tools already: cases go on from forks of it.
  Result<Chat> chat_with(const Json& tools) {
    const std::string key = tools.dump();
    if (const auto found = bases_.find(key); found != bases_.end()) return found->second.fork();
    ChatOptions chat;
    if (!tools.empty()) {
      MOXIE_TRY_LET(Desk desk, Desk::lay(Json::object(), folder_ / "schemas"));
      for (const Json& name : tools) MOXIE_TRY(desk.tools().grant(name.get<std::string>()));
      MOXIE_TRY_LET(chat.tool_schemas, desk.tools().schemas());
    }
    MOXIE_TRY_LET(Chat base, Chat::create(*kernel_, *model_, chat));
    MOXIE_TRY(base.ask("", {.max_tokens = 1}).run());
    MOXIE_TRY(base.clear());
    return bases_.emplace(key, std::move(base)).first->second.fork();
  }

  Result<Running> begin(const Json& one, std::size_t number) {
    MOXIE_TRY_LET(Desk desk, Desk::lay(one.at("check"), folder_ / std::to_string(number)));
    for (const Json& name : one.at("tools")) MOXIE_TRY(desk.tools().grant(name.get<std::string>()));
    MOXIE_TRY_LET(Chat chat, chat_with(one.at("tools")));
    MOXIE_TRY_LET(const std::vector<Message> messages, parse_messages(one.at("messages").dump(), "cases"));
    for (const Message& message : messages) MOXIE_TRY(chat.append(message));
    Generation answer = chat.go_on({.max_tokens = kMaxTokens});
    return Running{.one = &one, .desk = std::move(desk), .chat = std::move(chat), .answer = std::move(answer)};
  }

  /// Runs what it called; whether there is more to come.
  static Result<bool> goes_on(Running& one) {
    if (!one.answer.finished()) return true;
    MOXIE_TRY(one.answer.status());
    one.outcome.text += one.answer.text();
    one.outcome.ended = one.answer.stop_reason() == StopReason::kEndToken;
    if (one.answer.stop_reason() != StopReason::kToolCalls || ++one.rounds > kMaxRounds) return false;
    const std::vector<ToolCall> calls = one.chat.messages().back().tool_calls;
    for (const ToolCall& call : calls) {
      const ToolOutcome outcome = one.desk.tools().call(call.name, call.arguments);
      one.outcome.calls.push_back(call);
      one.outcome.results.push_back(outcome.text);
      MOXIE_TRY(one.chat.append({.role = "tool", .content = outcome.text, .tool_call_id = call.id, .name = call.name}));
    }
    one.answer = one.chat.go_on({.max_tokens = kMaxTokens});
    return true;
  }

  bool count(const std::string& measure, bool right) {
    Count& found = counts_[measure];
    ++found.of;
    if (right) ++found.right;
    return right;
  }

  void judge_and_count(const Running& one) {
    const Json& check = one.one->at("check");
    std::vector<Verdict> verdicts = judge(one.one->at("domain").get<std::string>(), check, one.outcome);
    if (check.contains("results") && verdicts.front().right) {
      verdicts.push_back({kTools, check.at("results") == Json(one.outcome.results)});
    }
    for (const Verdict& verdict : verdicts) {
      if (count(verdict.measure, verdict.right) || counts_[verdict.measure].shown++ >= options_.show) continue;
      std::printf("wrong by \"%s\": %s\n", verdict.measure.c_str(),
                  one.one->at("messages").back().at("content").get<std::string>().c_str());
      for (std::size_t i = 0; i < one.outcome.calls.size(); ++i) {
        std::printf("  called   %s %s -> %s\n", one.outcome.calls[i].name.c_str(),
                    one.outcome.calls[i].arguments.c_str(), one.outcome.results[i].c_str());
      }
      std::printf("  said     %s\n  expected %s\n", one.outcome.text.c_str(), check.dump().c_str());
    }
  }

  Options options_;
  std::optional<Model> model_;
  std::optional<Kernel> kernel_;
  std::filesystem::path folder_;
  std::map<std::string, Chat> bases_;
  std::map<std::string, Count> counts_;
};

std::optional<Options> read_options(int argc, char** argv) {
  if (argc < 3) return std::nullopt;
  Options options{.model = argv[1], .cases = argv[2]};
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--least")
      options.least = std::atof(argv[i + 1]);
    else if (name == "--show")
      options.show = std::strtoul(argv[i + 1], nullptr, 10);
    else if (name == "--at-once")
      options.at_once = std::strtoul(argv[i + 1], nullptr, 10);
    else if (name == "--threads")
      options.threads = std::strtoul(argv[i + 1], nullptr, 10);
    else
      return std::nullopt;
  }
  return argc % 2 == 1 && options.at_once > 0 ? std::optional(options) : std::nullopt;
}

Result<bool> evaluate(const Options& options) {
  std::ifstream file(options.cases);
  const Json cases = Json::parse(file, nullptr, false);
  if (!cases.is_array()) return Status(Code::kFormat, "evaluate", "a list of cases in JSON", options.cases);
  if (options.model == "tools") {
    Evaluation evaluation(options, std::nullopt, std::nullopt);
    MOXIE_TRY(evaluation.run_tools(cases));
    return evaluation.report();
  }
  MOXIE_TRY_LET(Model model, Model::load(options.model));
  MOXIE_TRY_LET(Kernel kernel, Kernel::create({.threads = options.threads}));
  Evaluation evaluation(options, std::move(model), std::move(kernel));
  const auto begin = std::chrono::steady_clock::now();
  MOXIE_TRY(evaluation.run(cases));
  const bool good = evaluation.report();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf("%zu cases in %.1f s\n", cases.size(), seconds.count());
  return good;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::optional<Options> options = read_options(argc, argv);
  if (!options) {
    std::fprintf(stderr, "evaluate MODEL CASES.json [--least SHARE] [--show N] [--at-once N] [--threads N]\n");
    return 2;
  }
  const Result<bool> good = evaluate(*options);
  if (!good.ok()) std::fprintf(stderr, "%s\n", std::string(good.status().message()).c_str());
  return good.ok() && *good ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "evaluate: %s\n", error.what());
  return 1;
}
