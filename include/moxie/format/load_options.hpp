// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <moxie/core/budget.hpp>
#include <moxie/core/host.hpp>

namespace moxie::inline abi1 {

/// How a checkpoint is brought in.
struct LoadOptions {
  /// false: the files are mapped. Opening is immediate and pages are shared between processes, but the
  /// files are trusted to stay as they are: one that is truncated later raises SIGBUS where it is read,
  /// and a library cannot catch that without a signal handler of its own.
  /// true: the files are read into memory, once; what happens to them afterwards does not matter.
  bool read = false;

  /// Charged with the bytes that `read` takes, before they are taken; null for no limit. Mapped pages
  /// belong to the system and are not charged.
  std::shared_ptr<Budget> memory = {};

  /// Progress "open files" counts files, "read weights" counts bytes. Either may be cancelled.
  HostCallbacks callbacks = {};
};

}  // namespace moxie
