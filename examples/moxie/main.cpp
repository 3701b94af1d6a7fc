// SPDX-License-Identifier: Apache-2.0
// The program moxie: looks at checkpoints, runs them and talks with them, over the library's public headers alone.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include <moxie/core/version.hpp>

#include "failure.hpp"
#include "interrupt.hpp"
#include "options.hpp"
#include "output.hpp"
#include "suggestion.hpp"

namespace {

using namespace moxie;
using namespace moxie::program;

#define MOXIE_TEXT_INNER(x) #x
#define MOXIE_TEXT(x) MOXIE_TEXT_INNER(x)
constexpr const char* kVersion =
    "moxie " MOXIE_TEXT(MOXIE_VERSION_MAJOR) "." MOXIE_TEXT(MOXIE_VERSION_MINOR) "." MOXIE_TEXT(MOXIE_VERSION_PATCH);

constexpr int kFailed = 1;
constexpr int kMisused = 2;

std::vector<std::string> names_of(const std::vector<const CLI::App*>& commands) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> flags_of(const CLI::App& command) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  for (const CLI::App* group : command.get_subcommands([](const CLI::App* app) { return app->get_name().empty(); })) {
    for (const std::string& flag : flags_of(*group)) flags.push_back(flag);
  }
  return flags;
}

/// What is wrong with the command line, with what was probably meant.
std::string misuse(const CLI::App& app, const CLI::ParseError& error) {
  const auto commands = app.get_subcommands([](const CLI::App* one) { return !one->get_name().empty(); });
  const auto chosen = std::ranges::find_if(commands, [](const CLI::App* one) { return one->parsed(); });
  std::string name = "moxie";
  std::string text;
  if (chosen == commands.end()) {
    const std::vector<std::string> known = names_of(commands);
    const std::vector<std::string> left = app.remaining();
    std::string all;
    for (const std::string& one : known) all += (all.empty() ? "" : ", ") + one;
    text = "needed a command (" + all + "), came " + (left.empty() ? "none" : left.front());
    if (!left.empty()) text += did_you_mean(left.front(), known);
  } else {
    name += " " + (*chosen)->get_name();
    const std::vector<std::string> left = app.remaining(true);
    text = error.what();
    if (!left.empty()) {
      const std::string flag = left.front().substr(0, left.front().find('='));
      text = flag.starts_with('-') ? "there is no option " + flag + did_you_mean(flag, flags_of(**chosen))
                                   : left.front() + " belongs to no option";
    }
  }
  return text + "\n" + name + " --help says what there is";
}

int answer_misuse(const CLI::App& app, const CLI::ParseError& error, bool json) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    // A request for help or for the version.
    std::string text = error.get_name() == "CallForVersion" ? std::string(error.what()) + "\n" : app.help();
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  const std::string text = misuse(app, error);
  std::fprintf(stderr, "moxie: %s\n", for_terminal(text, stderr).c_str());
  if (json) {
    print_json_error(
        Status(Code::kInvalidArgument, "command line", "one that moxie knows", text.substr(0, text.find('\n'))));
  }
  return kMisused;
}

Status act(const Commands& commands) {
  try {
    return commands.run();
  } catch (const std::bad_alloc&) {
    return Status(Code::kNoMemory, "moxie", "memory", "a refusal from the system");
  } catch (const std::exception& error) {
    return Status(Code::kInternal, "moxie", "no exception", error.what());
  }
}

int run(int argc, char** argv) {
  CLI::App app("moxie runs Mixture-of-Experts language models inside your program. This one runs them from a shell.");
  app.require_subcommand(1);
  app.set_version_flag("--version", kVersion);
  Commands commands(app);
  // Before the command line is read, nobody knows more.
  const bool json =
      std::any_of(argv + 1, argv + argc, [](const char* word) { return std::string_view(word) == "--json"; });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return answer_misuse(app, error, json);
  }
  const Status status = act(commands);
  if (status.ok()) return commands.exit_code();
  if (is_output_error(status)) return kFailed;  // main() says it
  if (json) print_json_error(status);
  std::fprintf(stderr, "moxie: %s\n", sentence(status).c_str());
  return std::max(kFailed, commands.exit_code());
}

void say(std::string_view what) { std::fprintf(stderr, "moxie: %.*s\n", static_cast<int>(what.size()), what.data()); }

}  // namespace

int main(int argc, char** argv) {
  keep_standard_streams();
  buffer_output();
  Interrupt::install();
  int code = kFailed;
  try {
    code = run(argc, argv);
  } catch (const std::bad_alloc&) {  // before there was a command
    say("needed memory, came a refusal from the system");
  } catch (const std::exception& error) {
    say(error.what());
  }
  if (const Status written = close_output(); !written.ok()) {
    if (!nobody_reads(written)) say(written.message());
    code = std::max(code, kFailed);
  }
  if (Interrupt::asked()) Interrupt::end();
  return code;
}
