// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <moxie/backend/executors.hpp>

#include "support/sanitized.hpp"

namespace moxie::testing {

/// OpenMP first where it can be tested. Under the thread sanitizer it cannot: the OpenMP libraries are
/// not built for it, and it takes their barriers for races.
inline std::vector<ExecutorKind> kinds_under_test() {
  std::vector<ExecutorKind> kinds;
  if (executor_available(ExecutorKind::kOpenMp) && !test::kThreadSanitizer) kinds.push_back(ExecutorKind::kOpenMp);
  kinds.push_back(ExecutorKind::kThreads);
  kinds.push_back(ExecutorKind::kSerial);
  return kinds;
}

}  // namespace moxie::testing
