// SPDX-License-Identifier: Apache-2.0
#include "answering.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>

#include <nlohmann/json.hpp>

#include <moxie/text/chat_template.hpp>
#include <moxie/text/message.hpp>
#include <moxie/tool/folder.hpp>
#include <moxie/tool/notes.hpp>
#include <moxie/tool/ready.hpp>

#include "output.hpp"
#include "progress.hpp"
#include "suggestion.hpp"

namespace moxie::program {

namespace {

Status add(Toolbox& toolbox, const Result<AnyTool>& tool) {
  MOXIE_TRY(tool.status());
  return toolbox.add(*tool);
}

Status grant(Toolbox& toolbox, const std::string& wanted) {
  if (wanted == "all") {
    MOXIE_TRY_LET(const std::vector<std::string> names, toolbox.names());
    for (const std::string& name : names) MOXIE_TRY(toolbox.grant(name));
    return {};
  }
  for (std::size_t begin = 0; begin <= wanted.size();) {
    const std::size_t end = std::min(wanted.find(',', begin), wanted.size());
    const std::string name = wanted.substr(begin, end - begin);
    MOXIE_TRY_LET(const std::vector<std::string> names, toolbox.names());
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      std::string known = "all, none, or some of";
      for (const std::string& one : names) known += " " + one;
      if (names.size() == 5) known += ", and with --folder of list_files read_file";
      return Status(Code::kInvalidArgument, "--tools", known,
                    name.empty() ? "an empty name" : name + did_you_mean(name, names));
    }
    MOXIE_TRY(toolbox.grant(name));
    begin = end + 1;
  }
  return {};
}

Result<std::shared_ptr<Toolbox>> make_toolbox(const Answering& answering) {
  if (answering.tools == "none") return std::shared_ptr<Toolbox>();
  auto toolbox = std::make_shared<Toolbox>();
  const auto notes = std::make_shared<tools::Notes>();
  MOXIE_TRY(add(*toolbox, tools::calculate()));
  MOXIE_TRY(add(*toolbox, tools::now()));
  MOXIE_TRY(add(*toolbox, tools::convert()));
  MOXIE_TRY(add(*toolbox, tools::remember(notes)));
  MOXIE_TRY(add(*toolbox, tools::recall(notes)));
  if (!answering.folder.empty()) {
    Result<tools::Folder> folder = tools::Folder::open(answering.folder);
    if (!folder.ok()) {
      return Status(folder.status().code(), "--folder", folder.status().needed(), folder.status().came());
    }
    const auto shared = std::make_shared<const tools::Folder>(*std::move(folder));
    MOXIE_TRY(add(*toolbox, tools::list_files(shared)));
    MOXIE_TRY(add(*toolbox, tools::read_file(shared)));
  }
  MOXIE_TRY(grant(*toolbox, answering.tools));
  return toolbox;
}

}  // namespace

Result<Sampling> Answering::sampling(const Model& model) const {
  Sampling chosen;
  // Who asks for the most probable token shall have that one, whatever is recommended.
  if (!plain && temperature != 0.0) {
    MOXIE_TRY(model.recommended_sampling().status());
    const RecommendedSampling& recommended = *model.recommended_sampling();
    chosen = sampling_of(recommended);
    for (const std::string& other : recommended.unsupported) {
      std::fprintf(stderr, "moxie: the checkpoint recommends %s, which moxie does not have\n",
                   for_terminal(other, stderr).c_str());
    }
  }
  chosen.temperature = temperature.value_or(chosen.temperature);
  chosen.top_k = top_k.value_or(chosen.top_k);
  chosen.top_p = top_p.value_or(chosen.top_p);
  chosen.min_p = min_p.value_or(chosen.min_p);
  chosen.repetition_penalty = repetition_penalty.value_or(chosen.repetition_penalty);
  chosen.seed = seed ? *seed : std::random_device()();
  return chosen;
}

Result<Answerer> Answerer::make(const Common& common, const Answering& answering, std::shared_ptr<PhaseSink> phases) {
  MOXIE_TRY_LET(std::shared_ptr<Toolbox> toolbox, make_toolbox(answering));
  ModelOptions model_options = common.model_options();
  model_options.files.callbacks = progress_bar();
  const auto begin = std::chrono::steady_clock::now();
  MOXIE_TRY_LET(Model model, Model::load(common.model, model_options));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  MOXIE_TRY_LET(Kernel kernel, Kernel::create({.threads = common.threads,
                                               .memory_bytes = answering.memory_bytes,
                                               .executor = common.executor,
                                               .kv_type = common.kv_type,
                                               .phases = std::move(phases)}));
  return Answerer{std::move(model), std::move(kernel), std::move(toolbox), seconds.count()};
}

Result<std::vector<std::pair<std::string, Value>>> read_settings(const std::vector<std::string>& settings) {
  std::vector<std::pair<std::string, Value>> values;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Status(Code::kInvalidArgument, "--set", "name=value", setting);
    }
    const std::string name = setting.substr(0, equals);
    const std::string text = setting.substr(equals + 1);
    const bool json = nlohmann::json::accept(text);
    MOXIE_TRY_LET(Value value, json ? parse_value(text, name) : Value::string(text));
    values.emplace_back(name, std::move(value));
  }
  return values;
}

Result<ChatOptions> Answerer::chat_options(const Answering& answering) const {
  ChatOptions options;
  if (!answering.template_file.empty()) {
    if (!answering.template_name.empty()) {
      return Status(Code::kInvalidArgument, "--template", "a file or the name of one of the checkpoint's", "both");
    }
    std::vector<std::pair<std::string, Value>> special_tokens;
    if (model.chat_template().ok()) special_tokens = model.chat_template()->special_tokens;
    MOXIE_TRY_LET(CheckpointTemplate chat, load_chat_template(answering.template_file, "default", special_tokens));
    options.chat_template = std::make_shared<const CheckpointTemplate>(std::move(chat));
  }
  options.template_name = answering.template_name;
  MOXIE_TRY_LET(options.variables, read_settings(answering.settings));
  options.system = answering.system;
  options.toolbox = toolbox;
  if (answering.context != 0) options.context.max_positions = answering.context;
  return options;
}

}  // namespace moxie::program
