// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <moxie/moxie.hpp>

// The commands of the program moxie. Each returns a Status, and main() prints it.

namespace moxie::program {

/// What every command that runs something can be told.
struct Common {
  std::string model;
  std::optional<Isa> isa;
  MatmulPath matmul = MatmulPath::kAuto;
  bool read = false;
  std::size_t threads = 0;
  ExecutorKind executor = ExecutorKind::kThreads;
  KvType kv_type = KvType::kF32;

  [[nodiscard]] ModelOptions model_options() const;
};

struct Info {
  Common common;
  std::optional<std::uint64_t> budget_bytes;  ///< for keys and values: says what fits
  bool json = false;
  bool tensors = false;
  bool root = false;
  bool keep_root = false;  ///< beside the file, and use the one that is there
};
Status run_info(const Info& options);
/// The tensors and the metadata of a checkpoint, without loading it.
Status list_tensors(const Info& options);

struct LogitsOfTokens {
  Common common;
  std::vector<TokenId> tokens;
  bool all = false;
  std::size_t chunk = 0;  ///< 0: whole
  bool json = false;
};
Status run_logits(const LogitsOfTokens& options);

/// Tokens per second of a prompt and of generation.
struct Bench {
  Common common;
  std::size_t prompt = 512;
  std::size_t generate = 128;
  std::size_t parallel = 1;
  std::size_t depth = 0;  ///< tokens that are in each context before
  std::size_t repeat = 5;
  double price_per_hour = 0;  ///< of the machine, in any currency; 0: no cost is told
  bool profile = false;
  bool json = false;
};
Status run_bench(const Bench& options);

struct Convert {
  std::string model;
  std::string output;
  std::string type = "f16";
  std::size_t threads = 0;
};
Status run_convert(const Convert& options);

struct Pack {
  std::string model;
  std::string output;
  std::size_t threads = 0;
};
Status run_pack(const Pack& options);

/// Sizes as of Qwen3-30B-A3B.
struct Synth {
  std::string output;
  std::string type = "q4_k_m";
  std::uint64_t seed = 0;
  std::size_t layers = 48;
  std::size_t hidden = 2048;
  std::size_t experts = 128;
  std::size_t experts_per_token = 8;
  std::size_t expert_width = 768;
  std::size_t heads = 32;
  std::size_t kv_heads = 4;
  std::size_t head_width = 128;
  std::size_t vocab = 151936;
  std::string family = "qwen3moe";  ///< there is one as yet
  bool yes = false;                 ///< however large it is
};
Status run_synth(const Synth& options);

/// What `run` and `chat` choose tokens by, and what they may use.
struct Answering {
  // What is not said is as the checkpoint recommends.
  std::optional<double> temperature;
  std::optional<std::size_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  bool plain = false;                                    ///< what is not said is as moxie has it
  std::optional<std::uint64_t> seed;                     ///< none: another one each time
  std::size_t context = 0;                               ///< positions; 0: as many as the checkpoint says
  std::uint64_t memory_bytes = std::uint64_t{8} << 30U;  ///< of contexts and workspaces
  std::string tools = "none";                            ///< names, separated by commas; "all"; "none"
  std::string folder;                                    ///< that list_files and read_file see
  std::string system;
  std::string template_file;          ///< instead of the checkpoint's
  std::string template_name;          ///< of the checkpoint's, where it has several
  std::vector<std::string> settings;  ///< name=value, for the template

  /// Says on standard error what the checkpoint recommends and moxie does not have.
  [[nodiscard]] Result<Sampling> sampling(const Model& model) const;
};

struct Run {
  Common common;
  Answering answering;
  std::string prompt;
  std::size_t max_tokens = SIZE_MAX;
  std::vector<std::string> stop;
  std::string trace;  ///< a file for the phases of its steps; empty: none
  // What the answer has to be; at most one of them.
  std::string schema;  ///< a file
  std::string regex;
  std::string grammar;  ///< a file
  bool raw = false;
  bool json = false;
};
Status run_run(const Run& options);

struct ChatCommand {
  Common common;
  Answering answering;
};
Status run_chat(const ChatCommand& options);

/// Which experts worked on which token.
struct Route {
  Common common;
  Answering answering;
  std::string prompt;
  std::size_t max_tokens = 128;
  bool raw = false;
  std::string domains;            ///< JSON file of texts by domain, instead of a prompt
  std::vector<std::string> diff;  ///< two JSON files of routes, instead of both
  std::string html, csv, svg;     ///< files to write
  bool json = false;
};
Status run_route(const Route& options);

/// What experts there are, and which excel at what.
struct Experts {
  Common common;
  std::string corpus;  ///< JSON file of texts by domain
  bool drop = true;    ///< measure the loss without each expert
  std::string html;
  bool json = false;
};
Status run_experts(const Experts& options);

struct Tokenize {
  std::string model;
  std::optional<std::string> text;
  std::optional<std::string> file;
  std::optional<std::vector<TokenId>> decode;
  bool no_special = false;
  bool json = false;
  std::size_t repeat = 0;  ///< encode so many times and print how long each took
};
Status run_tokenize(const Tokenize& options);

/// A JSON value against a schema, or the official test suite.
struct Validate {
  std::string schema;
  std::string instance;
  std::string suite;  ///< a folder, instead of the two
  bool json = false;
  mutable int exit_code = 0;  ///< what the program ends with: 0 valid, 1 not, 2 the schema is not supported
};
Status run_validate(const Validate& options);

/// JSON values, one a line, through the masks of a schema.
struct Constrain {
  std::string model;
  std::string schema;
  std::string instances;
  bool any_order = false;
  std::size_t max_blanks = 0;
  bool json = false;
};
Status run_constrain(const Constrain& options);

/// A chat as the prompt that a checkpoint's template makes of it.
struct RenderTemplate {
  std::string model;  ///< a checkpoint's folder, a .gguf or a .jinja file
  std::string name;
  std::string messages;
  std::string tools;
  bool generation_prompt = false;
  std::vector<std::string> settings;  ///< name=value
  bool json = false;
};
Status run_template(const RenderTemplate& options);

}  // namespace moxie::program
