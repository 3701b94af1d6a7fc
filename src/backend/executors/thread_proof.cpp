// SPDX-License-Identifier: Apache-2.0
#include "backend/executors/thread_proof.hpp"

#include <atomic>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace moxie::inline abi1 {

Status refused_threads(std::string_view where, std::size_t wanted, std::size_t made) noexcept {
  return Status(Code::kNoThreads, where, Text(wanted, " threads besides the caller's"),
                Text(made, " before the system refused"));
}

Status prove_threads(std::string_view where, std::size_t count) noexcept {
  std::atomic<bool> all_made{false};
  std::vector<std::thread> threads;
  Status status;
  try {
    threads.reserve(count);
    while (threads.size() < count) threads.emplace_back([&all_made]() noexcept { all_made.wait(false); });
  } catch (const std::system_error&) {
    status = refused_threads(where, count, threads.size());
  } catch (const std::bad_alloc&) {
    status = Status(Code::kNoMemory, where, Text(count, " threads"), "a refusal from the system");
  }
  all_made.store(true);
  all_made.notify_all();
  for (std::thread& thread : threads) thread.join();
  return status;
}

}  // namespace moxie
