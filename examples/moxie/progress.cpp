// SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include <chrono>
#include <cstdio>
#include <string>

#include <unistd.h>

namespace moxie::program {

namespace {

using Clock = std::chrono::steady_clock;

class Bar {
 public:
  bool operator()(const Progress& progress) {
    const Clock::time_point now = Clock::now();
    const bool over = progress.done == progress.total;
    // Ten times a second: often enough for an eye, too seldom to cost anything.
    if (!over && now - drawn_ < std::chrono::milliseconds(100)) return true;
    drawn_ = now;
    constexpr int kWidth = 40;
    const double share =
        progress.total == 0 ? 1 : static_cast<double>(progress.done) / static_cast<double>(progress.total);
    const double seconds = std::chrono::duration<double>(now - begun_).count();
    const int filled = static_cast<int>(share * kWidth);
    std::string bar(static_cast<std::size_t>(filled), '#');
    bar.resize(kWidth, '.');
    std::fprintf(stderr, "\r%.*s [%s] %3.0f %%  %.1f GB  %.2f GB/s", static_cast<int>(progress.what.size()),
                 progress.what.data(), bar.c_str(), share * 100, static_cast<double>(progress.done) / 1e9,
                 seconds > 0 ? static_cast<double>(progress.done) / 1e9 / seconds : 0.0);
    if (over) std::fputc('\n', stderr);
    return true;
  }

 private:
  Clock::time_point begun_ = Clock::now();
  Clock::time_point drawn_ = {};
};

}  // namespace

HostCallbacks progress_bar() {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return {.on_log = {}, .on_progress = Bar()};
}

}  // namespace moxie::program
