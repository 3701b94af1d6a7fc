// SPDX-License-Identifier: Apache-2.0
#include "limits.hpp"

#include <moxie/core/text.hpp>

#if defined(__x86_64__)

#include <immintrin.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace moxie::program {

namespace {

using Clock = std::chrono::steady_clock;

/// Seconds that `work(thread)` takes on all threads at once.
double timed(std::size_t threads, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> ready{0};
  std::vector<std::thread> others;
  const auto run = [&](std::size_t thread) {
    ++ready;
    while (ready.load() < threads) {
    }
    work(thread);
  };
  for (std::size_t t = 1; t < threads; ++t) others.emplace_back(run, t);
  const Clock::time_point begin = Clock::now();
  run(0);
  for (std::thread& thread : others) thread.join();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double best_of(int runs, std::size_t threads, const std::function<void(std::size_t)>& work) {
  double best = timed(threads, work);
  for (int i = 1; i < runs; ++i) best = std::min(best, timed(threads, work));
  return best;
}

constexpr std::size_t kReadBytes = std::size_t{256} << 20;  // of each thread: far beyond any cache
constexpr long kRounds = 4'000'000;
constexpr int kChains = 16;  // independent sums, enough to hide the latency

struct Free {
  void operator()(char* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<char, Free>;

/// As moxie keeps weights: where the system gives huge pages, in those.
Memory huge_pages(std::size_t bytes) {
  constexpr std::size_t kHuge = std::size_t{2} << 20;
  const std::size_t rounded = (bytes + kHuge - 1) / kHuge * kHuge;
  Memory memory(static_cast<char*>(std::aligned_alloc(kHuge, rounded)));
  if (memory == nullptr) return memory;
#if defined(MADV_HUGEPAGE)
  static_cast<void>(madvise(memory.get(), rounded, MADV_HUGEPAGE));
#endif
  std::memset(memory.get(), 1, rounded);
  return memory;
}

/// `kAhead`: bytes ahead that are asked for; 0 leaves that to the hardware, which some CPUs do better.
template <std::size_t kAhead>
__attribute__((target("avx2"))) void read_all(const char* data, std::size_t bytes) {
  __m256i sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i < bytes; i += 128) {
    if constexpr (kAhead != 0) {
      __builtin_prefetch(data + i + kAhead, 0, 2);
      __builtin_prefetch(data + i + kAhead + 64, 0, 2);
    }
    for (std::size_t j = 0; j < 128; j += 32) {
      sum = _mm256_or_si256(sum, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + i + j)));
    }
  }
  __asm__ volatile("" : : "x"(sum));
}

// The sums pass through empty asm, so that no round can be left out.
__attribute__((target("avx512f,avx512vnni"))) void dots_vnni() {
  __m512i sums[kChains];
  const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(2);
#pragma GCC unroll 16
  for (int c = 0; c < kChains; ++c) sums[c] = a;
  for (long i = 0; i < kRounds; ++i) {
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) {
      sums[c] = _mm512_dpbusd_epi32(sums[c], a, b);
      __asm__("" : "+v"(sums[c]));
    }
  }
  __m512i all = sums[0];
#pragma GCC unroll 16
  for (int c = 1; c < kChains; ++c) all = _mm512_or_si512(all, sums[c]);
  __asm__ volatile("" : : "v"(all));
}

__attribute__((target("avx2"))) void dots_avx2() {
  __m256i sums[8];
  const __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(2), ones = _mm256_set1_epi16(1);
#pragma GCC unroll 16
  for (int c = 0; c < 8; ++c) sums[c] = a;
  for (long i = 0; i < kRounds; ++i) {
#pragma GCC unroll 8
    for (int c = 0; c < 8; ++c) {
      __m256i x = a;
      __asm__("" : "+x"(x));
      sums[c] = _mm256_add_epi32(sums[c], _mm256_madd_epi16(_mm256_maddubs_epi16(x, b), ones));
    }
  }
  __m256i all = sums[0];
#pragma GCC unroll 16
  for (int c = 1; c < 8; ++c) all = _mm256_or_si256(all, sums[c]);
  __asm__ volatile("" : : "x"(all));
}

__attribute__((target("avx512f"))) void fmas_avx512() {
  __m512 sums[kChains];
  const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(1e-9f);
#pragma GCC unroll 16
  for (int c = 0; c < kChains; ++c) sums[c] = a;
  for (long i = 0; i < kRounds; ++i) {
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) {
      sums[c] = _mm512_fmadd_ps(a, b, sums[c]);
      __asm__("" : "+v"(sums[c]));
    }
  }
  __m512 all = sums[0];
#pragma GCC unroll 16
  for (int c = 1; c < kChains; ++c) all = _mm512_add_ps(all, sums[c]);
  __asm__ volatile("" : : "v"(all));
}

__attribute__((target("avx2,fma"))) void fmas_avx2() {
  __m256 sums[12];
  const __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(1e-9f);
#pragma GCC unroll 16
  for (int c = 0; c < 12; ++c) sums[c] = a;
  for (long i = 0; i < kRounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < 12; ++c) {
      sums[c] = _mm256_fmadd_ps(a, b, sums[c]);
      __asm__("" : "+x"(sums[c]));
    }
  }
  __m256 all = sums[0];
#pragma GCC unroll 16
  for (int c = 1; c < 12; ++c) all = _mm256_add_ps(all, sums[c]);
  __asm__ volatile("" : : "x"(all));
}

}  // namespace

Result<Limits> probe_limits(std::size_t threads) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    return Status(Code::kUnsupported, "limits", "a CPU with AVX2", "another");
  }
  const auto count = static_cast<double>(threads);
  std::vector<Memory> memory(threads);
  static_cast<void>(timed(threads, [&](std::size_t t) { memory[t] = huge_pages(kReadBytes + 32768); }));
  if (std::ranges::any_of(memory, [](const Memory& part) { return part == nullptr; })) {
    return Status(Code::kNoMemory, "limits", Text(kReadBytes, " bytes for each of ", threads, " threads"), "none");
  }
  const double read =
      std::min({best_of(3, threads, [&](std::size_t t) { read_all<0>(memory[t].get(), kReadBytes); }),
                best_of(3, threads, [&](std::size_t t) { read_all<4096>(memory[t].get(), kReadBytes); }),
                best_of(3, threads, [&](std::size_t t) { read_all<16384>(memory[t].get(), kReadBytes); })});
  const bool vnni = __builtin_cpu_supports("avx512vnni") != 0;
  const double dots = best_of(3, threads, [&](std::size_t) { vnni ? dots_vnni() : dots_avx2(); });
  const double dot_operations = static_cast<double>(kRounds) * (vnni ? kChains * 128.0 : 8 * 64.0);
  const bool wide = __builtin_cpu_supports("avx512f") != 0;
  const double fmas = best_of(3, threads, [&](std::size_t) { wide ? fmas_avx512() : fmas_avx2(); });
  const double fma_operations = static_cast<double>(kRounds) * (wide ? kChains * 32.0 : 12 * 16.0);
  return Limits{.threads = threads,
                .bytes = count * static_cast<double>(kReadBytes) / read,
                .int8_operations = count * dot_operations / dots,
                .f32_operations = count * fma_operations / fmas,
                .isa = vnni ? "avx512vnni" : "avx2"};
}

}  // namespace moxie::program

#else

namespace moxie::program {

Result<Limits> probe_limits(std::size_t) {
  return Status(Code::kUnsupported, "limits", "an x86-64 CPU with AVX2", "another architecture");
}

}  // namespace moxie::program

#endif
