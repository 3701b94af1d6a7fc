// SPDX-License-Identifier: Apache-2.0
// A host that has a thread pool already lends it: moxie then starts no thread of its own. Who computes what never
// shows in the answer.

#include <atomic>
#include <barrier>
#include <cstdio>
#include <thread>
#include <vector>

#include <moxie/moxie.hpp>

namespace {

/// The host's pool, as small as one can be: workers that meet at a gate before and after each task.
struct Pool {
  explicit Pool(std::size_t width) : gate(static_cast<std::ptrdiff_t>(width)) {
    for (std::size_t worker = 1; worker < width; ++worker) {
      threads.emplace_back([this, worker] {
        while (gate.arrive_and_wait(), task != nullptr) take(worker);
      });
    }
  }
  ~Pool() {
    task = nullptr;
    gate.arrive_and_wait();
  }
  moxie::Status run(std::size_t n, moxie::TaskRef what) {
    task = &what, size = n, next = 0;
    gate.arrive_and_wait();
    return take(0), moxie::Status();
  }
  void take(std::size_t worker) {
    for (std::size_t i = next++; i < size; i = next++) (*task)(i, worker);
    gate.arrive_and_wait();
  }

  std::barrier<> gate;
  moxie::TaskRef* task = nullptr;
  std::size_t size = 0;
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> threads;
};

moxie::Status example(const char* path) {
  Pool pool(3);
  const auto run = [&pool](std::size_t n, moxie::TaskRef task) { return pool.run(n, task); };
  const auto lent = std::make_shared<moxie::HostExecutor<decltype(run)>>(3, run);
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.memory_bytes = 256 << 20, .host_executor = lent}));
  MOXIE_TRY_LET(auto serial, moxie::Kernel::create({.executor = moxie::ExecutorKind::kSerial}));
  MOXIE_TRY_LET(auto chat, moxie::Chat::create(kernel, model));
  MOXIE_TRY_LET(auto other, moxie::Chat::create(serial, model));
  auto answer = chat.ask("Tell me a story about a fox and a bell.", {.max_tokens = 20});
  auto same = other.ask("Tell me a story about a fox and a bell.", {.max_tokens = 20});
  MOXIE_TRY(answer.run());
  MOXIE_TRY(same.run());
  std::printf("%.*s\n", static_cast<int>(answer.text().size()), answer.text().data());
  if (answer.text() != same.text()) return {moxie::Code::kInternal, "example", same.text(), answer.text()};
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const moxie::Status status = example(argc > 1 ? argv[1] : "model.gguf");
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
