// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/core/phases.hpp>

namespace moxie::inline abi1 {

/// Tells a sink of the phases of a kernel's steps. Each phase lasts until the next one is entered, so whoever begins
/// something says so, and nobody has to say that it ended. Without a sink it reads no clock.
class PhaseClock {
 public:
  explicit PhaseClock(PhaseSink* sink) noexcept : sink_(sink) {}

  /// Whether somebody listens: then it is worth finding out what a phase has to do.
  [[nodiscard]] bool runs() const noexcept { return sink_ != nullptr; }

  void begin_step() noexcept {
    ++step_;
    layer_ = 0;
  }
  /// Of the phases that follow.
  void set_layer(std::size_t layer) noexcept { layer_ = layer; }
  void enter(Phase phase, std::size_t rows, const PhaseWork& work = {}) noexcept {
    if (!runs()) return;
    const PhaseSpan::Time now = close();
    span_ = {.phase = phase, .step = step_, .layer = layer_, .rows = rows, .work = work, .begin = now};
    open_ = true;
  }
  void end_step() noexcept {
    if (runs()) close();
    open_ = false;
  }

 private:
  PhaseSpan::Time close() noexcept {
    const PhaseSpan::Time now = std::chrono::steady_clock::now();
    if (!open_) return now;
    span_.end = now;
    sink_->take(span_);
    return std::chrono::steady_clock::now();  // what the sink did is nobody's
  }

  PhaseSink* sink_;
  std::uint64_t step_ = 0;
  std::size_t layer_ = 0;
  bool open_ = false;
  PhaseSpan span_;
};

}  // namespace moxie
