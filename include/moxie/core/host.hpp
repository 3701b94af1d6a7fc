// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include <moxie/core/guard.hpp>

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
/// Errors   on_progress returns false to cancel (kCancelled); a throw becomes an error, as guarded()
///          says, and the call that it came from leaves everything as it was.
/// Threads  called from the thread that called moxie, never from two at once.
struct HostCallbacks {
  std::function<void(LogLevel, std::string_view)> on_log = {};
  std::function<bool(const Progress&)> on_progress = {};

  MOXIE_OPTION_TAG void log(LogLevel level, std::string_view line) const noexcept {
    if (!on_log) return;
    // A log line is not worth failing for.
    static_cast<void>(guarded("on_log", [&]() -> Status {
      on_log(level, line);
      return {};
    }));
  }

  MOXIE_OPTION_TAG [[nodiscard]] Status progress(const Progress& progress) const noexcept {
    if (!on_progress) return {};
    return guarded(progress.what, [&]() -> Status {
      if (on_progress(progress)) return {};
      return Status(Code::kCancelled, progress.what, "on_progress to go on",
                    Text("a stop after ", progress.done, " of ", progress.total));
    });
  }
};

}  // namespace moxie
