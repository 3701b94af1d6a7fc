// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace moxie::program {

/// Reads lines from a terminal, with editing and history where the build has libedit.
class LineEditor {
 public:
  LineEditor();
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  /// What lines are edited with, or why they are not.
  [[nodiscard]] static const char* description() noexcept;
  /// A line without its end; nothing at the end of the input. Ctrl-C gives an empty line.
  std::optional<std::string> read();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace moxie::program
