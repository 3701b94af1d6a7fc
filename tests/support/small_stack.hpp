// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <cstddef>
#include <functional>
#include <stdexcept>

namespace moxie::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::size_t kSmallStack = 4U << 20U;  // a sanitizer's frames are many times as large
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr std::size_t kSmallStack = 4U << 20U;
#else
inline constexpr std::size_t kSmallStack = 256U << 10U;
#endif
#else
inline constexpr std::size_t kSmallStack = 256U << 10U;
#endif

/// Runs `body` on a thread with a stack of 256 KiB; one that overflows ends the test program.
inline void on_small_stack(std::function<void()> body) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, kSmallStack) != 0) {
    throw std::runtime_error("no thread with a small stack");
  }
  const auto run = [](void* work) -> void* {
    (*static_cast<std::function<void()>*>(work))();
    return nullptr;
  };
  pthread_t thread;
  const bool started = pthread_create(&thread, &attributes, run, &body) == 0;
  pthread_attr_destroy(&attributes);
  if (!started || pthread_join(thread, nullptr) != 0) throw std::runtime_error("no thread with a small stack");
}

}  // namespace moxie::test
