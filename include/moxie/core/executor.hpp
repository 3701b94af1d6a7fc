// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include <moxie/core/guard.hpp>
#include <moxie/core/status.hpp>

namespace moxie::inline abi1 {

/// A reference to a callable `void(std::size_t index, std::size_t worker) noexcept`. It does not own
/// the callable: good for the length of one Executor::run.
class TaskRef {
 public:
  template <class F>
  requires(std::is_nothrow_invocable_v<F&, std::size_t, std::size_t> && !std::is_same_v<std::remove_cv_t<F>, TaskRef>)
      TaskRef(F& callable)  // NOLINT(google-explicit-constructor)
  noexcept
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, std::size_t index, std::size_t worker) noexcept {
          (*static_cast<F*>(object))(index, worker);
        }) {}

  void operator()(std::size_t index, std::size_t worker) const noexcept { call_(object_, index, worker); }

 private:
  void* object_;
  void (*call_)(void*, std::size_t, std::size_t) noexcept;
};

/// Carries all parallelism of a kernel. moxie starts no thread of its own: it asks an executor.
///
/// run(n, task) calls task(index, worker) exactly once for each index in [0, n) and returns when all
/// calls have returned. worker < width(), and no two calls run at once with the same worker, so a
/// worker number may index scratch memory. Which worker gets which index is the executor's choice
/// and never changes a result.
///
/// Errors   run() fails only before the first task has begun (kNoThreads); then none has run.
/// Threads  one run() at a time; tasks do not call run().
class Executor {
 public:
  virtual ~Executor() = default;
  /// How many tasks can run at once; at least 1.
  [[nodiscard]] virtual std::size_t width() const noexcept = 0;
  virtual Status run(std::size_t n, TaskRef task) noexcept = 0;
  /// For reports: "serial", "openmp", "threads", or the host's own name.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

 protected:
  Executor() = default;
  Executor(const Executor&) = default;
  Executor& operator=(const Executor&) = default;
};

/// Runs everything on the calling thread.
class SerialExecutor final : public Executor {
 public:
  [[nodiscard]] std::size_t width() const noexcept override { return 1; }
  Status run(std::size_t n, TaskRef task) noexcept override {
    for (std::size_t i = 0; i < n; ++i) task(i, 0);
    return {};
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "serial"; }
};

/// Lends the host's own pool: `parallel_for(n, task)` must keep the promises of Executor::run and
/// return a Status.
///
///     auto executor = HostExecutor(pool.size(), [&pool](std::size_t n, TaskRef task) { ... return Status(); });
///
/// A file without exceptions has another type of this name, because virtual functions cannot have a name of their own
/// there: let the files of a program share it as an Executor.
///
/// Errors   what parallel_for returns; as guarded() where it throws.
template <class F>
class MOXIE_OPTION_TAG HostExecutor final : public Executor {
 public:
  HostExecutor(std::size_t width, F parallel_for) : width_(width == 0 ? 1 : width), run_(std::move(parallel_for)) {}

  [[nodiscard]] std::size_t width() const noexcept override { return width_; }
  Status run(std::size_t n, TaskRef task) noexcept override {
    return guarded("HostExecutor::run", [&]() -> Status { return run_(n, task); });
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "host"; }

 private:
  std::size_t width_;
  F run_;
};

}  // namespace moxie
