// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include <moxie/moxie.hpp>

#include "commands.hpp"

namespace moxie::program {

/// What `run` and `chat` need before they can answer: a model on a kernel, and the tools that were allowed.
struct Answerer {
  Model model;
  Kernel kernel;
  std::shared_ptr<Toolbox> toolbox;  ///< null: none
  double load_seconds = 0;

  static Result<Answerer> make(const Common& common, const Answering& answering);

  [[nodiscard]] ChatOptions chat_options(const Answering& answering) const;
};

/// true once Ctrl-C was pressed since the last call of clear(). Takes the signal over for as long as it lives.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] const std::atomic<bool>* flag() const noexcept;
  void clear() noexcept;
};

/// A text of a model for a terminal: control characters but line breaks and tabs are shown, not obeyed.
[[nodiscard]] std::string for_terminal(std::string_view text);

}  // namespace moxie::program
