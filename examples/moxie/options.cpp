// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <optional>
#include <utility>

#include <moxie/backend/executors.hpp>
#include <moxie/model/gguf_file_type.hpp>

#include "arguments.hpp"

namespace moxie::program {

namespace {

constexpr const char* kModel = "A folder with config.json and safetensors, or a GGUF file";
constexpr const char* kModelOrBuiltin =
    "A folder with config.json and safetensors, or a GGUF file (default: the model that comes with moxie)";
constexpr Whole kAny = {};
constexpr Whole kOneOrMore = {.least = 1};
constexpr Real kShare = {.least = 0, .most = 1};
constexpr Real kShareAboveZero = {.least = 0, .most = 1, .above = true};

CLI::Option* add_model(CLI::App& command, std::string& to, const char* help = kModel) {
  return add_name(command, "-m,--model", to, "PATH", help);
}

void add_output(CLI::App& command, std::string& to, const char* help) {
  add_name(command, "-o,--output", to, "FILE", help)->required();
}

CLI::Option* add_threads(CLI::App& command, std::size_t& to, const std::string& what) {
  return add_whole(command, "-t,--threads", to, {.least = 0, .most = kMaxExecutorThreads},
                   "Threads that " + what + " (default: all of the machine)");
}

void add_backend_options(CLI::App& command, Common& common) {
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

/// What every command that computes has.
void add_computing(CLI::App& command, Common& common) {
  add_choice<KvType, KvType>(
      command, "--kv-type", common.kv_type,
      {{"f32", KvType::kF32}, {"f16", KvType::kF16}, {"bf16", KvType::kBF16}, {"q8_0", KvType::kQ8_0}},
      "How keys and values are kept (default: f32)");
  add_threads(command, common.threads, "compute");
  add_choice<ExecutorKind, ExecutorKind>(
      command, "--executor", common.executor,
      {{"threads", ExecutorKind::kThreads}, {"openmp", ExecutorKind::kOpenMp}, {"serial", ExecutorKind::kSerial}},
      "What carries the threads (default: threads)");
  add_backend_options(command, common);
}

void add_settings(CLI::App& command, std::vector<std::string>& settings) {
  command
      .add_option("--set", settings,
                  "A variable of the template, name=value, in JSON or as text: enable_thinking=false; may be given "
                  "several times")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
}

void add_answering(CLI::App& command, Answering& answering) {
  auto& group = *command.add_option_group(
      "Choosing tokens", "What is not said is as the checkpoint recommends, where it does (moxie info -m shows it)");
  add_real(group, "--temperature", answering.temperature, {},
           "0: always the most probable token, whatever is recommended (default: 0)");
  add_whole(group, "--top-k", answering.top_k, kAny, "Only the K most probable ones; 0: all (default: 0)");
  add_real(group, "--top-p", answering.top_p, kShareAboveZero,
           "Only the most probable ones that have P together (default: 1)");
  add_real(group, "--min-p", answering.min_p, kShare,
           "Only those at least P times as probable as the best (default: 0)");
  add_real(group, "--repetition-penalty", answering.repetition_penalty, {.above = true},
           "Above 1: less of what was said (default: 1)");
  group.add_flag("--no-recommended", answering.plain, "Use the defaults above, not what the checkpoint recommends");
  add_whole(group, "--seed", answering.seed, {.least = 0, .most = std::numeric_limits<std::uint64_t>::max()},
            "The same seed, the same answer (default: another one each time)");
  auto& tools = *command.add_option_group("Tools");
  add_name(tools, "--tools", answering.tools, "NAMES",
           "What the model may use: names, separated by commas, all or none (default: none)\n"
           "calculate, now, convert, remember, recall; with --folder list_files, read_file");
  add_name(tools, "--folder", answering.folder, "PATH", "The folder that list_files and read_file see");
  auto& chat = *command.add_option_group("Chat template");
  add_name(chat, "--template", answering.template_file, "FILE", "A chat template instead of the checkpoint's own");
  add_name(chat, "--template-name", answering.template_name, "NAME",
           "Which of the checkpoint's, where it has several (default: tool_use with tools, otherwise default)");
  add_settings(chat, answering.settings);
  command.add_option("--system", answering.system, "Instructions that come before the conversation");
  add_whole(command, "--context", answering.context, kOneOrMore,
            "Tokens that a conversation has room for (default: the model's)");
  add_size(command, "--memory", answering.memory_bytes, std::uint64_t{1} << 20U,
           "For contexts and workspaces: 512M, 8G; a number alone counts MiB (default: 8G)");
}

CLI::App* add_info(CLI::App& app, Info& info) {
  CLI::App* command = app.add_subcommand("info", "Show this build and machine, and a checkpoint where one is named");
  auto* model = add_model(*command, info.common.model);
  command->add_flag("--tensors", info.tensors, "List the tensors of the checkpoint instead of loading it");
  add_size(*command, "--budget", info.budget_bytes, 1,
           "Say how many positions and whole contexts fit in so many bytes of keys and values: 512M, 8G")
      ->needs(model);
  auto* root = command
                   ->add_flag("--root", info.root,
                              "Hash everything: the SHA-256 that names the checkpoint, however it is stored")
                   ->needs(model);
  command
      ->add_flag("--keep", info.keep_root,
                 "With --root: keep it beside the file, and while the file does not change, take it from there")
      ->needs(root);
  add_threads(*command, info.common.threads, "hash")->needs(root);
  command->add_flag("--json", info.json, "Print JSON");
  add_backend_options(*command, info.common);
  return command;
}

CLI::App* add_logits(CLI::App& app, LogitsOfTokens& logits) {
  CLI::App* command = app.add_subcommand("logits", "Run tokens through a model and print the logits");
  add_model(*command, logits.common.model)->required();
  add_ids(*command, "--tokens", logits.tokens, "Token ids, separated by commas")->required();
  command->add_flag("--all", logits.all, "Logits of every position, not just the last");
  add_whole(*command, "--chunk", logits.chunk, kOneOrMore,
            "Tokens computed at once (default: as many as a step takes)");
  command->add_flag("--json", logits.json, "Print JSON");
  add_computing(*command, logits.common);
  return command;
}

CLI::App* add_run(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("run", "Answer a prompt");
  add_model(*command, run.common.model, kModelOrBuiltin);
  command->add_option("-p,--prompt", run.prompt, "What to answer; -: what comes on standard input")->required();
  add_whole(*command, "-n,--max-tokens", run.max_tokens, kAny, "Tokens of the answer at most (default: until it ends)");
  command->add_option("--stop", run.stop, "End the answer at this text; may be given several times")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return text.empty() ? "needed a text, came an empty one" : ""; });
  auto& shape = *command->add_option_group("What the answer is", "At most one; the model cannot answer anything else");
  add_name(shape, "--schema", run.schema, "FILE", "A value of this JSON schema (moxie constrain looks at one alone)");
  add_name(shape, "--regex", run.regex, "EXPRESSION", "A text that this regular expression matches as a whole");
  add_name(shape, "--grammar", run.grammar, "FILE", "A text of this grammar, in llama.cpp's GBNF");
  shape.require_option(0, 1);
  command->add_flag("--raw", run.raw, "Go on with the prompt as it is, without the checkpoint's chat template");
  command->add_option("--trace", run.trace, "Write what the time went to, for a viewer of Chrome's traces");
  command->add_flag("--json", run.json, "Print JSON: text, tokens, stop reason, timings, tool calls");
  add_answering(*command, run.answering);
  add_computing(*command, run.common);
  return command;
}

CLI::App* add_chat(CLI::App& app, ChatCommand& chat) {
  CLI::App* command = app.add_subcommand("chat", "Talk with a model");
  add_model(*command, chat.common.model, kModelOrBuiltin);
  add_answering(*command, chat.answering);
  add_computing(*command, chat.common);
  return command;
}

CLI::App* add_bench(CLI::App& app, Bench& bench) {
  CLI::App* command = app.add_subcommand("bench", "Measure tokens per second of a prompt and of generation");
  add_model(*command, bench.common.model)->required();
  add_whole(*command, "-p,--prompt", bench.prompt, kAny, "Tokens of the prompt; 0: none (default: 512)");
  add_whole(*command, "-n,--generate", bench.generate, kAny, "Tokens to generate; 0: none (default: 128)");
  add_whole(*command, "--parallel", bench.parallel, {.least = 1, .most = 4096},
            "Contexts that run at once (default: 1)");
  add_whole(*command, "--depth", bench.depth, kAny, "Tokens in each context before, not counted (default: 0)");
  add_whole(*command, "-r,--repeat", bench.repeat, {.least = 1, .most = 1'000'000}, "Repetitions (default: 5)");
  add_real(*command, "--price-per-hour", bench.price_per_hour, {.above = true},
           "What this machine costs in an hour: print the cost of a million tokens");
  command->add_flag("--profile", bench.profile, "Measure once more, phase by phase, beside what the machine allows");
  command->add_flag("--json", bench.json, "Print JSON");
  add_computing(*command, bench.common);
  return command;
}

CLI::App* add_convert(CLI::App& app, Convert& convert) {
  CLI::App* command = app.add_subcommand("convert", "Write a model of Hugging Face as GGUF");
  add_model(*command, convert.model, "Folder with config.json and safetensors")->required();
  add_output(*command, convert.output, "The .gguf file to write");
  std::vector<std::string> types;
  for (const GgufFileTypeName& type : gguf_file_types()) types.emplace_back(type.name);
  add_choice(*command, "--type", convert.type, types, "Types of the weights (default: f16)");
  add_threads(*command, convert.threads, "quantize");
  return command;
}

CLI::App* add_pack(CLI::App& app, Pack& pack) {
  CLI::App* command =
      app.add_subcommand("pack", "Write a GGUF model in moxie's tiles, which are mapped as they are: it loads at once");
  add_model(*command, pack.model, "The GGUF file")->required();
  add_output(*command, pack.output, "The .gguf file to write; other programs do not read it");
  add_threads(*command, pack.threads, "pack");
  return command;
}

CLI::App* add_synth(CLI::App& app, Synth& synth) {
  CLI::App* command = app.add_subcommand("synth", "Write a synthetic checkpoint: random weights, a working tokenizer");
  constexpr Whole kSize = {.least = 1, .most = 1U << 20U};
  add_output(*command, synth.output, "The .gguf file to write");
  add_choice(*command, "--family", synth.family, {"qwen3moe"}, "Family (default: qwen3moe)");
  add_choice(*command, "--type", synth.type, {"q4_k_m", "q8_0", "q4_0", "f16", "bf16", "f32"},
             "Types of the weights (default: q4_k_m)");
  add_whole(*command, "--seed", synth.seed, {.least = 0, .most = std::numeric_limits<std::uint64_t>::max()},
            "Seed of the weights (default: 0)");
  add_whole(*command, "--layers", synth.layers, kSize, "Layers (default: 48)");
  add_whole(*command, "--hidden", synth.hidden, kSize, "Width of the model (default: 2048)");
  add_whole(*command, "--experts", synth.experts, kSize, "Experts of a layer (default: 128)");
  add_whole(*command, "--experts-per-token", synth.experts_per_token, kSize, "Experts chosen for a token (default: 8)");
  add_whole(*command, "--expert-width", synth.expert_width, kSize, "Inner width of an expert (default: 768)");
  add_whole(*command, "--heads", synth.heads, kSize, "Query heads (default: 32)");
  add_whole(*command, "--kv-heads", synth.kv_heads, kSize, "Key and value heads (default: 4)");
  add_whole(*command, "--head-width", synth.head_width, kSize, "Width of a head (default: 128)");
  add_whole(*command, "--vocab", synth.vocab, {.least = 259, .most = 1U << 24U},
            "Tokens of the vocabulary (default: 151936)");
  command->add_flag("--yes", synth.yes, "Write it however large it is");
  return command;
}

CLI::App* add_route(CLI::App& app, Route& route) {
  CLI::App* command = app.add_subcommand("route", "Show which experts worked on which token, and why");
  add_model(*command, route.common.model, kModelOrBuiltin);
  command->add_option("-p,--prompt", route.prompt, "What is asked; the prompt and its answer are shown")
      ->type_name("TEXT");
  add_whole(*command, "-n,--max-tokens", route.max_tokens, kOneOrMore, "Tokens of the answer, at most (default: 128)");
  command->add_flag("--raw", route.raw, "Take the prompt as it is, without the chat template");
  add_name(*command, "--domains", route.domains, "FILE",
           "Texts by domain instead of a prompt, as JSON: {\"law\": [\"...\"], \"poems\": [\"...\"]}");
  command->add_option("--diff", route.diff, "Compare what --json wrote of two runs")->expected(2)->type_name("A B");
  add_name(*command, "--html", route.html, "FILE", "Write one page: heat map, load, an explanation of each token");
  add_name(*command, "--csv", route.csv, "FILE", "Write a line for each token, layer and chosen expert");
  add_name(*command, "--svg", route.svg, "FILE", "Write a heat map");
  command->add_flag("--json", route.json, "Print all decisions as JSON");
  add_answering(*command, route.answering);
  add_computing(*command, route.common);
  return command;
}

CLI::App* add_experts(CLI::App& app, Experts& experts) {
  CLI::App* command = app.add_subcommand("experts", "List a model's experts, and measure which excel at what");
  add_model(*command, experts.common.model, kModelOrBuiltin);
  add_name(*command, "--corpus", experts.corpus, "FILE",
           "Texts by domain, as JSON: {\"law\": [\"...\"], \"poems\": [\"...\"]}");
  command->add_flag("!--no-drop", experts.drop, "Do not measure the loss without each expert, which takes long");
  add_name(*command, "--html", experts.html, "FILE", "Write the page that moxie route writes");
  command->add_flag("--json", experts.json, "Print JSON");
  add_computing(*command, experts.common);
  return command;
}

CLI::App* add_tokenize(CLI::App& app, Tokenize& tokenize) {
  CLI::App* command = app.add_subcommand("tokenize", "Turn text into tokens, or tokens into text");
  add_model(*command, tokenize.model, "Folder with tokenizer.json, or a GGUF file")->required();
  auto& input = *command->add_option_group("input", "What to turn");
  input.add_option("--text", tokenize.text, "The text")->type_name("TEXT");
  add_name(input, "--file", tokenize.file, "FILE", "A file with the text");
  add_ids(input, "--decode", tokenize.decode, "Token ids, separated by commas");
  input.require_option(1);
  command->add_flag("--no-special", tokenize.no_special,
                    "Put no tokens around the text; leave special ones out when decoding");
  command->add_flag("--json", tokenize.json, "Print JSON");
  add_whole(*command, "--time", tokenize.repeat, kOneOrMore, "Encode so many times and print the seconds of each");
  return command;
}

CLI::App* add_template(CLI::App& app, RenderTemplate& chat) {
  CLI::App* command = app.add_subcommand("template", "Print the prompt that a chat template makes of messages");
  add_model(*command, chat.model, "Folder of a checkpoint, a GGUF or a .jinja file")->required();
  add_name(*command, "--messages", chat.messages, "FILE", "JSON file: a list of messages in OpenAI's form")->required();
  add_name(*command, "--tools", chat.tools, "FILE", "JSON file: a list of tools in OpenAI's form");
  add_name(*command, "--template-name", chat.name, "NAME",
           "Which template, where there are several (default: tool_use with --tools, otherwise default)");
  command->add_flag("--generation-prompt", chat.generation_prompt, "End where the answer begins");
  add_settings(*command, chat.settings);
  command->add_flag("--json", chat.json, "Print JSON: the prompt, and which bytes the template wrote");
  return command;
}

CLI::App* add_validate(CLI::App& app, Validate& validate) {
  CLI::App* command = app.add_subcommand(
      "validate",
      "Check a JSON value by a schema: ends with 0 where it is valid, 1 where it is not, 2 where the schema is "
      "not supported");
  auto* schema = add_name(*command, "--schema", validate.schema, "FILE", "The schema, of draft 2020-12 or before");
  auto* instance = add_name(*command, "--instance", validate.instance, "FILE", "The value");
  auto* suite = add_name(*command, "--suite", validate.suite, "FOLDER",
                         "Instead of the two: tests in the form of JSON-Schema-Test-Suite");
  schema->needs(instance)->excludes(suite);
  instance->needs(schema)->excludes(suite);
  command->require_option(1, 0);
  command->add_flag("--json", validate.json, "Print JSON: what is wrong, and where");
  return command;
}

CLI::App* add_constrain(CLI::App& app, Constrain& constrain) {
  CLI::App* command =
      app.add_subcommand("constrain", "Take JSON values through the masks of a schema, and say how long each took");
  add_model(*command, constrain.model, "Folder with tokenizer.json, or a GGUF file")->required();
  add_name(*command, "--schema", constrain.schema, "FILE", "The schema")->required();
  add_name(*command, "--instances", constrain.instances, "FILE", "Values, one a line")->required();
  command->add_flag("--any-order", constrain.any_order, "Members in any order, not in the schema's");
  add_whole(*command, "--blanks", constrain.max_blanks, {.least = 0, .most = 64},
            "Blanks and line breaks at each gap at most (default: 0)");
  command->add_flag("--json", constrain.json, "Print JSON");
  return command;
}

}  // namespace

template <class Options>
void Commands::add(CLI::App* command, const Options& options, Status (*act)(const Options&)) {
  commands_.push_back({command, [&options, act] { return act(options); }});
}

Commands::Commands(CLI::App& app) {
  add(add_run(app, run_), run_, run_run);
  add(add_chat(app, chat_), chat_, run_chat);
  add(add_info(app, info_), info_, run_info);
  add(add_bench(app, bench_), bench_, run_bench);
  add(add_convert(app, convert_), convert_, run_convert);
  add(add_pack(app, pack_), pack_, run_pack);
  add(add_synth(app, synth_), synth_, run_synth);
  add(add_route(app, route_), route_, run_route);
  add(add_experts(app, experts_), experts_, run_experts);
  add(add_tokenize(app, tokenize_), tokenize_, run_tokenize);
  add(add_template(app, template_), template_, run_template);
  add(add_logits(app, logits_), logits_, run_logits);
  add(add_validate(app, validate_), validate_, run_validate);
  add(add_constrain(app, constrain_), constrain_, run_constrain);
}

Status Commands::run() const {
  for (const Command& command : commands_) {
    if (command.app->parsed()) return command.run();
  }
  return Status(Code::kInternal, "moxie", "a command", "none");
}

}  // namespace moxie::program
