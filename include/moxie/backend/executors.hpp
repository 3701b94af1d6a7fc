// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <moxie/core/config.hpp>
#include <moxie/core/executor.hpp>
#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

/// The executors that moxie brings; a host's own is a HostExecutor or derives from Executor.
enum class ExecutorKind : std::uint8_t {
  kOpenMp,   ///< the team of the OpenMP library, shared with other users of it in the process
  kThreads,  ///< std::thread
  kSerial,   ///< the calling thread
};

constexpr std::string_view name(ExecutorKind kind) noexcept {
  switch (kind) {
    case ExecutorKind::kOpenMp: return "openmp";
    case ExecutorKind::kThreads: return "threads";
    case ExecutorKind::kSerial: return "serial";
  }
  return "unknown";
}

/// The greatest number of threads that an executor is made with.
inline constexpr std::size_t kMaxExecutorThreads = 1024;

/// Whether this build has it. kThreads and kSerial always are there.
[[nodiscard]] MOXIE_API bool executor_available(ExecutorKind kind) noexcept;

/// Makes an executor of `threads` threads, the one that calls run() included; 0: as many as the machine
/// runs at once. Serial has one, whatever is asked.
///
/// kThreads makes its threads here and joins them when it is destroyed. They inherit the signal mask of
/// the caller. Idle ones spin for some tens of microseconds, then sleep.
///
/// kOpenMp leaves the threads to the OpenMP library. libgomp and libomp end the process where the system
/// refuses a thread, so this call, and each run() from another thread than the run() before, first makes
/// and joins as many threads of its own. What that cannot exclude: that the system refuses between this proof
/// and the library's own request; that OMP_STACKSIZE asks for more than the default; that other OpenMP code
/// on the same thread with fewer threads, another executor included, lets the library drop threads which
/// it then makes anew. A host that must survive these takes kThreads.
/// The library may lend fewer threads than asked (OMP_THREAD_LIMIT, OMP_DYNAMIC): results are the same.
///
/// Errors   kInvalidArgument: more than kMaxExecutorThreads. kUnsupported: not in this build; the message names
///          what is. kNoThreads: the system refused one; those already made are gone. kNoMemory.
///          run(): kNoThreads (kOpenMp only), kPrecondition where another run() of the same executor is
///          not over, which also is what a task gets that calls run(); no task has run then.
/// Threads  as Executor. run() may be called from different threads, one after the other.
[[nodiscard]] MOXIE_API Result<std::unique_ptr<Executor>> make_executor(ExecutorKind kind,
                                                                        std::size_t threads) noexcept;

}  // namespace moxie
