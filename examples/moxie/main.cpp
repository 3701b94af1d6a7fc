// SPDX-License-Identifier: Apache-2.0
// The program moxie: looks at checkpoints, runs them and talks with them, over the library's public headers alone.

#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <moxie/core/version.hpp>
#include <moxie/model/gguf_file_type.hpp>

#include "commands.hpp"

namespace {

using namespace moxie;

#define MOXIE_TEXT_INNER(x) #x
#define MOXIE_TEXT(x) MOXIE_TEXT_INNER(x)
constexpr const char* kVersion =
    "moxie " MOXIE_TEXT(MOXIE_VERSION_MAJOR) "." MOXIE_TEXT(MOXIE_VERSION_MINOR) "." MOXIE_TEXT(MOXIE_VERSION_PATCH);

/// An option that takes one of these names.
template <class To, class Value>
void add_choice(CLI::App& command, const char* option, To& to,
                const std::vector<std::pair<std::string, Value>>& choices, const char* help) {
  std::vector<std::string> names;
  for (const auto& [name, value] : choices) names.push_back(name);
  const auto choose = [&to, choices](const std::string& text) {
    for (const auto& [name, value] : choices) {
      if (name == text) to = value;
    }
  };
  command.add_option_function<std::string>(option, choose, help)->check(CLI::IsMember(names))->type_name("NAME");
}

void add_backend_options(CLI::App& command, program::Common& common) {
  std::vector<std::pair<std::string, Isa>> isas;
  for (const Isa isa : kIsas) isas.emplace_back(name(isa), isa);
  add_choice<std::optional<Isa>, Isa>(command, "--isa", common.isa, isas,
                                      "Instructions of the native kernels (default: the best of this CPU)");
  add_choice<MatmulPath, MatmulPath>(command, "--matmul", common.matmul,
                                     {{"auto", MatmulPath::kAuto},
                                      {"onednn", MatmulPath::kOneDnn},
                                      {"native", MatmulPath::kNative},
                                      {"reference", MatmulPath::kReference}},
                                     "What carries products with float weights (default: auto)");
  command.add_flag("--read", common.read, "Read the files into memory instead of mapping them");
}

void add_executor_options(CLI::App& command, program::Common& common) {
  command.add_option("-t,--threads", common.threads, "Threads that compute (default: all of the machine)");
  add_choice<ExecutorKind, ExecutorKind>(
      command, "--executor", common.executor,
      {{"threads", ExecutorKind::kThreads}, {"openmp", ExecutorKind::kOpenMp}, {"serial", ExecutorKind::kSerial}},
      "What carries the threads (default: threads)");
}

void add_kv_type(CLI::App& command, program::Common& common) {
  add_choice<KvType, KvType>(
      command, "--kv-type", common.kv_type,
      {{"f32", KvType::kF32}, {"f16", KvType::kF16}, {"bf16", KvType::kBF16}, {"q8_0", KvType::kQ8_0}},
      "How keys and values are kept (default: f32)");
}

CLI::App* add_convert(CLI::App& app, program::Convert& convert) {
  CLI::App* command = app.add_subcommand("convert", "Write a model of Hugging Face as GGUF");
  command->add_option("-m,--model", convert.model, "Folder with config.json and safetensors")->required();
  command->add_option("-o,--output", convert.output, "The .gguf file to write")->required();
  std::vector<std::string> types;
  for (const GgufFileTypeName& type : gguf_file_types()) types.emplace_back(type.name);
  command->add_option("--type", convert.type, "Types of the weights (default: f16)")
      ->check(CLI::IsMember(types))
      ->type_name("NAME");
  command->add_option("-t,--threads", convert.threads, "Threads that quantize (default: all of the machine)");
  return command;
}

void add_answering(CLI::App& command, program::Answering& answering) {
  auto* group = command.add_option_group(
      "Choosing tokens", "What is not said is as the checkpoint recommends, where it does (moxie info -m shows it)");
  group->add_option("--temperature", answering.temperature,
                    "0: always the most probable token, whatever is recommended (default: 0)");
  group->add_option("--top-k", answering.top_k, "Only the K most probable ones; 0: all (default: 0)");
  group->add_option("--top-p", answering.top_p, "Only the most probable ones that have P together (default: 1)");
  group->add_option("--min-p", answering.min_p, "Only those at least P times as probable as the best (default: 0)");
  group->add_option("--repetition-penalty", answering.repetition_penalty,
                    "Above 1: less of what was said (default: 1)");
  group->add_flag("--no-recommended", answering.plain, "Use the defaults above, not what the checkpoint recommends");
  group->add_option("--seed", answering.seed, "The same seed, the same answer (default: another one each time)");
  auto* tools = command.add_option_group("Tools");
  tools->add_option("--tools", answering.tools,
                    "What the model may use: names, separated by commas, all or none (default: none)\n"
                    "calculate, now, convert, remember, recall; with --folder list_files, read_file");
  tools->add_option("--folder", answering.folder, "The folder that list_files and read_file see");
  command.add_option("--system", answering.system, "Instructions that come before the conversation");
  command.add_option("--context", answering.context, "Tokens that a conversation has room for (default: the model's)");
  command.add_option("--memory", answering.memory_mib, "MiB for contexts and workspaces (default: 8192)");
}

CLI::App* add_run(CLI::App& app, program::Run& run) {
  CLI::App* command = app.add_subcommand("run", "Answer a prompt");
  command->add_option(
      "-m,--model", run.common.model,
      "Folder with config.json and safetensors, or a .gguf file (default: the model that comes with moxie)");
  command->add_option("-p,--prompt", run.prompt, "What to answer; -: what comes on standard input")->required();
  command->add_option("-n,--max-tokens", run.max_tokens, "Tokens of the answer at most (default: until it ends)");
  command->add_option("--stop", run.stop, "End the answer at this text; may be given several times");
  command->add_flag("--raw", run.raw, "Go on with the prompt as it is, without the checkpoint's chat template");
  command->add_flag("--json", run.json, "Print JSON: text, tokens, stop reason, timings, tool calls");
  add_answering(*command, run.answering);
  return command;
}

CLI::App* add_chat(CLI::App& app, program::ChatCommand& chat) {
  CLI::App* command = app.add_subcommand("chat", "Talk with a model");
  command->add_option(
      "-m,--model", chat.common.model,
      "Folder with config.json and safetensors, or a .gguf file (default: the model that comes with moxie)");
  add_answering(*command, chat.answering);
  return command;
}

CLI::App* add_bench(CLI::App& app, program::Bench& bench) {
  CLI::App* command = app.add_subcommand("bench", "Measure tokens per second of a prompt and of generation");
  command->add_option("-m,--model", bench.common.model, "Folder with config.json and safetensors, or a .gguf file")
      ->required();
  command->add_option("-p,--prompt", bench.prompt, "Tokens of the prompt; 0: none (default: 512)");
  command->add_option("-n,--generate", bench.generate, "Tokens to generate; 0: none (default: 128)");
  command->add_option("--parallel", bench.parallel, "Contexts that run at once (default: 1)");
  command->add_option("--depth", bench.depth, "Tokens in each context before, not counted (default: 0)");
  command->add_option("-r,--repeat", bench.repeat, "Repetitions (default: 5)");
  command->add_flag("--json", bench.json, "Print JSON");
  return command;
}

CLI::App* add_pack(CLI::App& app, program::Pack& pack) {
  CLI::App* command =
      app.add_subcommand("pack", "Write a GGUF model in moxie's tiles, which are mapped as they are: it loads at once");
  command->add_option("-m,--model", pack.model, "The .gguf file")->required();
  command->add_option("-o,--output", pack.output, "The .gguf file to write; other programs do not read it")->required();
  command->add_option("-t,--threads", pack.threads, "Threads that pack (default: all of the machine)");
  return command;
}

CLI::App* add_synth(CLI::App& app, program::Synth& synth) {
  CLI::App* command = app.add_subcommand("synth", "Write a synthetic checkpoint: random weights, a working tokenizer");
  command->add_option("-o,--output", synth.output, "The .gguf file to write")->required();
  command
      ->add_option_function<std::string>(
          "--family", [](const std::string&) {}, "Family (default: qwen3moe)")
      ->check(CLI::IsMember({"qwen3moe"}))
      ->type_name("NAME");
  command->add_option("--type", synth.type, "Types of the weights (default: q4_k_m)")
      ->check(CLI::IsMember({"q4_k_m", "q8_0", "q4_0", "f16", "bf16", "f32"}))
      ->type_name("NAME");
  command->add_option("--seed", synth.seed, "Seed of the weights (default: 0)");
  command->add_option("--layers", synth.layers, "Layers (default: 48)");
  command->add_option("--hidden", synth.hidden, "Width of the model (default: 2048)");
  command->add_option("--experts", synth.experts, "Experts of a layer (default: 128)");
  command->add_option("--experts-per-token", synth.experts_per_token, "Experts chosen for a token (default: 8)");
  command->add_option("--expert-width", synth.expert_width, "Inner width of an expert (default: 768)");
  command->add_option("--heads", synth.heads, "Query heads (default: 32)");
  command->add_option("--kv-heads", synth.kv_heads, "Key and value heads (default: 4)");
  command->add_option("--head-width", synth.head_width, "Width of a head (default: 128)");
  command->add_option("--vocab", synth.vocab, "Tokens of the vocabulary (default: 151936)");
  return command;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("moxie runs Mixture-of-Experts language models inside your program. This one runs them from a shell.");
  app.require_subcommand(1);
  app.set_version_flag("--version", kVersion);

  program::Info info;
  CLI::App* info_command =
      app.add_subcommand("info", "Show this build and machine, and a checkpoint where one is named");
  auto* info_model = info_command->add_option("-m,--model", info.common.model,
                                              "Folder with config.json and safetensors, or a .gguf file");
  info_command->add_flag("--tensors", info.tensors, "List the tensors of the checkpoint instead of loading it");
  info_command
      ->add_option(
          "--budget", info.budget_bytes,
          "Say how many positions and whole contexts fit in so many bytes of keys and values; K, M and G count "
          "1024s")
      ->transform(CLI::AsSizeValue(false))
      ->needs(info_model)
      ->type_name("BYTES");
  auto* info_root = info_command->add_flag(
      "--root", info.root, "Hash everything: the SHA-256 that names the checkpoint, however it is stored");
  info_root->needs(info_model);
  info_command
      ->add_flag("--keep", info.keep_root,
                 "With --root: keep it beside the file, and while the file does not change, take it from there")
      ->needs(info_root);
  info_command->add_option("-t,--threads", info.common.threads, "Threads that hash (default: all of the machine)")
      ->needs(info_root);
  info_command->add_flag("--json", info.json, "Print JSON");
  add_backend_options(*info_command, info.common);

  program::LogitsOfTokens logits;
  CLI::App* logits_command = app.add_subcommand("logits", "Run tokens through a model and print the logits");
  logits_command
      ->add_option("-m,--model", logits.common.model, "Folder with config.json and safetensors, or a .gguf file")
      ->required();
  logits_command->add_option("--tokens", logits.tokens, "Token ids, separated by commas")->required()->delimiter(',');
  logits_command->add_flag("--all", logits.all, "Logits of every position, not just the last");
  logits_command->add_option("--chunk", logits.chunk, "Tokens computed at once (default: as many as a step takes)");
  logits_command->add_flag("--json", logits.json, "Print JSON");
  add_kv_type(*logits_command, logits.common);
  add_executor_options(*logits_command, logits.common);
  add_backend_options(*logits_command, logits.common);

  program::Run run;
  CLI::App* run_command = add_run(app, run);
  add_kv_type(*run_command, run.common);
  add_executor_options(*run_command, run.common);
  add_backend_options(*run_command, run.common);

  program::ChatCommand talk;
  CLI::App* talk_command = add_chat(app, talk);
  add_kv_type(*talk_command, talk.common);
  add_executor_options(*talk_command, talk.common);
  add_backend_options(*talk_command, talk.common);

  program::Bench bench;
  CLI::App* bench_command = add_bench(app, bench);
  add_kv_type(*bench_command, bench.common);
  add_executor_options(*bench_command, bench.common);
  add_backend_options(*bench_command, bench.common);

  program::Pack pack;
  CLI::App* pack_command = add_pack(app, pack);

  program::Synth synth;
  CLI::App* synth_command = add_synth(app, synth);

  program::Convert convert;
  CLI::App* convert_command = add_convert(app, convert);

  program::Tokenize tokenize;
  CLI::App* tokenize_command = app.add_subcommand("tokenize", "Turn text into tokens, or tokens into text");
  tokenize_command->add_option("-m,--model", tokenize.model, "Folder with tokenizer.json, or a .gguf file")->required();
  auto* input = tokenize_command->add_option_group("input", "What to turn");
  input->add_option("--text", tokenize.text, "The text")->type_name("TEXT");
  input->add_option("--file", tokenize.file, "A file with the text")->type_name("FILE");
  input->add_option("--decode", tokenize.decode, "Token ids, separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("IDS");
  input->require_option(1);
  tokenize_command->add_flag("--no-special", tokenize.no_special,
                             "Put no tokens around the text; leave special ones out when decoding");
  tokenize_command->add_flag("--json", tokenize.json, "Print JSON");
  tokenize_command->add_option("--time", tokenize.repeat, "Encode so many times and print the seconds of each");

  program::RenderTemplate chat;
  CLI::App* template_command =
      app.add_subcommand("template", "Print the prompt that a chat template makes of messages");
  template_command->add_option("-m,--model", chat.model, "Folder of a checkpoint, a .gguf or a .jinja file")
      ->required();
  template_command->add_option("--messages", chat.messages, "JSON file: a list of messages in OpenAI's form")
      ->required();
  template_command->add_option("--tools", chat.tools, "JSON file: a list of tools in OpenAI's form");
  template_command->add_option("--template-name", chat.name,
                               "Which template, where there are several (default: default)");
  template_command->add_flag("--generation-prompt", chat.generation_prompt, "End where the answer begins");
  template_command
      ->add_option("--set", chat.settings, "A variable, name=value, in JSON or as text; may be given several times")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  template_command->add_flag("--json", chat.json, "Print JSON: the prompt, and which bytes the template wrote");

  CLI11_PARSE(app, argc, argv);
  Status status;
  if (info_command->parsed()) status = program::run_info(info);
  if (logits_command->parsed()) status = program::run_logits(logits);
  if (run_command->parsed()) status = program::run_run(run);
  if (talk_command->parsed()) status = program::run_chat(talk);
  if (bench_command->parsed()) status = program::run_bench(bench);
  if (convert_command->parsed()) status = program::run_convert(convert);
  if (pack_command->parsed()) status = program::run_pack(pack);
  if (synth_command->parsed()) status = program::run_synth(synth);
  if (tokenize_command->parsed()) status = program::run_tokenize(tokenize);
  if (template_command->parsed()) status = program::run_template(chat);
  if (status.ok()) return 0;
  const std::string_view message = status.message();
  std::fprintf(stderr, "moxie: %.*s\n", static_cast<int>(message.size()), message.data());
  return 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "moxie: %s\n", error.what());
  return 1;
}
