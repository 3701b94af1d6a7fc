// SPDX-License-Identifier: Apache-2.0
#if defined(__linux__)
#include <pthread.h>
#include <time.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <moxie/backend/executors.hpp>
#include <moxie/core/math.hpp>
#include <moxie/core/workers.hpp>

#include "support/catch.hpp"
#include "unit/backend/executor_kinds.hpp"

using namespace moxie;
using moxie::testing::kinds_under_test;

namespace {

/// Runs n tasks and checks all that Executor::run promises of them.
void check_run(Executor& executor, std::size_t n) {
  std::vector<std::atomic<int>> calls(n);
  std::vector<std::atomic<int>> busy(executor.width());
  std::atomic<std::size_t> wrong{0};
  const auto task = [&](std::size_t index, std::size_t worker) noexcept {
    if (index >= n || worker >= busy.size() || busy[worker].fetch_add(1) != 0) {
      ++wrong;
      return;
    }
    ++calls[index];
    busy[worker].fetch_sub(1);
  };
  REQUIRE(executor.run(n, TaskRef(task)).ok());
  std::size_t once = 0;
  for (const auto& c : calls) once += c.load() == 1;
  CHECK(once == n);
  CHECK(wrong == 0);
}

std::size_t threads_of_process() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("Threads:", 0) == 0) return std::stoul(line.substr(8));
  }
  return 0;
}

// A joined thread is still listed for a moment, until the system has put it away.
bool comes_to(std::size_t threads) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (threads_of_process() != threads && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  return threads_of_process() == threads;
}
std::size_t settled_threads() {
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  return threads_of_process();
}

}  // namespace

TEST_CASE("every index runs once, and no worker runs two at once") {
  for (const ExecutorKind kind : kinds_under_test()) {
    for (const std::size_t threads : {1u, 2u, 3u, 8u}) {
      const auto executor = make_executor(kind, threads).value();
      INFO(executor->name() << ", " << threads << " threads");
      CHECK(executor->name() == name(kind));
      CHECK(executor->width() == (kind == ExecutorKind::kSerial ? 1 : threads));
      for (const std::size_t n : {0u, 1u, 2u, 3u, 7u, 8u, 9u, 100u, 1000u}) check_run(*executor, n);
    }
  }
}

