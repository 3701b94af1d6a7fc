// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <clocale>
#include <cstdio>

#include <histedit.h>
#include <unistd.h>

#include "line_editor.hpp"

namespace moxie::program {

namespace {

constexpr int kRemembered = 1000;

char prompt_text[] = "> ";
char* prompt(EditLine*) { return prompt_text; }

}  // namespace

struct LineEditor::State {
  EditLine* edit = nullptr;
  History* history = nullptr;
  HistEvent event{};

  State() {
    std::setlocale(LC_CTYPE, "");  // so that a character of several bytes is one
    edit = el_init("moxie", stdin, stdout, stderr);
    history = history_init();
    if (edit == nullptr || history == nullptr) return;
    ::history(history, &event, H_SETSIZE, kRemembered);
    ::history(history, &event, H_SETUNIQUE, 1);
    el_set(edit, EL_PROMPT, prompt);
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_SIGNAL, 0);  // Ctrl-C is the program's
    el_set(edit, EL_HIST, ::history, history);
    el_source(edit, nullptr);  // the user's ~/.editrc
  }
  ~State() {
    if (history != nullptr) history_end(history);
    if (edit != nullptr) el_end(edit);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

LineEditor::LineEditor() : state_(std::make_unique<State>()) {}
LineEditor::~LineEditor() = default;

const char* LineEditor::description() noexcept { return "lines are edited by libedit"; }

std::optional<std::string> LineEditor::read() {
  int count = 0;
  errno = 0;
  const char* line = state_->edit == nullptr ? nullptr : el_gets(state_->edit, &count);
  if (line == nullptr || count <= 0) {
    if (errno != EINTR) return std::nullopt;
    std::fputc('\n', stdout);
    el_reset(state_->edit);
    return std::string();
  }
  std::string text(line, static_cast<std::size_t>(count));
  if (text.find_first_not_of(" \t\n") != std::string::npos) {
    ::history(state_->history, &state_->event, H_ENTER, text.c_str());
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

}  // namespace moxie::program
