// SPDX-License-Identifier: Apache-2.0
// How fast is a product with float weights on each path, on one thread, against what memory and the
// FMA units allow? The counters are GFLOP/s and GB/s of weights.

#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <moxie/backend/linear.hpp>
#include <moxie/core/philox.hpp>

namespace {

using namespace moxie;

constexpr std::size_t kIn = 2048;
constexpr std::size_t kOut = 768;
// As many copies as fill it, and each iteration takes the next: decode reads experts from memory, not from cache.
constexpr std::size_t kCacheBytes = std::size_t{192} << 20;

void run(benchmark::State& state, MatmulPath path, std::optional<Isa> isa, ElementType type) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  auto backend = Backend::create({.isa = isa, .matmul = path});
  if (!backend.ok()) return state.SkipWithError(std::string(backend.status().message()).c_str());

  const std::size_t block = traits(type).block_elements;
  std::vector<std::byte> weights(kIn * kOut / block * size_of(type));
  const Philox random(7);
  if (is_quantized(type)) {  // any bytes are valid blocks; small scales keep the numbers finite
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<std::byte>(random.block(i)[0] & 0x1f);
  }
  for (std::size_t i = 0; !is_quantized(type) && i < weights.size() / size_of(type); ++i) {
    const float value = Philox::uniform(random.block(i)[0]) - 0.5f;
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto high = static_cast<std::uint16_t>(bits >> 16);
    type == ElementType::kF32 ? std::memcpy(&weights[i * 4], &bits, 4) : std::memcpy(&weights[i * 2], &high, 2);
  }
  std::vector<Linear> linears;
  const std::size_t copies = kCacheBytes / weights.size();
  for (std::size_t i = 0; i < copies; ++i) {
    auto linear = Linear::create(*backend, {weights.data(), type, kOut, kIn});
    if (!linear.ok()) return state.SkipWithError(std::string(linear.status().message()).c_str());
    linears.push_back(*std::move(linear));
  }
  auto workers = backend->make_workers(1).value();
  auto scratch = AlignedBuffer::create(linears[0].scratch_bytes(rows)).value();
  Workspace workspace(scratch.bytes());
  workspace.set_worker(workers[0].get());
  std::vector<float> x(rows * kIn, 0.25f), y(rows * kOut);

  std::size_t next = 0;
  for (auto _ : state) {
    const Status status = linears[next].apply(ConstRows(x.data(), rows, kIn), Rows(y.data(), rows, kOut), workspace);
    if (!status.ok()) return state.SkipWithError(std::string(status.message()).c_str());
    next = (next + 1) % copies;
  }
  const auto products = static_cast<double>(state.iterations()) * kIn * kOut;
  state.counters["GFLOP/s"] =
      benchmark::Counter(2e-9 * products * static_cast<double>(rows), benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(
      1e-9 * products * static_cast<double>(size_of(type)) / static_cast<double>(block), benchmark::Counter::kIsRate);
  state.SetLabel(std::string(linears[0].path()));
}

void add(const std::string& label, MatmulPath path, std::optional<Isa> isa, ElementType type) {
  benchmark::RegisterBenchmark(label.c_str(), [=](benchmark::State& state) { run(state, path, isa, type); })
      ->Arg(1)
      ->Arg(4)
      ->Arg(16)
      ->Arg(64)
      ->Arg(512)
      ->UseRealTime();
}

}  // namespace

int main(int argc, char** argv) {
  for (const ElementType type : {ElementType::kF32, ElementType::kBF16}) {
    const std::string suffix = std::string("/") + std::string(name(type));
    add("onednn" + suffix, MatmulPath::kOneDnn, std::nullopt, type);
    add("native avx512" + suffix, MatmulPath::kNative, Isa::kAvx512, type);
    add("native avx2" + suffix, MatmulPath::kNative, Isa::kAvx2, type);
  }
  // The levels that have kernels of their own.
  for (const ElementType type : {ElementType::kQ4_0, ElementType::kQ8_0, ElementType::kQ4_K, ElementType::kQ6_K}) {
    const std::string suffix = std::string("/") + std::string(name(type));
    add("native avx512vnni" + suffix, MatmulPath::kNative, Isa::kAvx512Vnni, type);
    add("native avx2" + suffix, MatmulPath::kNative, Isa::kAvx2, type);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
