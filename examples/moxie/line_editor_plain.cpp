// SPDX-License-Identifier: Apache-2.0
// The twin of line_editor_libedit.cpp for builds without libedit.

#include <cerrno>
#include <cstdio>

#include <unistd.h>

#include "line_editor.hpp"

namespace moxie::program {

struct LineEditor::State {};

LineEditor::LineEditor() = default;
LineEditor::~LineEditor() = default;

const char* LineEditor::description() noexcept { return "lines are not edited: this build has no libedit"; }

std::optional<std::string> LineEditor::read() {
  if (isatty(STDIN_FILENO) != 0) {
    std::fputs("> ", stdout);
    std::fflush(stdout);
  }
  std::string line;
  for (int c = std::fgetc(stdin); c != '\n'; c = std::fgetc(stdin)) {
    if (c == EOF) {
      const bool stopped = std::ferror(stdin) != 0 && errno == EINTR;
      std::clearerr(stdin);
      if (stopped) return std::string();
      return line.empty() ? std::nullopt : std::optional(line);
    }
    line += static_cast<char>(c);
  }
  return line;
}

}  // namespace moxie::program
