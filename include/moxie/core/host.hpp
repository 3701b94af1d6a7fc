// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include <moxie/core/status.hpp>

namespace moxie::inline abi1 {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning };

/// How far a long call has come.
struct Progress {
  std::string_view what;   ///< "pack weights", ...
  std::uint64_t done = 0;  ///< in units of `what`; bytes for a load
  std::uint64_t total = 0;
};

/// What the host wants to hear. moxie never prints: whoever sets nothing hears nothing.
///
/// Errors   on_progress returns false to cancel (kCancelled); a throw becomes kHostException, and the
///          call that it came from leaves everything as it was.
/// Threads  called from the thread that called moxie, never from two at once.
struct HostCallbacks {
  std::function<void(LogLevel, std::string_view)> on_log = {};
  std::function<bool(const Progress&)> on_progress = {};

  void log(LogLevel level, std::string_view line) const noexcept {
    if (!on_log) return;
#if MOXIE_HAS_EXCEPTIONS
    try {
      on_log(level, line);
    } catch (...) {  // a log line is not worth failing for
    }
#else
    on_log(level, line);
#endif
  }

  [[nodiscard]] Status progress(const Progress& progress) const noexcept {
    if (!on_progress) return {};
#if MOXIE_HAS_EXCEPTIONS
    try {
      if (on_progress(progress)) return {};
    } catch (...) {
      return Status(Code::kHostException, progress.what, "on_progress to return", "an exception");
    }
#else
    if (on_progress(progress)) return {};
#endif
    return Status(Code::kCancelled, progress.what, "on_progress to go on",
                  Text("a stop after ", progress.done, " of ", progress.total));
  }
};

}  // namespace moxie
