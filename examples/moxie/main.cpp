// SPDX-License-Identifier: Apache-2.0
// The program moxie: looks at checkpoints and runs them, over the library's public headers alone.

#include <cstdio>
#include <exception>
#include <map>

#include <CLI/CLI.hpp>

#include <moxie/core/version.hpp>

#include "commands.hpp"

namespace {

using namespace moxie;

#define MOXIE_TEXT_INNER(x) #x
#define MOXIE_TEXT(x) MOXIE_TEXT_INNER(x)
constexpr const char* kVersion =
    "moxie " MOXIE_TEXT(MOXIE_VERSION_MAJOR) "." MOXIE_TEXT(MOXIE_VERSION_MINOR) "." MOXIE_TEXT(MOXIE_VERSION_PATCH);

void add_backend_options(CLI::App& command, program::Common& common) {
  static const std::map<std::string, Isa> isas = {
      {"portable", Isa::kPortable}, {"avx2", Isa::kAvx2}, {"avx512", Isa::kAvx512}};
  static const std::map<std::string, MatmulPath> paths = {{"auto", MatmulPath::kAuto},
                                                          {"onednn", MatmulPath::kOneDnn},
                                                          {"native", MatmulPath::kNative},
                                                          {"reference", MatmulPath::kReference}};
  command
      .add_option_function<std::string>(
          "--isa", [&common](const std::string& text) { common.isa = isas.at(text); },
          "Instructions of the native kernels (default: the best of this CPU)")
      ->check(CLI::IsMember({"portable", "avx2", "avx512"}))
      ->type_name("NAME");
  command
      .add_option_function<std::string>(
          "--matmul", [&common](const std::string& text) { common.matmul = paths.at(text); },
          "What carries products with float weights (default: auto)")
      ->check(CLI::IsMember({"auto", "onednn", "native", "reference"}))
      ->type_name("NAME");
  command.add_flag("--read", common.read, "Read the files into memory instead of mapping them");
}

void add_executor_options(CLI::App& command, program::Common& common) {
  static const std::map<std::string, ExecutorKind> kinds = {
      {"openmp", ExecutorKind::kOpenMp}, {"threads", ExecutorKind::kThreads}, {"serial", ExecutorKind::kSerial}};
  command.add_option("-t,--threads", common.threads, "Threads that compute (default: all of the machine)");
  command
      .add_option_function<std::string>(
          "--executor", [&common](const std::string& text) { common.executor = kinds.at(text); },
          "What carries the threads (default: openmp where the build has it)")
      ->check(CLI::IsMember({"openmp", "threads", "serial"}))
      ->type_name("NAME");
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("moxie runs Mixture-of-Experts language models inside your program. This one looks at them.");
  app.require_subcommand(1);
  app.set_version_flag("--version", kVersion);

  program::Info info;
  CLI::App* info_command =
      app.add_subcommand("info", "Show this build and machine, and a checkpoint where one is named");
  info_command->add_option("-m,--model", info.common.model, "Folder with config.json and safetensors");
  info_command->add_flag("--json", info.json, "Print JSON");
  add_backend_options(*info_command, info.common);

  program::LogitsOfTokens logits;
  CLI::App* logits_command = app.add_subcommand("logits", "Run tokens through a model and print the logits");
  logits_command->add_option("-m,--model", logits.common.model, "Folder with config.json and safetensors")->required();
  logits_command->add_option("--tokens", logits.tokens, "Token ids, separated by commas")->required()->delimiter(',');
  logits_command->add_flag("--all", logits.all, "Logits of every position, not just the last");
  logits_command->add_option("--chunk", logits.chunk, "Tokens computed at once (default: as many as a step takes)");
  logits_command->add_flag("--json", logits.json, "Print JSON");
  add_executor_options(*logits_command, logits.common);
  add_backend_options(*logits_command, logits.common);

  program::Tokenize tokenize;
  CLI::App* tokenize_command = app.add_subcommand("tokenize", "Turn text into tokens, or tokens into text");
  tokenize_command->add_option("-m,--model", tokenize.model, "Folder with tokenizer.json")->required();
  auto* input = tokenize_command->add_option_group("input", "What to turn");
  input->add_option("--text", tokenize.text, "The text");
  input->add_option("--file", tokenize.file, "A file with the text");
  input->add_option("--decode", tokenize.decode, "Token ids, separated by commas")->delimiter(',');
  input->require_option(1);
  tokenize_command->add_flag("--no-special", tokenize.no_special,
                             "Put no tokens around the text; leave special ones out when decoding");
  tokenize_command->add_flag("--json", tokenize.json, "Print JSON");
  tokenize_command->add_option("--time", tokenize.repeat, "Encode so many times and print the seconds of each");

  CLI11_PARSE(app, argc, argv);
  const Status status = info_command->parsed()       ? program::run_info(info)
                        : tokenize_command->parsed() ? program::run_tokenize(tokenize)
                                                     : program::run_logits(logits);
  if (status.ok()) return 0;
  const std::string_view message = status.message();
  std::fprintf(stderr, "moxie: %.*s\n", static_cast<int>(message.size()), message.data());
  return 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "moxie: %s\n", error.what());
  return 1;
}
