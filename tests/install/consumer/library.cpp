// SPDX-License-Identifier: Apache-2.0
// Calls what moxie::moxie compiles, something of each layer, so that a name that is not exported, or a
// dependency that is not handed on, shows when this is linked.
#include <array>
#include <cstddef>
#include <cstdio>
#include <memory>

#include <moxie/backend/backend.hpp>
#include <moxie/backend/executors.hpp>
#include <moxie/backend/matmul.hpp>
#include <moxie/context/context.hpp>
#include <moxie/context/kv_pool.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/version.hpp>

namespace {

moxie::Status expect(bool holds, const char* what) {
  return holds ? moxie::Status() : moxie::Status(moxie::Code::kInternal, "consumer", what, "something else");
}

moxie::Status use_backend() {
  MOXIE_TRY_LET(const moxie::Backend backend, moxie::Backend::create());
  MOXIE_TRY_LET(const moxie::BackendInfo info, backend.info());
  std::printf("isa %s, onednn %s\n", info.isa.c_str(), info.onednn.c_str());

  constexpr std::array<float, 2> x = {1, 2};
  constexpr std::array<float, 4> w = {3, 4, 5, 6};
  std::array<float, 2> y{};
  MOXIE_TRY_LET(moxie::AlignedBuffer scratch, moxie::AlignedBuffer::create(moxie::matmul_scratch_bytes(2) + 64));
  moxie::Workspace workspace(scratch.bytes());
  MOXIE_TRY(moxie::matmul({x.data(), 1, 2}, {w.data(), 2, 2}, {y.data(), 1, 2}, workspace));
  return expect(y[0] == 11 && y[1] == 17, "[1 2] times [3 4; 5 6] transposed to be [11 17]");
}

moxie::Status use_executors() {
  for (const auto kind : {moxie::ExecutorKind::kSerial, moxie::ExecutorKind::kThreads, moxie::ExecutorKind::kOpenMp}) {
    if (!moxie::executor_available(kind)) continue;
    MOXIE_TRY_LET(const std::unique_ptr<moxie::Executor> executor, moxie::make_executor(kind, 2));
    std::array<int, 8> calls{};
    auto count = [&calls](std::size_t i, std::size_t) noexcept { ++calls[i]; };
    MOXIE_TRY(executor->run(calls.size(), moxie::TaskRef(count)));
    for (const int n : calls) MOXIE_TRY(expect(n == 1, "each task to run once"));
  }
  return {};
}

moxie::Status use_contexts() {
  const auto budget = moxie::Budget::create("pages", std::uint64_t{1} << 24);
  moxie::KvShape shape;
  shape.layers = 2;
  shape.kv_heads = 1;
  shape.key_width = 8;
  shape.value_width = 8;
  MOXIE_TRY_LET(const std::shared_ptr<moxie::KvPool> pool, moxie::KvPool::create(shape, budget));
  MOXIE_TRY_LET(moxie::Context context, moxie::Context::create(pool));
  MOXIE_TRY(context.reserve(1));
  return expect(budget->used() > 0 && context.size() == 0, "a reservation to be charged");
}

}  // namespace

int main() {
  for (const auto use : {use_backend, use_executors, use_contexts}) {
    if (const moxie::Status status = use(); !status.ok()) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
      return 1;
    }
  }
  std::printf("moxie %d.%d.%d\n", MOXIE_VERSION_MAJOR, MOXIE_VERSION_MINOR, MOXIE_VERSION_PATCH);
  return 0;
}
