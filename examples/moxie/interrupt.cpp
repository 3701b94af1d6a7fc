// SPDX-License-Identifier: Apache-2.0
#include "interrupt.hpp"

#include <csignal>
#include <string_view>

#include <unistd.h>

namespace moxie::program {

namespace {

std::atomic<bool> pressed{false};
std::atomic<bool> listening{false};

void on_interrupt(int) {
  if (listening && !pressed.exchange(true)) return;
  constexpr std::string_view kText = "\nmoxie: stopped by Ctrl-C\n";
  // There is nobody left to tell that it could not be told.
  [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, kText.data(), kText.size());
  Interrupt::end();
}

}  // namespace

Interrupt::Interrupt() { listening = true; }
Interrupt::~Interrupt() { listening = false; }

const std::atomic<bool>& Interrupt::asked() noexcept { return pressed; }
void Interrupt::clear() noexcept { pressed = false; }

void Interrupt::install() noexcept {
  struct sigaction action = {};
  if (::sigaction(SIGINT, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) return;
  action = {};
  action.sa_handler = on_interrupt;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
}

void Interrupt::end() noexcept {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  ::sigaction(SIGINT, &action, nullptr);
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, SIGINT);
  ::raise(SIGINT);
  ::sigprocmask(SIG_UNBLOCK, &only, nullptr);  // inside a handler it waits for this
  ::_exit(130);
}

}  // namespace moxie::program
