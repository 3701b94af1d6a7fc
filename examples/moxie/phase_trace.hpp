// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <moxie/core/phases.hpp>
#include <moxie/core/result.hpp>

namespace moxie::program {

/// Keeps the spans of all steps, for a viewer of traces (chrome://tracing, Perfetto).
class PhaseTrace final : public PhaseSink {
 public:
  /// Makes the file, so that one that cannot be written is known before anything is computed.
  ///
  /// Errors   kIo: the system's reason.
  static Result<std::shared_ptr<PhaseTrace>> create(const std::string& path);

  void take(const PhaseSpan& span) noexcept override;

  /// The trace event format: an event for each step, and within it one for each phase.
  ///
  /// Errors   kIo: the system's reason. kNoMemory: spans were lost for want of memory; those that were kept are
  ///          written.
  /// Source   "Trace Event Format", the JSON object form with complete events ("ph": "X").
  Status write();

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::vector<PhaseSpan> spans_;
  std::size_t lost_ = 0;
};

}  // namespace moxie::program
