// SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include <chrono>
#include <cstdio>
#include <string>

#include <unistd.h>

#include "interrupt.hpp"

namespace moxie::program {

namespace {

using Clock = std::chrono::steady_clock;

class Bar {
 public:
  void draw(const Progress& progress) {
    const Clock::time_point now = Clock::now();
    if (progress.what != what_) {
      what_ = progress.what;
      begun_ = now;
      drawn_ = now + std::chrono::milliseconds(400);  // what is over by then needs no bar
    }
    const bool over = progress.done >= progress.total;
    if (over ? !shown_ : now < drawn_) return;
    // Ten times a second: often enough for an eye, too seldom to cost anything.
    drawn_ = now + std::chrono::milliseconds(100);
    constexpr int kWidth = 40;
    const double share =
        progress.total == 0 ? 1 : static_cast<double>(progress.done) / static_cast<double>(progress.total);
    const double seconds = std::chrono::duration<double>(now - begun_).count();
    const int filled = static_cast<int>(share * kWidth);
    std::string bar(static_cast<std::size_t>(filled), '#');
    bar.resize(kWidth, '.');
    std::fprintf(stderr, "\r%s [%s] %3.0f %%  %.1f GB  %.2f GB/s", what_.c_str(), bar.c_str(), share * 100,
                 static_cast<double>(progress.done) / 1e9,
                 seconds > 0 ? static_cast<double>(progress.done) / 1e9 / seconds : 0.0);
    shown_ = !over;
    if (over) std::fputc('\n', stderr);
  }
  /// What is written next gets a line of its own.
  void leave() {
    if (shown_) std::fputc('\n', stderr);
    shown_ = false;
  }

 private:
  std::string what_;
  Clock::time_point begun_ = {};
  Clock::time_point drawn_ = {};
  bool shown_ = false;  // unfinished, on the line that the cursor is in
};

}  // namespace

HostCallbacks progress_bar() {
  const bool drawn = ::isatty(STDERR_FILENO) != 0;
  return {.on_log = {}, .on_progress = [bar = Bar(), drawn](const Progress& progress) mutable {
            if (drawn && progress.what != "open files") bar.draw(progress);  // all others count bytes
            if (!Interrupt::asked()) return true;
            bar.leave();
            return false;
          }};
}

}  // namespace moxie::program
