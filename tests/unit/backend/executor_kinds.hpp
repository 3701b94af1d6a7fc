// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <moxie/backend/executors.hpp>

namespace moxie::testing {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif
#else
inline constexpr bool kThreadSanitizer = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif
#else
inline constexpr bool kAddressSanitizer = false;
#endif

/// OpenMP first where it can be tested. Under the thread sanitizer it cannot: the OpenMP libraries are
/// not built for it, and it takes their barriers for races.
inline std::vector<ExecutorKind> kinds_under_test() {
  std::vector<ExecutorKind> kinds;
  if (executor_available(ExecutorKind::kOpenMp) && !kThreadSanitizer) kinds.push_back(ExecutorKind::kOpenMp);
  kinds.push_back(ExecutorKind::kThreads);
  kinds.push_back(ExecutorKind::kSerial);
  return kinds;
}

}  // namespace moxie::testing
