// SPDX-License-Identifier: Apache-2.0
// How fast is text turned into tokens: mixed text in MB/s, and one megabyte of one kind of character in ms?
//
//   bench_tokenizer FOLDER TEXT     a folder with tokenizer.json, a file of mixed text

#include <cstdio>
#include <string>

#include <benchmark/benchmark.h>

#include <moxie/text/tokenizer.hpp>

namespace {

using namespace moxie;

void run(benchmark::State& state, const Tokenizer& tokenizer, const std::string& text) {
  for (auto _ : state) {
    auto ids = tokenizer.encode(text);
    if (!ids.ok()) return state.SkipWithError(std::string(ids.status().message()).c_str());
    benchmark::DoNotOptimize(ids->data());
  }
  state.counters["MB/s"] = benchmark::Counter(
      1e-6 * static_cast<double>(text.size()) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

std::string megabyte(std::string_view unit) {
  std::string text;
  while (text.size() + unit.size() <= 1'000'000) text += unit;
  return text;
}

bool read(const char* path, std::string& text) {
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr) return false;
  char block[65536];
  while (const std::size_t bytes = std::fread(block, 1, sizeof(block), file)) text.append(block, bytes);
  std::fclose(file);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::string mixed;
  if (argc != 3 || !read(argv[2], mixed)) {
    std::fprintf(stderr, "bench_tokenizer FOLDER TEXT\n");
    return 2;
  }
  const Result<Tokenizer> tokenizer = Tokenizer::load(argv[1]);
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", std::string(tokenizer.status().message()).c_str());
    return 1;
  }
  std::printf("%s\n", std::string(tokenizer->description()).c_str());
  const std::pair<std::string, std::string> texts[] = {{"mixed", mixed},
                                                       {"a", megabyte("a")},
                                                       {"space", megabyte(" ")},
                                                       {"digit", megabyte("7")},
                                                       {"sign", megabyte("!")},
                                                       {"line", megabyte("\r\n")},
                                                       {"han", megabyte("\u4e2d")},
                                                       {"marks", megabyte("\u0301\u0327")},
                                                       {"emoji", megabyte("\U0001f600")},
                                                       {"no UTF-8", megabyte("\xff")}};
  for (const auto& [name, text] : texts) {
    benchmark::RegisterBenchmark(name.c_str(), [&](benchmark::State& state) {
      run(state, *tokenizer, text);
    })->Unit(benchmark::kMillisecond);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
