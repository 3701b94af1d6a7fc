// SPDX-License-Identifier: Apache-2.0
// How fast is the attention of one row, as in decode, on each ISA and one thread, with pages of each type, against what
// memory and the FMA units allow? 32 query heads over 4 key/value heads of width 128, at 32, 512 and 8,192
// positions. The counters are GFLOP/s of the two products, GB/s of keys and values as they are stored, and millions of
// positions, by the thread's own time. `store` is what writing one position costs.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <moxie/backend/backend.hpp>
#include <moxie/backend/kv_view.hpp>
#include <moxie/core/philox.hpp>

#include "backend/access.hpp"
#include "backend/cpu/ops.hpp"

namespace {

using namespace moxie;

constexpr std::size_t kHeads = 32;
constexpr std::size_t kKvHeads = 4;
constexpr std::size_t kWidth = 128;
constexpr std::size_t kGroup = kHeads / kKvHeads;
// As many layers as fill it, and each iteration takes the next: decode reads pages from memory, not from cache.
constexpr std::size_t kCacheBytes = std::size_t{128} << 20;

struct Pages {
  KvShape shape;
  std::vector<std::vector<float>> memory;  // floats, for their alignment
  std::vector<std::byte*> pages;

  Pages(KvType type, std::size_t positions) {
    shape = {.layers = 1, .kv_heads = kKvHeads, .key_width = kWidth, .value_width = kWidth, .type = type};
    const std::size_t n_pages = (positions + kKvPagePositions - 1) / kKvPagePositions;
    shape.layers = std::max<std::size_t>(kCacheBytes / (n_pages * shape.page_bytes()), 1);
    for (std::size_t p = 0; p < n_pages; ++p) {
      memory.emplace_back(shape.page_bytes() / sizeof(float));
      pages.push_back(reinterpret_cast<std::byte*>(memory.back().data()));
    }
    // Few draws, many numbers: making them all would take longer than the measurement.
    const Philox random(7);
    std::vector<float> numbers(4099 + 2 * kWidth);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = Philox::uniform(random.block(i)[0]) - 0.5f;
    for (std::size_t position = 0; position < n_pages * kKvPagePositions; ++position) {
      for (std::size_t block = 0; block < shape.layers * kKvHeads; ++block) {
        const float* row = numbers.data() + (position * 131 + block * 17) % 4099;
        static_cast<void>(view().store(block / kKvHeads, block % kKvHeads, position, row, row + kWidth));
      }
    }
  }
  [[nodiscard]] KvView view() const { return {shape, pages}; }
  [[nodiscard]] double bytes_per_position() const {
    return static_cast<double>(kKvHeads * shape.block_bytes()) / kKvPagePositions;
  }
};

void store(benchmark::State& state, KvType type) {
  const Pages pages(type, 8192);
  const KvView view = pages.view();
  const std::vector<float> row(2 * kWidth, 0.3f);
  std::size_t i = 0;
  for (auto _ : state) {
    for (std::size_t g = 0; g < kKvHeads; ++g) {
      static_cast<void>(view.store(i % pages.shape.layers, g, i % 8192, row.data(), row.data() + kWidth));
    }
    ++i;
  }
}

void run(benchmark::State& state, Isa isa, KvType type) {
  const auto positions = static_cast<std::size_t>(state.range(0));
  const auto backend = Backend::create({.isa = isa, .matmul = MatmulPath::kNative});
  if (!backend.ok()) return state.SkipWithError(std::string(backend.status().message()).c_str());

  const Pages pages(type, positions);
  const KvShape& shape = pages.shape;
  const Philox random(11);
  std::vector<float> q(kHeads * kWidth), y(kHeads * kWidth), segment(kGroup * kWidth);
  for (std::size_t i = 0; i < q.size(); ++i) q[i] = 4.0f * Philox::uniform(random.block(i)[0]) - 2.0f;

  std::size_t layer = 0;
  for (auto _ : state) {
    for (std::size_t g = 0; g < kKvHeads; ++g) {
      BackendAccess::ops(*backend).attend({.q = q.data() + g * kGroup * kWidth,
                                           .q_stride = kWidth,
                                           .rows = 1,
                                           .q_row_stride = 0,
                                           .heads = kGroup,
                                           .pages = pages.pages.data(),
                                           .type = type,
                                           .block = shape.block(layer, g),
                                           .key_width = kWidth,
                                           .value_width = kWidth,
                                           .visible = positions,
                                           .scale = 1.0f / std::sqrt(static_cast<float>(kWidth)),
                                           .y = y.data() + g * kGroup * kWidth,
                                           .y_stride = kWidth,
                                           .y_row_stride = 0,
                                           .segment = segment.data()});
    }
    benchmark::DoNotOptimize(y.data());
    layer = (layer + 1) % shape.layers;
  }
  const auto seen = static_cast<double>(state.iterations()) * static_cast<double>(positions);
  state.counters["GFLOP/s"] = benchmark::Counter(1e-9 * seen * kHeads * 4 * kWidth, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(1e-9 * seen * pages.bytes_per_position(), benchmark::Counter::kIsRate);
  state.counters["Mpos/s"] = benchmark::Counter(1e-6 * seen, benchmark::Counter::kIsRate);
}

}  // namespace

int main(int argc, char** argv) {
  constexpr KvType kTypes[] = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0};
  for (const Isa isa : {Isa::kAvx512, Isa::kAvx2, Isa::kPortable}) {  // those that have kernels of their own
    for (const KvType type : kTypes) {
      const std::string label = "attention/" + std::string(name(isa)) + "/" + std::string(name(type));
      benchmark::RegisterBenchmark(label.c_str(), [isa, type](benchmark::State& state) { run(state, isa, type); })
          ->Arg(32)
          ->Arg(512)
          ->Arg(8192);
    }
  }
  for (const KvType type : kTypes) {
    const std::string label = "store/" + std::string(name(type));
    benchmark::RegisterBenchmark(label.c_str(), [type](benchmark::State& state) { store(state, type); });
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
