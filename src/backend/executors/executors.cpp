// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <new>
#include <thread>

#include <moxie/backend/executors.hpp>

#include "backend/executors/kinds.hpp"

namespace moxie::inline abi1 {

bool executor_available(ExecutorKind kind) noexcept {
  switch (kind) {
    case ExecutorKind::kOpenMp: return openmp_available();
    case ExecutorKind::kThreads:
    case ExecutorKind::kSerial: return true;
  }
  return false;
}

Result<std::unique_ptr<Executor>> make_executor(ExecutorKind kind, std::size_t threads) noexcept {
  if (threads > kMaxExecutorThreads) {
    return Status(Code::kInvalidArgument, "make_executor", Text("at most ", kMaxExecutorThreads, " threads"),
                  Text(threads));
  }
  // The system may not know how many it runs at once, and then says 0.
  if (threads == 0) threads = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxExecutorThreads);
  switch (kind) {
    case ExecutorKind::kOpenMp: return make_openmp_executor(threads);
    case ExecutorKind::kThreads: return make_threads_executor(threads);
    case ExecutorKind::kSerial: {
      std::unique_ptr<Executor> executor(new (std::nothrow) SerialExecutor);
      if (executor == nullptr) {
        return Status(Code::kNoMemory, "make_executor", Text(sizeof(SerialExecutor), " bytes"),
                      "a refusal from the system");
      }
      return executor;
    }
  }
  return Status(Code::kInvalidArgument, "make_executor", "openmp, threads or serial", "another kind");
}

}  // namespace moxie
