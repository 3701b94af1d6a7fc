// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace moxie::program {

/// Ctrl-C ends the program with a sentence; while an Interrupt lives, the first one asks the work to stop instead.
/// Where the program was started with the signal ignored, it stays so.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// true: it was pressed since the last clear().
  static const std::atomic<bool>& asked() noexcept;
  static void clear() noexcept;

  /// Takes the signal over, for the rest of the program.
  static void install() noexcept;
  /// Ends the program as the signal would, so that a shell's loop ends with it.
  [[noreturn]] static void end() noexcept;
};

}  // namespace moxie::program
