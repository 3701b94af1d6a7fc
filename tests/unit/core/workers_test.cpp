// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/workers.hpp>

#include <atomic>
#include <new>
#include <stdexcept>
#include <vector>

#include "support/catch.hpp"
#include "support/workers.hpp"

using namespace moxie;

TEST_CASE("each task runs once, whoever runs it") {
  for (std::size_t width = 1; width <= 8; ++width) {
    test::WorkersOf of(test::host_threads(width), 0, 64);
    Workers workers = of.workers();
    for (const std::size_t n : {0u, 1u, 2u, 7u, 100u}) {
      std::vector<std::atomic<int>> count(n);
      CHECK(workers.each(n, [&](std::size_t i, Workspace&) -> Status { return ++count[i], Status(); }).ok());
      for (const auto& c : count) CHECK(c == 1);
    }
  }
}

TEST_CASE("the error of the lowest index is given, and the other tasks still run") {
  for (std::size_t width = 1; width <= 8; ++width) {
    test::WorkersOf of(test::host_threads(width), 0, 64);
    Workers workers = of.workers();
    std::atomic<std::size_t> ran{0};
    const Status status = workers.each(50, [&](std::size_t i, Workspace&) -> Status {
      ++ran;
      if (i % 10 == 3 || i == 49) return Status(Code::kIo, "task", "luck", Text(i));
      return {};
    });
    CHECK(status.message() == "task: needed luck, came 3");
    CHECK(ran == 50);
    CHECK(workers.each(1, [](std::size_t, Workspace&) { return Status(); }).ok());
  }
}

TEST_CASE("a task that throws is a host exception") {
  test::WorkersOf of(test::host_threads(3), 0, 64);
  Workers workers = of.workers();
  const auto body = [](std::size_t i, Workspace&) -> Status {
    if (i == 2) throw std::runtime_error("no");
    return {};
  };
  CHECK(workers.each(5, body).code() == Code::kHostException);
  CHECK(workers.each(2, body).ok());
}

TEST_CASE("a task to which the system refuses memory is no exception of the host") {
  test::WorkersOf of(test::host_threads(3), 0, 64);
  Workers workers = of.workers();
  const auto body = [](std::size_t i, Workspace&) -> Status {
    if (i == 2) throw std::bad_alloc();
    return {};
  };
  CHECK(workers.each(5, body).code() == Code::kNoMemory);
  CHECK(workers.each(2, body).ok());
}

TEST_CASE("a task's scratch is given back") {
  test::WorkersOf of(SerialExecutor(), 0, 128);
  Workers workers = of.workers();
  for (int round = 0; round < 3; ++round) {
    CHECK(workers.each(4, [](std::size_t, Workspace& ws) { return ws.take<float>(32).status(); }).ok());
  }
  CHECK(of.is_intact());
}

TEST_CASE("workers with too few workspaces are refused before any task runs") {
  auto executor = test::host_threads(4);
  std::vector<Workspace> workspaces(3);
  bool ran = false;
  const auto body = [&](std::size_t, Workspace&) -> Status { return ran = true, Status(); };
  CHECK(Workers(executor, workspaces).each(2, body).code() == Code::kPrecondition);
  CHECK(Workers(executor, {}).each(0, body).code() == Code::kPrecondition);
  CHECK_FALSE(ran);
}

TEST_CASE("an executor of the host that throws or refuses is an error") {
  std::vector<Workspace> workspaces(2);
  const auto body = [](std::size_t, Workspace&) { return Status(); };
  HostExecutor throwing(2, [](std::size_t, TaskRef) -> Status { throw 1; });
  CHECK(Workers(throwing, workspaces).each(2, body).code() == Code::kHostException);
  HostExecutor exhausted(2, [](std::size_t, TaskRef) -> Status { throw std::bad_alloc(); });
  CHECK(Workers(exhausted, workspaces).each(2, body).code() == Code::kNoMemory);
  HostExecutor refusing(2, [](std::size_t, TaskRef) { return Status(Code::kNoThreads, "pool", "a thread", "none"); });
  CHECK(Workers(refusing, workspaces).each(2, body).code() == Code::kNoThreads);
}

TEST_CASE("an executor of width zero still has one worker") {
  HostExecutor none(0, [](std::size_t n, TaskRef task) -> Status {
    for (std::size_t i = 0; i < n; ++i) task(i, 0);
    return {};
  });
  CHECK(none.width() == 1);
}
