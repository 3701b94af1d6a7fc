// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <moxie/moxie.hpp>

#include "commands.hpp"

namespace moxie::program {

/// What `run` and `chat` need before they can answer: a model on a kernel, and the tools that were allowed.
struct Answerer {
  Model model;
  Kernel kernel;
  std::shared_ptr<Toolbox> toolbox;  ///< null: none
  double load_seconds = 0;

  /// `phases`, where given, is told what the steps do.
  static Result<Answerer> make(const Common& common, const Answering& answering,
                               std::shared_ptr<PhaseSink> phases = {});

  [[nodiscard]] Result<ChatOptions> chat_options(const Answering& answering) const;
};

/// What --set says, name=value: JSON where the value is JSON, otherwise a string.
Result<std::vector<std::pair<std::string, Value>>> read_settings(const std::vector<std::string>& settings);

}  // namespace moxie::program
