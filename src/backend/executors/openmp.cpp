// SPDX-License-Identifier: Apache-2.0
#include <omp.h>

#include <atomic>
#include <new>
#include <thread>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "backend/executors/kinds.hpp"
#include "backend/executors/one_run.hpp"
#include "backend/executors/thread_proof.hpp"

namespace moxie::inline abi1 {
namespace {

// A std::thread::id is an address that the next thread gets as soon as its owner has ended; Linux hands out
// the numbers of its threads in turn, so that a new thread is not mistaken for one whose team is warm.
#if defined(__linux__)
using ThreadId = long;
ThreadId this_thread() noexcept { return ::syscall(SYS_gettid); }
#else
using ThreadId = std::thread::id;
ThreadId this_thread() noexcept { return std::this_thread::get_id(); }
#endif

class OpenMpExecutor final : public Executor {
 public:
  explicit OpenMpExecutor(std::size_t threads) noexcept : width_(threads) {}

  [[nodiscard]] std::size_t width() const noexcept override { return width_; }
  [[nodiscard]] std::string_view name() const noexcept override { return "openmp"; }

  Status run(std::size_t n, TaskRef task) noexcept override {
    const OneRun guard(busy_);
    MOXIE_TRY(guard.status("OpenMP executor"));
    if (width_ == 1 || n <= 1) {
      for (std::size_t i = 0; i < n; ++i) task(i, 0);
      return {};
    }
    MOXIE_TRY(warm());
    // The whole team even for fewer indices: libgomp ends the threads that a smaller team leaves over.
    // The team may come out smaller than asked; then only fewer worker numbers occur.
    const int team = static_cast<int>(width_);
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) default(none) firstprivate(n, task)
    for (std::size_t i = 0; i < n; ++i) task(i, static_cast<std::size_t>(omp_get_thread_num()));
    return {};
  }

  // The library keeps a team for each thread that opens a parallel region, made at its first one and not
  // before; where the system refuses it a thread it ends the process.
  Status warm() noexcept {
    const ThreadId caller = this_thread();
    if (warmed_ && caller == warm_caller_) return {};
    MOXIE_TRY(prove_threads("OpenMP executor", width_ - 1));
    const int team = static_cast<int>(width_);
    std::atomic<int> members{0};  // something to do: g++ drops a region that does nothing, and makes no team
#pragma omp parallel num_threads(team) default(none) shared(members)
    members.fetch_add(1, std::memory_order_relaxed);
    warm_caller_ = caller;
    warmed_ = true;
    return {};
  }

 private:
  std::size_t width_;
  std::atomic_flag busy_;
  bool warmed_ = false;
  ThreadId warm_caller_{};
};

}  // namespace

bool openmp_available() noexcept { return true; }

Result<std::unique_ptr<Executor>> make_openmp_executor(std::size_t threads) noexcept {
  std::unique_ptr<OpenMpExecutor> executor(new (std::nothrow) OpenMpExecutor(threads));
  if (executor == nullptr) {
    return Status(Code::kNoMemory, "OpenMP executor", Text(sizeof(OpenMpExecutor), " bytes"),
                  "a refusal from the system");
  }
  if (threads > 1) MOXIE_TRY(executor->warm());
  return std::unique_ptr<Executor>(std::move(executor));
}

}  // namespace moxie
