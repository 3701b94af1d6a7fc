// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <unistd.h>

#include "support/temporary_folder.hpp"

namespace moxie::test {

/// What a run of the program moxie gave.
struct Ran {
  int code = -1;  ///< 128 + the signal that ended it, as shells have it
  std::string out;
  std::string err;  ///< on a terminal, both are in `out`
};

/// Runs the program moxie as a shell does.
struct Program {
  std::vector<std::string> arguments;
  std::string input = {};
  bool terminal = false;       ///< standard input, output and error are one
  std::string output_to = {};  ///< a file or device that standard output goes to
  bool closed_pipe = false;    ///< standard output is a pipe that nobody reads
  bool ignores_sigpipe = false;
  rlim_t address_space = RLIM_INFINITY;
  std::string interrupt_after = {};  ///< on a terminal: once this was written, Ctrl-C is pressed

  [[nodiscard]] Ran run() const {
    const TemporaryFolder folder;
    { std::ofstream(folder / "in") << input; }
    int master = -1;
    const pid_t child = terminal ? ::forkpty(&master, nullptr, nullptr, nullptr) : ::fork();
    if (child < 0) throw std::runtime_error("cannot fork");
    if (child == 0) become(folder);
    Ran ran;
    if (terminal) ran.out = talk(master);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    ran.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (master >= 0) ::close(master);
    if (!terminal) {
      ran.out = contents(folder / "out");
      ran.err = contents(folder / "err");
    }
    return ran;
  }

 private:
  static std::string contents(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

  [[noreturn]] void become(const TemporaryFolder& folder) const {
    const auto redirect = [](const std::string& path, int flags, int descriptor) {
      const int opened = ::open(path.c_str(), flags, 0600);
      if (opened < 0 || ::dup2(opened, descriptor) < 0) ::_exit(126);
      ::close(opened);
    };
    constexpr int kNew = O_WRONLY | O_CREAT | O_TRUNC;
    if (!terminal) {
      redirect(folder / "in", O_RDONLY, STDIN_FILENO);
      redirect(output_to.empty() ? (folder / "out").string() : output_to, kNew, STDOUT_FILENO);
      redirect(folder / "err", kNew, STDERR_FILENO);
    }
    if (closed_pipe) {
      int ends[2];
      if (::pipe(ends) != 0 || ::dup2(ends[1], STDOUT_FILENO) < 0) ::_exit(126);
      ::close(ends[0]);
      ::close(ends[1]);
    }
    ::signal(SIGPIPE, ignores_sigpipe ? SIG_IGN : SIG_DFL);
    const rlimit limit{.rlim_cur = address_space, .rlim_max = address_space};
    if (address_space != RLIM_INFINITY && ::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(126);
    std::vector<char*> words = {const_cast<char*>("moxie")};
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    ::alarm(60);  // one that hangs must not keep the test
    ::unsetenv("MOXIE_MODEL");
    ::setenv("OMP_WAIT_POLICY", "passive", 1);
    ::execv(MOXIE_PROGRAM, words.data());
    ::_exit(127);
  }

  /// Types the input and reads until the program has ended.
  [[nodiscard]] std::string talk(int master) const {
    std::string read;
    if (!input.empty() && ::write(master, input.data(), input.size()) < 0) throw std::runtime_error("cannot type");
    bool pressed = interrupt_after.empty();
    char block[4096];
    while (true) {
      const ssize_t got = ::read(master, block, sizeof(block));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return read;  // EIO: the other side is gone
      read.append(block, static_cast<std::size_t>(got));
      if (!pressed && read.find(interrupt_after) != std::string::npos) {
        pressed = true;
        if (::write(master, "\x03", 1) < 0) throw std::runtime_error("cannot press Ctrl-C");
      }
    }
  }
};

}  // namespace moxie::test
