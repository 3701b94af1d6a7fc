// SPDX-License-Identifier: Apache-2.0
// How fast is the attention of one row, as in decode, on each ISA and one thread, against what memory
// and the FMA units allow? 32 query heads over 4 key/value heads of width 128, at 32, 512 and 8,192
// positions. The counters are GFLOP/s of the two products and GB/s of keys and values, by the thread's own time.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <moxie/backend/backend.hpp>
#include <moxie/backend/kv_view.hpp>
#include <moxie/core/philox.hpp>

#include "backend/cpu/ops.hpp"

namespace {

using namespace moxie;

constexpr std::size_t kHeads = 32;
constexpr std::size_t kKvHeads = 4;
constexpr std::size_t kWidth = 128;
constexpr std::size_t kGroup = kHeads / kKvHeads;
constexpr std::size_t kBytesPerPosition = kKvHeads * 2 * kWidth * sizeof(float);
// As many layers as fill it, and each iteration takes the next: decode reads pages from memory, not from cache.
constexpr std::size_t kCacheBytes = std::size_t{128} << 20;

void run(benchmark::State& state, Isa isa) {
  const auto positions = static_cast<std::size_t>(state.range(0));
  const auto backend = Backend::create({.isa = isa, .matmul = MatmulPath::kNative});
  if (!backend.ok()) return state.SkipWithError(std::string(backend.status().message()).c_str());

  const KvShape shape{.layers = std::max<std::size_t>(kCacheBytes / (positions * kBytesPerPosition), 1),
                      .kv_heads = kKvHeads,
                      .key_width = kWidth,
                      .value_width = kWidth};
  const Philox random(7);
  std::vector<std::vector<float>> memory;
  std::vector<float*> pages;
  for (std::size_t p = 0; p * kKvPagePositions < positions; ++p) {
    memory.emplace_back(shape.page_floats());
    for (std::size_t i = 0; i < memory.back().size(); ++i) {
      // Few draws, many numbers: making them all would take longer than the measurement.
      memory.back()[i] = Philox::uniform(random.block(i % 4099)[p % 4]) - 0.5f;
    }
    pages.push_back(memory.back().data());
  }
  const KvView view{shape, pages};
  std::vector<float> q(kHeads * kWidth), y(kHeads * kWidth);
  for (std::size_t i = 0; i < q.size(); ++i) q[i] = 4.0f * Philox::uniform(random.block(i)[0]) - 2.0f;

  std::size_t layer = 0;
  for (auto _ : state) {
    for (std::size_t g = 0; g < kKvHeads; ++g) {
      backend->ops().attend({.q = q.data() + g * kGroup * kWidth,
                             .q_stride = kWidth,
                             .rows = 1,
                             .q_row_stride = 0,
                             .heads = kGroup,
                             .pages = view.pages.data(),
                             .key_offset = static_cast<std::size_t>(view.keys(0, layer, g) - pages[0]),
                             .value_offset = static_cast<std::size_t>(view.values(0, layer, g) - pages[0]),
                             .key_width = kWidth,
                             .value_width = kWidth,
                             .visible = positions,
                             .scale = 1.0f / std::sqrt(static_cast<float>(kWidth)),
                             .y = y.data() + g * kGroup * kWidth,
                             .y_stride = kWidth,
                             .y_row_stride = 0});
    }
    benchmark::DoNotOptimize(y.data());
    layer = (layer + 1) % shape.layers;
  }
  const auto seen = static_cast<double>(state.iterations()) * static_cast<double>(positions);
  state.counters["GFLOP/s"] = benchmark::Counter(1e-9 * seen * kHeads * 4 * kWidth, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(1e-9 * seen * kBytesPerPosition, benchmark::Counter::kIsRate);
}

}  // namespace

int main(int argc, char** argv) {
  for (const Isa isa : {Isa::kAvx512, Isa::kAvx2, Isa::kPortable}) {
    const std::string label = "attention/" + std::string(name(isa));
    benchmark::RegisterBenchmark(label.c_str(), [isa](benchmark::State& state) { run(state, isa); })
        ->Arg(32)
        ->Arg(512)
        ->Arg(8192);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
