// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <cstddef>
#include <functional>
#include <stdexcept>

#include "support/sanitized.hpp"

namespace moxie::test {

inline constexpr std::size_t kSmallStack = kSanitized ? 4U << 20U : 256U << 10U;

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
