// SPDX-License-Identifier: Apache-2.0
// What does this machine allow? Read bandwidth, int8 dot products and f32 multiply-adds of all threads together, as
// JSON: the limits that bench/compare.py holds the measurements against, and `moxie bench --profile` its phases.
//
//   bench_probe [THREADS]

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "../examples/moxie/limits.hpp"

int main(int argc, char** argv) {
  const std::size_t wanted = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : std::thread::hardware_concurrency();
  const auto limits = moxie::program::probe_limits(std::max<std::size_t>(wanted, 1));
  if (!limits.ok()) {
    std::fprintf(stderr, "bench_probe: %s\n", std::string(limits.status().message()).c_str());
    return 1;
  }
  std::printf("{\"threads\":%zu,\"read_gbs\":%.2f,\"int8_gops\":%.1f,\"f32_gflops\":%.1f,\"isa\":\"%s\"}\n",
              limits->threads, limits->bytes / 1e9, limits->int8_operations / 1e9, limits->f32_operations / 1e9,
              std::string(limits->isa).c_str());
  return 0;
}
