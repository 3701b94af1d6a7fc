// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include <nlohmann/json_fwd.hpp>

#include <moxie/core/phases.hpp>
#include <moxie/core/result.hpp>

#include "limits.hpp"

// Where the time of `moxie bench --profile` goes.

namespace moxie::program {

/// Adds up the spans of each phase.
class PhaseTotals final : public PhaseSink {
 public:
  struct Total {
    double seconds = 0;
    PhaseWork work;
  };

  void take(const PhaseSpan& span) noexcept override {
    Total& total = totals_[static_cast<std::size_t>(span.phase)];
    total.seconds += std::chrono::duration<double>(span.end - span.begin).count();
    total.work += span.work;
  }
  void clear() noexcept { totals_ = {}; }
  [[nodiscard]] const Total& of(Phase phase) const noexcept { return totals_[static_cast<std::size_t>(phase)]; }
  [[nodiscard]] double seconds() const noexcept;

 private:
  std::array<Total, kPhases> totals_ = {};
};

/// Seconds that the machine would take for it at least: its bytes from memory, or its operations.
[[nodiscard]] double limit_seconds(const PhaseWork& work, const Limits& limits) noexcept;

/// A line for each phase that took time. Without limits, the columns that need them are left out.
void print_phases(const char* test, const PhaseTotals& totals, const Result<Limits>& limits);
[[nodiscard]] nlohmann::ordered_json describe(const PhaseTotals& totals, const Result<Limits>& limits);
[[nodiscard]] nlohmann::ordered_json describe(const Limits& limits);

}  // namespace moxie::program
