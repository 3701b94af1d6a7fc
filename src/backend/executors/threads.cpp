// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstdint>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include <moxie/backend/executors.hpp>

#include "backend/executors/kinds.hpp"
#include "backend/executors/one_run.hpp"
#include "backend/executors/thread_proof.hpp"

namespace moxie::inline abi1 {
namespace {

void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// How long an idle thread spins before it sleeps. Between two products of one layer pass a few microseconds,
// a sleeper needs about 50 to be woken; longer would take the cores from the host between two steps.
constexpr std::chrono::microseconds kSpin{30};

// Spins until `done()` or until kSpin is over; says which.
template <class Done>
bool spin(Done done) noexcept {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

// The gate that threads pass to work on a run, in one word: the run's number, whether the gate is open, how
// many of them are inside. A run is over when its gate is closed and nobody is inside: a thread
// that wakes too late finds it closed and goes back to sleep, and nobody waits for it.
//
// What is notified is changed sequentially consistent: notify() may skip the system call where it sees nobody
// waiting, and must not look before the change is there for those who are about to.
struct Gate {
  static constexpr std::uint32_t kOpen = 1u << 11;  // below: up to kMaxExecutorThreads inside
  static constexpr std::uint32_t kRun = 1u << 12;   // from here: the run's number, which may wrap
  static_assert(kMaxExecutorThreads < kOpen);

  static constexpr bool is_open(std::uint32_t gate) noexcept { return (gate & kOpen) != 0; }
  static constexpr std::uint32_t inside(std::uint32_t gate) noexcept { return gate & (kOpen - 1); }
  static constexpr std::uint32_t run(std::uint32_t gate) noexcept { return gate / kRun; }
};

class ThreadsExecutor final : public Executor {
 public:
  explicit ThreadsExecutor(std::size_t threads) noexcept
      : width_(threads), spins_(threads <= std::thread::hardware_concurrency()) {}

  ~ThreadsExecutor() override {
    stop_.store(true, std::memory_order_relaxed);
    gate_.fetch_add(Gate::kRun);  // a change, for those who wait for one
    gate_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  Status start() noexcept {
    try {
      threads_.reserve(width_ - 1);
      while (threads_.size() < width_ - 1) {
        threads_.emplace_back([this, worker = threads_.size() + 1]() noexcept { serve(worker); });
      }
    } catch (const std::system_error&) {
      return refused_threads("threads executor", width_ - 1, threads_.size());
    } catch (const std::bad_alloc&) {
      return Status(Code::kNoMemory, "threads executor", Text(width_ - 1, " threads"), "a refusal from the system");
    }
    return {};
  }

  [[nodiscard]] std::size_t width() const noexcept override { return width_; }
  [[nodiscard]] std::string_view name() const noexcept override { return "threads"; }

  Status run(std::size_t n, TaskRef task) noexcept override {
    const OneRun guard(busy_);
    MOXIE_TRY(guard.status("threads executor"));
    if (width_ == 1 || n <= 1) {
      for (std::size_t i = 0; i < n; ++i) task(i, 0);
      return {};
    }
    // Nobody is inside and the gate is closed: what a run is made of is the caller's alone.
    n_ = n;
    task_ = task;
    next_.store(0, std::memory_order_relaxed);
    gate_.fetch_add(Gate::kRun | Gate::kOpen);
    gate_.notify_all();
    work(0);
    gate_.fetch_and(~Gate::kOpen, std::memory_order_relaxed);
    wait_until_empty();
    return {};
  }

 private:
  void work(std::size_t worker) noexcept {
    const std::size_t n = n_;
    const TaskRef task = *task_;
    for (;;) {
      const std::size_t i = next_.fetch_add(1, std::memory_order_relaxed);
      if (i >= n) return;
      task(i, worker);
    }
  }

  void serve(std::size_t worker) noexcept {
    std::uint32_t served = 0;  // the run that this thread was in last
    for (;;) {
      std::uint32_t gate = 0;
      const auto called = [&]() noexcept {
        gate = gate_.load(std::memory_order_acquire);  // before stop_, which was set before the gate changed
        return stop_.load(std::memory_order_relaxed) || (Gate::is_open(gate) && Gate::run(gate) != served);
      };
      if (!called() && !(spins_ && spin(called))) {
        while (!called()) gate_.wait(gate, std::memory_order_relaxed);
      }
      if (stop_.load(std::memory_order_relaxed)) return;
      // Acquire: what the caller has set before it opened the gate.
      if (!gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire, std::memory_order_relaxed)) continue;
      served = Gate::run(gate);
      work(worker);
      // Release: what the tasks wrote, to the caller that finds the gate empty.
      const std::uint32_t left = gate_.fetch_sub(1, std::memory_order_release);
      if (!Gate::is_open(left) && Gate::inside(left) == 1) {
        last_left_.fetch_add(1);
        last_left_.notify_one();
      }
    }
  }

  void wait_until_empty() noexcept {
    const auto empty = [this]() noexcept { return Gate::inside(gate_.load(std::memory_order_acquire)) == 0; };
    if (empty() || (spins_ && spin(empty))) return;
    for (;;) {
      const std::uint32_t seen = last_left_.load(std::memory_order_acquire);  // before the gate: none is missed
      if (empty()) return;
      last_left_.wait(seen, std::memory_order_relaxed);
    }
  }

  const std::size_t width_;
  const bool spins_;  // more threads than cores would only keep each other from working
  std::vector<std::thread> threads_;
  std::size_t n_ = 0;
  std::optional<TaskRef> task_;
  std::atomic_flag busy_;
  std::atomic<bool> stop_{false};
  // Each on a line of its own: idle threads read the gate, working ones write next_.
  alignas(64) std::atomic<std::uint32_t> gate_{0};
  alignas(64) std::atomic<std::uint32_t> last_left_{0};
  alignas(64) std::atomic<std::size_t> next_{0};
};

}  // namespace

Result<std::unique_ptr<Executor>> make_threads_executor(std::size_t threads) noexcept {
  std::unique_ptr<ThreadsExecutor> executor(new (std::nothrow) ThreadsExecutor(threads));
  if (executor == nullptr) {
    return Status(Code::kNoMemory, "threads executor", Text(sizeof(ThreadsExecutor), " bytes"),
                  "a refusal from the system");
  }
  MOXIE_TRY(executor->start());
  return std::unique_ptr<Executor>(std::move(executor));
}

}  // namespace moxie
