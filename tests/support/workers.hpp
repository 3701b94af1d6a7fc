// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <moxie/core/executor.hpp>
#include <moxie/core/philox.hpp>
#include <moxie/core/workers.hpp>
#include <moxie/core/workspace.hpp>
#include <moxie/testing/guarded_memory.hpp>

namespace moxie::test {

/// An executor in the host's hands: fresh threads for each run, which grab tasks in any order.
inline auto host_threads(std::size_t width) {
  return HostExecutor(width, [width](std::size_t n, TaskRef task) {
    std::atomic<std::size_t> next{0};
    const auto work = [&](std::size_t worker) {
      for (std::size_t i = next++; i < n; i = next++) task(i, worker);
    };
    std::vector<std::thread> threads;
    for (std::size_t worker = 1; worker < width; ++worker) threads.emplace_back(work, worker);
    work(0);
    for (std::thread& thread : threads) thread.join();
    return Status();
  });
}

/// Workers with exactly so many bytes of scratch: `own + worker` for the first workspace, `worker` for the others.
template <class E>
class WorkersOf {
 public:
  WorkersOf(E executor, std::size_t own, std::size_t worker) : executor_(std::move(executor)) {
    for (std::size_t w = 0; w < executor_.width(); ++w) {
      memory_.push_back(std::make_unique<testing::GuardedScratch>(worker + (w == 0 ? own : 0)));
      workspaces_.push_back(memory_.back()->workspace());
    }
  }
  WorkersOf(const WorkersOf&) = delete;
  WorkersOf& operator=(const WorkersOf&) = delete;

  [[nodiscard]] Workers workers() noexcept { return Workers(executor_, workspaces_); }
  /// Whether nobody wrote beside the scratch memory, or kept some of it.
  [[nodiscard]] bool is_intact() const noexcept {
    for (const auto& memory : memory_) {
      if (!memory->is_intact()) return false;
    }
    for (const Workspace& ws : workspaces_) {
      if (ws.used_bytes() != 0) return false;
    }
    return true;
  }

 private:
  E executor_;
  std::vector<std::unique_ptr<testing::GuardedScratch>> memory_;
  std::vector<Workspace> workspaces_;
};

/// Numbers in [-1, 1), of seed and stream alone.
inline void fill_random(Rows rows, std::uint64_t seed, std::uint64_t stream = 0) {
  const Philox random(seed, stream);
  for (std::size_t t = 0; t < rows.rows; ++t) {
    for (std::size_t d = 0; d < rows.width; ++d) {
      rows[t][d] = 2.0f * Philox::uniform(random.block(t * rows.width + d)[0]) - 1.0f;
    }
  }
}

}  // namespace moxie::test
