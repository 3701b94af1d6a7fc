// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "commands.hpp"

namespace moxie::program {

/// The program's commands, with the options that each was given.
class Commands {
 public:
  /// Makes them known to `app`, which must not outlive them.
  explicit Commands(CLI::App& app);

  /// Does what was asked for.
  Status run() const;
  /// What the program ends with after a command that went well.
  [[nodiscard]] int exit_code() const noexcept { return validate_.exit_code; }

 private:
  struct Command {
    const CLI::App* app;
    std::function<Status()> run;
  };
  template <class Options>
  void add(CLI::App* command, const Options& options, Status (*act)(const Options&));

  std::vector<Command> commands_;
  Info info_;
  LogitsOfTokens logits_;
  Run run_;
  ChatCommand chat_;
  Bench bench_;
  Pack pack_;
  Synth synth_;
  Convert convert_;
  Route route_;
  Experts experts_;
  Tokenize tokenize_;
  RenderTemplate template_;
  Validate validate_;
  Constrain constrain_;
};

}  // namespace moxie::program