TEST_CASE("all workers can be inside tasks at the same time") {
  for (const ExecutorKind kind : kinds_under_test()) {
    const auto executor = make_executor(kind, 4).value();
    INFO(executor->name());
    std::atomic<std::size_t> inside{0};
    std::atomic<std::size_t> most{0};
    std::mutex mutex;
    std::set<std::size_t> workers;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto task = [&](std::size_t, std::size_t worker) noexcept {
      const std::size_t now = ++inside;
      std::size_t seen = most.load();
      while (seen < now && !most.compare_exchange_weak(seen, now)) {
      }
      // Wait for the others: if one never comes, this ends at the deadline and the check below fails.
      while (most.load() < executor->width() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
      const std::lock_guard lock(mutex);
      workers.insert(worker);
    };
    REQUIRE(executor->run(executor->width(), TaskRef(task)).ok());
    CHECK(most == executor->width());
    CHECK(workers.size() == executor->width());
  }
}

TEST_CASE("an executor is reused thousands of times, waking and sleeping") {
  for (const ExecutorKind kind : kinds_under_test()) {
    for (const std::size_t threads : {2u, 5u}) {
      const auto executor = make_executor(kind, threads).value();
      INFO(executor->name() << ", " << threads << " threads");
      std::uint64_t expected = 0;
      std::vector<std::uint64_t> sums(executor->width() * 8);  // not atomic: run() must order the tasks' writes
      const auto task = [&](std::size_t index, std::size_t worker) noexcept { sums[worker * 8] += index + 1; };
      for (std::size_t round = 0; round < 3000; ++round) {
        const std::size_t n = round % 17;
        if (!executor->run(n, TaskRef(task)).ok()) FAIL("run " << round);
        expected += n * (n + 1) / 2;
        if (round % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // all asleep
      }
      std::uint64_t sum = 0;
      for (const std::uint64_t s : sums) sum += s;
      CHECK(sum == expected);
    }
  }
}

namespace {

/// Tasks that wait for each other: a run of them ends only where every worker has come.
class Meeting {
 public:
  explicit Meeting(std::size_t width) : width_(width) {}

  /// False where somebody was still missing after 20 s.
  bool run(Executor& executor) {
    came_ = 0;
    missed_ = false;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto task = [&](std::size_t, std::size_t) noexcept {
      ++came_;
      while (came_ < width_ && !missed_) {
        if (std::chrono::steady_clock::now() > until) missed_ = true;
        std::this_thread::yield();
      }
    };
    return executor.run(width_, TaskRef(task)).ok() && !missed_;
  }

 private:
  std::size_t width_;
  std::atomic<std::size_t> came_{0};
  std::atomic<bool> missed_{false};
};

}  // namespace

TEST_CASE("no wake-up is lost, whether workers spin, fall asleep or sleep when a run begins") {
  for (const std::size_t threads : {2u, 4u}) {  // with four, machines of fewer cores do not spin
    const auto executor = make_executor(ExecutorKind::kThreads, threads).value();
    Meeting meeting(threads);
    for (int gap = 0; gap < 120; ++gap) {  // microseconds: before, at and behind the end of the spinning
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(gap);
      while (std::chrono::steady_clock::now() < until) {
      }
      INFO(threads << " threads, " << gap << " us after the run before");
      REQUIRE(meeting.run(*executor));
    }
  }
}

#if defined(__linux__)
TEST_CASE("workers that wait for the next run use no CPU") {
  constexpr std::size_t kThreads = 2;
  const auto executor = make_executor(ExecutorKind::kThreads, kThreads).value();
  // Each worker's own clock of CPU time, which another thread may read.
  std::vector<clockid_t> clocks(kThreads);
  std::atomic<std::size_t> came{0};
  const auto task = [&](std::size_t, std::size_t worker) noexcept {
    pthread_getcpuclockid(pthread_self(), &clocks[worker]);
    ++came;
    while (came < kThreads) std::this_thread::yield();  // so that every worker takes one
  };
  REQUIRE(executor->run(kThreads, TaskRef(task)).ok());
  const auto cpu_ns = [&] {
    timespec time{};
    clock_gettime(clocks[1], &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  const std::int64_t after_run = cpu_ns();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const std::int64_t asleep = cpu_ns();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  // Spinning would have cost up to 300 ms. 1 ms: 30 us, should the system have put the worker to its end only now.
  CHECK(cpu_ns() - asleep < 1'000'000);
  CHECK(asleep - after_run < 10'000'000);
  CHECK(after_run > 0);
}
#endif

TEST_CASE("what one run wrote the next run's tasks see") {
  for (const ExecutorKind kind : kinds_under_test()) {
    const auto executor = make_executor(kind, 4).value();
    INFO(executor->name());
    std::vector<std::uint32_t> from(64, 1);
    std::vector<std::uint32_t> to(64);
    const auto task = [&](std::size_t i, std::size_t) noexcept { to[i] = from[i] + from[(i + 1) % 64]; };
    for (int round = 0; round < 20; ++round) {
      REQUIRE(executor->run(64, TaskRef(task)).ok());
      std::swap(from, to);
    }
    for (const std::uint32_t x : from) REQUIRE(x == 1u << 20);
  }
}

TEST_CASE("different host threads may run an executor in turn") {
  for (const ExecutorKind kind : kinds_under_test()) {
    const auto executor = make_executor(kind, 3).value();
    INFO(executor->name());
    for (int turn = 0; turn < 4; ++turn) {
      check_run(*executor, 50);
      std::thread([&] { check_run(*executor, 50); }).join();
    }
  }
}

TEST_CASE("several executors live side by side, on several host threads at once") {
  for (const ExecutorKind kind : kinds_under_test()) {
    std::vector<std::thread> hosts;
    std::atomic<std::size_t> sum{0};
    for (int host = 0; host < 3; ++host) {
      hosts.emplace_back([&] {
        const auto executor = make_executor(kind, 3);
        if (!executor.ok()) return;
        const auto task = [&](std::size_t index, std::size_t) noexcept { sum += index; };
        for (int round = 0; round < 100; ++round) {
          if (!(*executor)->run(10, TaskRef(task)).ok()) return;
        }
      });
    }
    for (std::thread& host : hosts) host.join();
    INFO(name(kind));
    CHECK(sum == 3u * 100u * 45u);
  }
}

TEST_CASE("a task that calls run gets an error and nothing hangs") {
  for (const ExecutorKind kind : kinds_under_test()) {
    if (kind == ExecutorKind::kSerial) continue;  // it has nothing that could hang
    const auto executor = make_executor(kind, 2).value();
    INFO(executor->name());
    std::atomic<std::size_t> refused{0};
    std::atomic<std::size_t> ran{0};
    const auto inner = [&](std::size_t, std::size_t) noexcept { ++ran; };
    const auto outer = [&](std::size_t, std::size_t) noexcept {
      refused += executor->run(2, TaskRef(inner)).code() == Code::kPrecondition;
    };
    REQUIRE(executor->run(4, TaskRef(outer)).ok());
    CHECK(refused == 4);
    CHECK(ran == 0);
    check_run(*executor, 10);
  }
}

TEST_CASE("zero threads means as many as the machine runs, more than 1024 are refused") {
  const std::size_t machine = std::max(1u, std::thread::hardware_concurrency());
  for (const ExecutorKind kind : kinds_under_test()) {
    INFO(name(kind));
    CHECK(make_executor(kind, 0).value()->width() == (kind == ExecutorKind::kSerial ? 1 : machine));
    for (const std::size_t threads : {std::size_t{1025}, ~std::size_t{0}}) {
      const auto executor = make_executor(kind, threads);
      REQUIRE_FALSE(executor.ok());
      CHECK(executor.status().code() == Code::kInvalidArgument);
    }
  }
}

TEST_CASE("the greatest number of threads works") {
  const auto executor = make_executor(ExecutorKind::kThreads, kMaxExecutorThreads);
  if (!executor.ok() && executor.status().code() == Code::kNoThreads) {
    WARN("skipped: " << std::string(executor.status().message()));
    return;
  }
  REQUIRE(executor.ok());
  for (int round = 0; round < 3; ++round) check_run(**executor, 5000);
}

TEST_CASE("an executor that this build lacks is an error that names those it has") {
  CHECK(executor_available(ExecutorKind::kThreads));
  CHECK(executor_available(ExecutorKind::kSerial));
  if (executor_available(ExecutorKind::kOpenMp)) return;
  const auto executor = make_executor(ExecutorKind::kOpenMp, 2);
  REQUIRE_FALSE(executor.ok());
  CHECK(executor.status().code() == Code::kUnsupported);
  CHECK(executor.status().message().find("available: threads, serial") != std::string_view::npos);
}

TEST_CASE("the threads of an executor end with it") {
  const std::size_t before = settled_threads();
  if (before == 0) return;  // no such file on this system
  for (int i = 0; i < 20; ++i) {
    const auto executor = make_executor(ExecutorKind::kThreads, 4).value();
    CHECK(comes_to(before + 3));
    if (i % 2 == 0) check_run(*executor, 10);  // also without a run ever
  }
  CHECK(comes_to(before));
}

TEST_CASE("an OpenMP team is warm when the executor is made") {
  if (kinds_under_test().front() != ExecutorKind::kOpenMp || threads_of_process() == 0) return;
  std::size_t made = 0;
  std::size_t after = 0;
  std::thread([&] {  // a thread that has had no team yet
    const auto executor = make_executor(ExecutorKind::kOpenMp, 3).value();
    made = settled_threads();
    for (int i = 0; i < 10; ++i) check_run(*executor, 2 + static_cast<std::size_t>(i));
    after = settled_threads();
  })
      .join();
  CHECK(made >= 3);
  CHECK(after == made);  // run() makes none, and fewer indices than threads end none
}

namespace {

/// Rows that mix a product, an exponential and a softmax in the scratch memory of whoever runs them.
std::vector<std::uint32_t> layer_bits(Executor& executor) {
  constexpr std::size_t kRows = 37;
  constexpr std::size_t kWidth = 53;
  std::vector<AlignedBuffer> memory;
  std::vector<Workspace> workspaces;
  for (std::size_t w = 0; w < executor.width(); ++w) {
    memory.push_back(AlignedBuffer::create(4096).value());
    workspaces.emplace_back(memory.back().bytes());
    std::memset(memory.back().data(), static_cast<int>(w) + 1, memory.back().size());
  }
  std::vector<float> out(kRows * kWidth);
  Workers workers(executor, workspaces);
  const Status status = workers.each(kRows, [&](std::size_t row, Workspace& ws) -> Status {
    MOXIE_TRY_LET(const std::span<float> x, ws.take<float>(kWidth));
    for (std::size_t i = 0; i < kWidth; ++i) x[i] = std::sin(static_cast<float>(row * kWidth + i));
    moxie::softmax(x);
    float* y = out.data() + row * kWidth;
    for (std::size_t i = 0; i < kWidth; ++i) fma_into(moxie::exp(x[i]), x.data(), y, kWidth);
    return {};
  });
  REQUIRE(status.ok());
  std::vector<std::uint32_t> bits(out.size());
  std::memcpy(bits.data(), out.data(), out.size() * sizeof(float));
  return bits;
}

}  // namespace

TEST_CASE("the bits of a result do not depend on the executor or the number of threads") {
  SerialExecutor serial;
  const std::vector<std::uint32_t> expected = layer_bits(serial);
  CHECK(std::set<std::uint32_t>(expected.begin(), expected.end()).size() > 1000);  // something to get wrong
  for (const ExecutorKind kind : kinds_under_test()) {
    for (std::size_t threads = 1; threads <= 8; ++threads) {
      const auto executor = make_executor(kind, threads).value();
      INFO(executor->name() << ", " << threads << " threads");
      for (int round = 0; round < 10; ++round) CHECK(layer_bits(*executor) == expected);
    }
  }
}
