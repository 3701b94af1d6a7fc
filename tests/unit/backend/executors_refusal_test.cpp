// SPDX-License-Identifier: Apache-2.0
// The system refuses threads when their stacks find no address space. Each story is played in a process of
// its own, this program started anew with one hidden test, because the limit cannot be lifted for the others
// and because a failure here may well be the end of the process.
#if defined(__linux__)

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <moxie/backend/executors.hpp>

#include "support/catch.hpp"
#include "unit/backend/executor_kinds.hpp"

using namespace moxie;
using moxie::testing::kinds_under_test;

namespace {

constexpr int kStoryEndedWell = 42;  // not 0: that is also the answer of a run that found no such test

int run_hidden_test(const char* name) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/proc/self/exe", "test_executors", name, static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// Leaves the process room for a few stacks of 8 MiB, for far fewer than the tests ask.
bool leave_room_for_few_threads() {
  std::ifstream statm("/proc/self/statm");
  rlim_t pages = 0;
  statm >> pages;
  const rlim_t bytes = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (rlim_t{256} << 20);
  const rlimit address_space{bytes, bytes};
  const rlimit stack{rlim_t{8} << 20, RLIM_INFINITY};
  return pages != 0 && ::setrlimit(RLIMIT_AS, &address_space) == 0 && ::setrlimit(RLIMIT_STACK, &stack) == 0;
}

bool cannot_limit() { return moxie::test::kSanitized; }

}  // namespace

TEST_CASE("story: create where threads are refused", "[.]") {
  if (!leave_room_for_few_threads()) std::_Exit(3);
  for (const ExecutorKind kind : kinds_under_test()) {
    if (kind == ExecutorKind::kSerial) continue;
    const auto refused = make_executor(kind, 1000);
    if (refused.ok() || refused.status().code() != Code::kNoThreads) std::_Exit(4);
    // Those that were made are gone: there is room again.
    const auto executor = make_executor(kind, 3);
    if (!executor.ok()) std::_Exit(5);
    std::atomic<std::size_t> ran{0};
    const auto task = [&](std::size_t, std::size_t) noexcept { ++ran; };
    if (!(*executor)->run(10, TaskRef(task)).ok() || ran != 10) std::_Exit(6);
  }
  std::_Exit(kStoryEndedWell);
}

TEST_CASE("story: run from a new host thread where threads are refused", "[.]") {
  for (const ExecutorKind kind : kinds_under_test()) {
    if (kind != ExecutorKind::kOpenMp) continue;
    auto made = make_executor(kind, 200);
    if (!made.ok()) std::_Exit(3);
    Executor& executor = **made;
    std::atomic<std::size_t> ran{0};
    std::atomic<bool> limited{false};
    Status status;
    const auto task = [&](std::size_t, std::size_t) noexcept { ++ran; };
    std::thread host([&] {
      while (!limited) std::this_thread::yield();
      status = executor.run(10, TaskRef(task));
    });
    if (!leave_room_for_few_threads()) std::_Exit(4);
    limited = true;
    host.join();
    if (status.code() != Code::kNoThreads || ran != 0) std::_Exit(5);
    // Its own thread still has the workers.
    if (!executor.run(10, TaskRef(task)).ok() || ran != 10) std::_Exit(6);
  }
  std::_Exit(kStoryEndedWell);
}

TEST_CASE("a refused thread is an error where an executor is made, and the process goes on") {
  if (cannot_limit()) {
    WARN("skipped: a sanitizer's own memory does not live under a limit of address space");
    return;
  }
  CHECK(run_hidden_test("story: create where threads are refused") == kStoryEndedWell);
}

TEST_CASE("a refused thread is an error where another host thread runs, and no task has run") {
  if (cannot_limit()) {
    WARN("skipped: a sanitizer's own memory does not live under a limit of address space");
    return;
  }
  CHECK(run_hidden_test("story: run from a new host thread where threads are refused") == kStoryEndedWell);
}

#endif
