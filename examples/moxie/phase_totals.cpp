// SPDX-License-Identifier: Apache-2.0
#include "phase_totals.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

namespace moxie::program {

namespace {

constexpr Phase phase_at(std::size_t i) noexcept { return static_cast<Phase>(i); }

bool is_counted(const PhaseWork& work) noexcept {
  return work.bytes != 0 || work.int8_operations != 0 || work.f32_operations != 0;
}

}  // namespace

double PhaseTotals::seconds() const noexcept {
  double sum = 0;
  for (const Total& total : totals_) sum += total.seconds;
  return sum;
}

double limit_seconds(const PhaseWork& work, const Limits& limits) noexcept {
  return std::max(static_cast<double>(work.bytes) / limits.bytes,
                  static_cast<double>(work.int8_operations) / limits.int8_operations +
                      static_cast<double>(work.f32_operations) / limits.f32_operations);
}

void print_phases(const char* test, const PhaseTotals& totals, const Result<Limits>& limits) {
  const double all = totals.seconds();
  std::printf("\n%-16s %10s %8s %10s %10s%s\n", test, "ms", "share", "GB/s", "GOP/s",
              limits.ok() ? "   limit ms   of it" : "");
  double least = 0;
  for (std::size_t i = 0; i < kPhases; ++i) {
    const auto& [seconds, work] = totals.of(phase_at(i));
    if (seconds == 0) continue;
    std::printf("%-16s %10.2f %6.1f %%", std::string(name(phase_at(i))).c_str(), seconds * 1e3, seconds / all * 100);
    if (is_counted(work)) {
      const auto operations = static_cast<double>(work.int8_operations + work.f32_operations);
      std::printf(" %10.2f %10.2f", static_cast<double>(work.bytes) / seconds / 1e9, operations / seconds / 1e9);
      if (limits.ok()) {
        const double limit = limit_seconds(work, *limits);
        least += limit;
        std::printf(" %10.2f %5.0f %%", limit * 1e3, limit / seconds * 100);
      }
    }
    std::printf("\n");
  }
  std::printf("%-16s %10.2f %6.1f %%", "all", all * 1e3, 100.0);
  if (limits.ok()) std::printf(" %10s %10s %10.2f %5.0f %%", "", "", least * 1e3, least / all * 100);
  std::printf("\n");
}

nlohmann::ordered_json describe(const PhaseTotals& totals, const Result<Limits>& limits) {
  auto json = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < kPhases; ++i) {
    const auto& [seconds, work] = totals.of(phase_at(i));
    if (seconds == 0) continue;
    auto& phase = json[std::string(name(phase_at(i)))];
    phase = {{"seconds", seconds},
             {"bytes", work.bytes},
             {"int8_operations", work.int8_operations},
             {"f32_operations", work.f32_operations}};
    if (limits.ok()) phase["limit_seconds"] = limit_seconds(work, *limits);
  }
  return json;
}

nlohmann::ordered_json describe(const Limits& limits) {
  return {{"threads", limits.threads},
          {"read_gbs", limits.bytes / 1e9},
          {"int8_gops", limits.int8_operations / 1e9},
          {"f32_gflops", limits.f32_operations / 1e9},
          {"isa", limits.isa}};
}

}  // namespace moxie::program
